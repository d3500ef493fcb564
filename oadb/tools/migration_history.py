"""What the database knows of migrations. The SQL is in sql/queries/migrations.sql."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TypeVar

import psycopg
from psycopg.rows import class_row

from oadb.engine.statements import Statement, load

Row = TypeVar("Row")
Connection = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Locked:
    """Whether the lock was free, and now is ours."""

    locked: bool


@dataclass(frozen=True, slots=True)
class LockHolder:
    """The session that holds the lock."""

    pid: int
    application_name: str
    since: datetime


@dataclass(frozen=True, slots=True)
class LockRow:
    """The process in the lock row of yoyo: of a host, or, below zero, of the server."""

    pid: int


@dataclass(frozen=True, slots=True)
class YoyoLock:
    """Who holds the lock row of yoyo."""

    pid: int
    since: datetime


@dataclass(frozen=True, slots=True)
class History:
    """A schema that holds tables of yoyo; the current one is where yoyo looks."""

    schema_name: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Applied:
    """A migration that yoyo marked as applied."""

    migration_id: str
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """Whether there is a table of checksums."""

    kept: bool


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a migration said when it was applied."""

    migration_id: str
    checksum: bytes
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class InvalidIndex:
    """An index that a failed build left behind."""

    index_name: str


def try_lock(connection: Connection) -> bool:
    """Take the lock of migrations for this session, if it is free."""
    return _rows(connection, "try_lock", Locked)[0].locked


def find_lock_holder(connection: Connection) -> LockHolder | None:
    """Return who holds the lock of migrations."""
    return next(iter(_rows(connection, "find_lock_holder", LockHolder)), None)


def hold_yoyo_lock(connection: Connection) -> bool:
    """Write the lock row of yoyo, if there is none."""
    return bool(_rows(connection, "hold_yoyo_lock", LockRow))


def free_yoyo_lock(connection: Connection) -> None:
    """Remove our lock row, whether of this run or of one that was killed."""
    _run(connection, "free_yoyo_lock")


def find_yoyo_lock(connection: Connection) -> YoyoLock | None:
    """Return the lock row of yoyo."""
    return next(iter(_rows(connection, "find_yoyo_lock", YoyoLock)), None)


def list_histories(connection: Connection) -> list[History]:
    """Return the schemas in which yoyo keeps a history."""
    return _rows(connection, "list_histories", History)


def list_applied(connection: Connection) -> list[Applied]:
    """Return what yoyo marked as applied, oldest first."""
    return _rows(connection, "list_applied", Applied)


def keeps_checksums(connection: Connection) -> bool:
    """Say whether there is a table of checksums: the first migration creates it."""
    return _rows(connection, "keeps_checksums", Kept)[0].kept


def list_checksums(connection: Connection) -> list[Checksum]:
    """Return the checksums kept."""
    return _rows(connection, "list_checksums", Checksum)


def list_invalid_indexes(connection: Connection) -> list[InvalidIndex]:
    """Return the indexes that failed builds left behind."""
    return _rows(connection, "list_invalid_indexes", InvalidIndex)


def record_checksum(connection: Connection, migration_id: str, checksum: bytes) -> None:
    """Keep what an applied migration says."""
    _run(connection, "record_checksum", migration_id=migration_id, checksum=checksum)


def forget_checksum(connection: Connection, migration_id: str) -> None:
    """Forget what a migration said."""
    _run(connection, "forget_checksum", migration_id=migration_id)


@cache
def _statements() -> dict[str, Statement]:
    return load("migrations")


def _rows(connection: Connection, name: str, row: type[Row]) -> list[Row]:
    with psycopg.RawCursor(connection, row_factory=class_row(row)) as cursor:
        return cursor.execute(_statements()[name].sql).fetchall()


def _run(connection: Connection, name: str, **values: str | bytes) -> None:
    statement = _statements()[name]
    with psycopg.RawCursor(connection) as cursor:
        cursor.execute(statement.sql, [values[param] for param in statement.params])
