"""Applies and undoes migrations with yoyo, and reports their states.

The yoyo command and this module share one history and may be used in turn. Connect to the server
directly, not through a pooler that shares sessions: the lock belongs to the session.
"""

import logging
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from oadb.engine.binding.packages import Package, find
from oadb.engine.dsn import Dsn, reachable
from oadb.engine.single_connection import SingleConnection
from oadb.errors import MigrationError
from oadb.tools.migrations import history_schema, package_order, run_lock
from oadb.tools.migrations import migration_history as history
from oadb.tools.migrations.explanations import explained
from oadb.tools.migrations.script_folder import Migration
from oadb.tools.migrations.states import MigrationStatus, compare, explain, known
from oadb.tools.migrations.yoyo_backend import READ_ONLY, Backend, check_user, record

logger = logging.getLogger("oadb.migrations")

WAIT = 60.0
"""Seconds to wait for another run."""


@dataclass(frozen=True, slots=True)
class _Scope:
    """The packages that a run is about, and their migrations, in the order of applying them.

    Among these are those of oadb, if a package depends on it; they are applied, and never undone.
    """

    packages: tuple[str, ...]
    migrations: Sequence[Migration]

    @classmethod
    def of(cls, packages: Sequence[Package] | None) -> Self:
        chosen = [find("oadb")] if packages is None else packages
        return cls(tuple(package.name for package in chosen), package_order.read(chosen))

    def select(self, statuses: Sequence[MigrationStatus], *states: str) -> list[Migration]:
        chosen = {status.migration_id for status in statuses if status.state in states}
        return [migration for migration in self.migrations if migration.id in chosen]


@dataclass(frozen=True, slots=True)
class Report:
    """The ids of the migrations that a run applied, and of those that it adopted, in order."""

    applied: tuple[str, ...]
    adopted: tuple[str, ...]
    """Applied earlier by the yoyo command; this run recorded the checksums of their files."""


def migrate(dsn: Dsn, *, packages: Sequence[Package] | None = None, wait: float = WAIT) -> Report:
    """Apply all pending migrations; wait at most *wait* seconds for another run.

    Args:
        packages: those whose migrations are meant; by default oadb.

    Raises:
        MigrationError: the files are invalid or disagree with the database, and nothing was run;
            or a migration failed, and those before it stay applied; or another run did not end.
        UnavailableError: no connection to the server.
    """
    scope = _Scope.of(packages)
    with _run(dsn, wait) as backend:
        pending, adopted = _to_apply(backend.session, scope)
        for migration in adopted:
            record(backend.session, migration)
        return Report(tuple(_apply(backend, pending)), _ids(adopted))


def plan(dsn: Dsn, *, packages: Sequence[Package] | None = None) -> Report:
    """Return what ``migrate`` would do now. Changes nothing.

    Raises:
        MigrationError: ``migrate`` would run nothing; the text says why.
        UnavailableError: no connection to the server.
    """
    scope = _Scope.of(packages)
    with _reading(dsn) as session:
        pending, adopted = _to_apply(session, scope)
        return Report(_ids(pending), _ids(adopted))


def rollback(
    dsn: Dsn,
    *,
    count: int = 1,
    packages: Sequence[Package] | None = None,
    wait: float = WAIT,
    expected: Sequence[str] | None = None,
) -> tuple[str, ...]:
    """Undo the last *count* migrations.

    Args:
        expected: the result of ``plan_rollback``, to undo these or none.

    Returns:
        The ids of the migrations, the last applied first.

    Raises:
        MigrationError: as ``migrate``; or *count* is not from 1 to the number of applied ones; or
            others than *expected* would be undone, and nothing was run.
        UnavailableError: no connection to the server.
    """
    scope = _Scope.of(packages)
    with _run(dsn, wait) as backend:
        last = _to_undo(backend.session, scope, count)
        if expected is not None and _ids(last) != tuple(expected):
            raise MigrationError(
                "nothing was run: other migrations were applied or undone meanwhile; "
                f"the last are {', '.join(_ids(last))} now"
            )
        return tuple(_undo(backend, last))


def plan_rollback(
    dsn: Dsn, *, count: int = 1, packages: Sequence[Package] | None = None
) -> tuple[str, ...]:
    """Return the ids of the migrations that ``rollback`` would undo now. Changes nothing.

    Raises:
        MigrationError: ``rollback`` would run nothing; the text says why.
        UnavailableError: no connection to the server.
    """
    scope = _Scope.of(packages)
    with _reading(dsn) as session:
        return _ids(_to_undo(session, scope, count))


