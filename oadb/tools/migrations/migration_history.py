"""The records of migrations in the database, and the locks of their runs."""

from dataclasses import dataclass
from datetime import datetime

from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class LockHolder:
    """The session that holds the lock of a run."""

    pid: int
    application_name: str
    since: datetime


@dataclass(frozen=True, slots=True)
class YoyoLock:
    """The holder of yoyo's lock row.

    ``pid`` is that of a yoyo command on some host; negative: minus the server process of a run of
    oadb.
    """

    pid: int
    since: datetime


@dataclass(frozen=True, slots=True)
class YoyoSchema:
    """A schema with tables of yoyo; yoyo uses those in the current schema."""

    schema_name: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Applied:
    """A migration that yoyo marked as applied."""

    migration_id: str
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class Checksum:
    """The SHA-256 of a migration's file when it was applied."""

    migration_id: str
    checksum: bytes
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class Logged:
    """The package of a migration, and the SHA-256 of its file when it was applied."""

    migration_id: str
    package_name: str
    checksum: bytes


@query
def has_run_lock() -> bool: ...


@query
def create_run_lock() -> None: ...


@query
def create_run_lock_in_public() -> None: ...


@query
def lock_runs() -> None: ...


@query
def find_lock_holder() -> LockHolder | None: ...


@query
def hold_yoyo_lock() -> int | None: ...


@query
def free_yoyo_lock() -> Affected: ...


@query
def find_yoyo_lock() -> YoyoLock | None: ...


@query
def find_current_schema() -> str | None: ...


@query
def set_path(schema: str) -> str: ...


@query
def list_histories() -> list[YoyoSchema]: ...


@query
def list_applied() -> list[Applied]: ...


@query
def keeps_checksums() -> bool: ...


@query
def list_checksums() -> list[Checksum]: ...


@query
def record_checksum(migration_id: str, checksum: bytes) -> Affected: ...


@query
def forget_checksum(migration_id: str) -> Affected: ...


@query
def list_logged() -> list[Logged]: ...


@query
def list_marked() -> list[str]: ...


@query
def record_in_log(migration_id: str, package_name: str, checksum: bytes) -> Affected: ...


@query
def list_invalid_indexes(schemas: list[str]) -> list[str]: ...


query.complete()
