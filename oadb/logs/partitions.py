"""Partitions of log tables, and the rows about logs that expire.

Only the owner of the tables may change them: see ``oadb maintain``.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.validation.argument_rules import Positive

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner of the log tables, and whether the role of this connection has its rights."""

    role_name: str
    owner_name: str
    is_ours: bool


@dataclass(frozen=True, slots=True)
class Missing:
    """A partition that should exist by now; one that is due will be needed soon."""

    table_name: str
    partition_name: str
    starts_at: datetime
    is_due: bool


@dataclass(frozen=True, slots=True)
class Strays:
    """Rows in the default partition of a table, and the start of the period they belong to.

    ``starts_at`` is None for times that cannot have a partition: before 1970 and after 9998.
    """

    table_name: str
    starts_at: datetime | None
    rows: int


@dataclass(frozen=True, slots=True)
class Maintenance:
    """When ``oadb maintain`` last completed; ``is_long_ago`` means more than two days.

    Until it first runs, ``maintained_at`` is when the tables were created.
    """

    maintained_at: datetime
    is_long_ago: bool
    has_run: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """How many rows of logs were not stored in the last day."""

    rejected: int
    dropped: int


@query
def find_owner() -> Owner: ...


@query
def claim_maintenance() -> None: ...


@query
def list_tables() -> list[str]: ...


@query
def list_missing() -> list[Missing]: ...


@query
def list_strays() -> list[Strays]: ...


@query
def list_expired(table_name: str, age: timedelta) -> list[str]: ...


@query
def make(table_name: str, moment: datetime, patience: timedelta = timedelta(seconds=10)) -> int: ...


@query
def drop(
    table_name: str, partition_name: str, patience: timedelta = timedelta(seconds=10)
) -> None: ...


@query
def note_maintenance() -> Affected: ...


@query
def find_last_maintenance() -> Maintenance: ...


@query
def count_lost() -> Lost: ...


@query
def delete_expired_batches(*, batch: Positive = 1000) -> Affected: ...


@query
def delete_expired_rejects(*, batch: Positive = 1000) -> Affected: ...


@query
def delete_expired_drops(*, batch: Positive = 1000) -> Affected: ...


query.complete()
