"""Apply migrations, undo them, and say which are applied. yoyo runs them; this makes it safe.

The yoyo command and this module keep one history, and either may follow the other. Run them
on the server itself, not through a pooler that shares sessions: their lock is the session's.
"""

import logging
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from oadb.engine.dsn import Dsn, reachable
from oadb.engine.single_connection import SingleConnection
from oadb.errors import MigrationError
from oadb.tools.migrations import migration_history as history
from oadb.tools.migrations import run_lock, script_folder
from oadb.tools.migrations.explanations import named
from oadb.tools.migrations.script_folder import Migration
from oadb.tools.migrations.states import MigrationStatus, compare, explain
from oadb.tools.migrations.yoyo_backend import READ_ONLY, Backend, check_user

logger = logging.getLogger("oadb.migrations")

WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did: ids of migrations, in the order in which they were handled."""

    applied: tuple[str, ...]
    adopted: tuple[str, ...]
    """Applied earlier by the yoyo command; what their files say now counts from here on."""


def migrate(dsn: Dsn, *, folder: Path | None = None, wait: float = WAIT) -> Report:
    """Apply every migration that the database lacks; wait at most *wait* seconds for another run.

    Raises MigrationError before anything is run if files, or files and database, disagree;
    later if a migration fails, when those before it stay. Raises UnavailableError.
    """
    migrations = script_folder.read(folder)
    with _run(dsn, wait) as backend:
        session = backend.session
        statuses = _compare(session, migrations)
        _refuse([explain(status) for status in statuses])
        _refuse([_left_behind(name) for name in history.list_invalid_indexes(session)])
        adopted = _select(migrations, statuses, "unrecorded")
        for migration in adopted:
            history.record_checksum(session, migration.id, migration.checksum)
        applied = [*_apply(backend, _select(migrations, statuses, "pending"))]
        return Report(tuple(applied), tuple(migration.id for migration in adopted))


def rollback(
    dsn: Dsn, *, count: int = 1, folder: Path | None = None, wait: float = WAIT
) -> tuple[str, ...]:
    """Undo the last *count* migrations; return their ids, the last applied first.

    Raises as ``migrate`` does; also if fewer than *count* are applied.
    """
    migrations = script_folder.read(folder)
    with _run(dsn, wait) as backend:
        statuses = _compare(backend.session, migrations)
        _refuse([explain(status) for status in statuses if status.applied_at])
        applied = _select(migrations, statuses, "applied", "unrecorded")
        if not 1 <= count <= len(applied):
            raise MigrationError(
                f"cannot undo {count} migrations: {len(applied)} are applied; "
                "the count is from 1 to that"
            )
        return tuple(_undo(backend, applied[: -count - 1 : -1]))


def status(dsn: Dsn, *, folder: Path | None = None) -> list[MigrationStatus]:
    """Return every migration, of the files and of the database, and its state. Changes nothing.

    Raises MigrationError if the files themselves are not in order, and UnavailableError.
    """
    migrations = script_folder.read(folder)
    with (
        reachable(dsn) as reached,
        Backend.open(reached, READ_ONLY) as backend,
        named("status"),
    ):
        return _compare(backend.session, migrations)


@contextmanager
def _run(dsn: Dsn, wait: float) -> Generator[Backend]:
    """Connect, lock, and have yoyo's tables ready."""
    check_user()
    with (
        reachable(dsn) as reached,
        Backend.open(reached) as backend,
        named("preparing migrations"),
        run_lock.hold(backend, wait),
    ):
        _check_history(backend.session)
        backend.create_tables()
        yield backend


def _apply(backend: Backend, migrations: Sequence[Migration]) -> Iterator[str]:
    for migration in migrations:
        with named(migration.id):
            run_lock.check(backend.session)
            backend.apply(migration)
        logger.info("applied %s", migration.id)
        yield migration.id


def _undo(backend: Backend, migrations: Sequence[Migration]) -> Iterator[str]:
    for migration in migrations:
        with named(f"{migration.id}.rollback"):
            run_lock.check(backend.session)
            backend.undo(migration)
        logger.info("rolled back %s", migration.id)
        yield migration.id


def _compare(session: SingleConnection, migrations: Sequence[Migration]) -> list[MigrationStatus]:
    has_history = _check_history(session)
    return compare(
        migrations,
        history.list_applied(session) if has_history else [],
        history.list_checksums(session) if history.keeps_checksums(session) else [],
    )


def _check_history(session: SingleConnection) -> bool:
    """Say whether yoyo has a history where it looks. Raises MigrationError if only elsewhere."""
    histories = history.list_histories(session)
    has_history = any(found.is_current for found in histories)
    if not has_history and histories and history.keeps_checksums(session):
        raise MigrationError(
            "migrations were applied, but yoyo's record of them is not where search_path leads; "
            f"it is in schema {', '.join(found.schema_name for found in histories)}\n"
            "    hint: run as the role that applied them, or begin its search_path with that schema"
        )
    return has_history


def _select(
    migrations: Sequence[Migration], statuses: Sequence[MigrationStatus], *states: str
) -> list[Migration]:
    chosen = {status.migration_id for status in statuses if status.state in states}
    return [migration for migration in migrations if migration.id in chosen]


def _left_behind(index: str) -> str:
    return (
        f"index {index} is invalid, left behind by a failed create index concurrently\n"
        f"    hint: drop index concurrently {index}; then run again"
    )


def _refuse(problems: Sequence[str | None]) -> None:
    found = [problem for problem in problems if problem is not None]
    if found:
        raise MigrationError("\n".join(["nothing was run", *found]))