def status(dsn: Dsn, *, packages: Sequence[Package] | None = None) -> list[MigrationStatus]:
    """Return the state of every migration that has a file or is applied. Changes nothing.

    Raises:
        MigrationError: the files are invalid, or search_path leads to no schema.
        UnavailableError: no connection to the server.
    """
    scope = _Scope.of(packages)
    with _reading(dsn) as session:
        return _compare(session, scope)


@contextmanager
def _reading(dsn: Dsn) -> Generator[SingleConnection]:
    """Connect for reading only, without a lock."""
    with (
        reachable(dsn) as reached,
        Backend.open(reached, READ_ONLY) as backend,
        explained("status"),
    ):
        _require_schema(backend.session)
        yield backend.session


@contextmanager
def _run(dsn: Dsn, wait: float) -> Generator[Backend]:
    """Connect, take the locks, and create or update yoyo's tables."""
    check_user()
    with (
        reachable(dsn) as reached,
        Backend.open(reached) as backend,
        explained("preparing migrations"),
    ):
        _require_schema(backend.session)
        with run_lock.hold(backend, wait) as backend.lock_session:
            _check_history(backend.session)
            backend.create_tables()
            yield backend


def _require_schema(session: SingleConnection) -> None:
    if history.find_current_schema(session) is None:
        raise history_schema.missing()


def _to_apply(session: SingleConnection, scope: _Scope) -> tuple[list[Migration], list[Migration]]:
    """Return the migrations to apply, and those to record as applied by the yoyo command."""
    statuses = _compare(session, scope)
    _refuse([explain(status) for status in statuses])
    invalid = history.list_invalid_indexes(session, [*scope.packages])
    _refuse([_invalid_index(name) for name in invalid])
    return scope.select(statuses, "pending"), scope.select(statuses, "unrecorded")


def _to_undo(session: SingleConnection, scope: _Scope, count: int) -> list[Migration]:
    """Return the last *count* applied migrations, the last one first."""
    statuses = _compare(session, scope)
    _refuse([explain(status) for status in statuses if status.applied_at])
    applied = [
        migration
        for migration in scope.select(statuses, "applied", "unrecorded")
        if migration.package in scope.packages
    ]
    if len(scope.packages) > 1:  # those of one package are undone by their numbers
        times = {each.migration_id: each.applied_at for each in statuses if each.applied_at}
        applied.sort(key=lambda migration: times[migration.id])
    if not 1 <= count <= len(applied):
        raise MigrationError(
            f"cannot undo {count} migrations: {len(applied)} of {', '.join(scope.packages)} are "
            "applied; give a count from 1 to that number"
        )
    return applied[: -count - 1 : -1]


def _ids(migrations: Sequence[Migration]) -> tuple[str, ...]:
    return tuple(migration.id for migration in migrations)


def _apply(backend: Backend, migrations: Sequence[Migration]) -> Iterator[str]:
    for migration in migrations:
        with explained(migration.id):
            run_lock.check(backend.lock_session)
            backend.apply(migration)
        logger.info("applied %s", migration.id)
        yield migration.id


def _undo(backend: Backend, migrations: Sequence[Migration]) -> Iterator[str]:
    for migration in migrations:
        with explained(f"{migration.id}.rollback"):
            run_lock.check(backend.lock_session)
            backend.undo(migration)
        logger.info("rolled back %s", migration.id)
        yield migration.id


def _compare(session: SingleConnection, scope: _Scope) -> list[MigrationStatus]:
    has_history = _check_history(session)
    applied = history.list_applied(session) if has_history else []
    checksums = history.list_checksums(session) if history.keeps_checksums(session) else []
    files = {migration.id for migration in scope.migrations}
    # Services' migrations are in yoyo's log, which not every role may read.
    is_theirs = any(row.migration_id not in files for row in applied)
    reads_log = has_history and (is_theirs or {*scope.packages} != {"oadb"})
    logged = history.list_logged(session) if reads_log else []
    return compare(scope.migrations, scope.packages, applied, known(applied, checksums, logged))


def _check_history(session: SingleConnection) -> bool:
    """Return whether yoyo has a history in the current schema; refuse one in other schemas only."""
    histories = history.list_histories(session)
    has_history = any(found.is_current for found in histories)
    if not has_history and histories and history.keeps_checksums(session):
        raise MigrationError(
            "migrations were applied, but search_path does not lead to yoyo's record of them; "
            f"it is in schema {', '.join(found.schema_name for found in histories)}\n"
            "    hint: run as the role that applied them, or put that schema first in search_path"
        )
    return has_history


def _invalid_index(index: str) -> str:
    return (
        f"index {index} is invalid: create index concurrently failed\n"
        f"    hint: drop index concurrently {index}; then run again"
    )


def _refuse(problems: Sequence[str | None]) -> None:
    found = [problem for problem in problems if problem is not None]
    if found:
        raise MigrationError("\n".join(["nothing was run", *found]))
