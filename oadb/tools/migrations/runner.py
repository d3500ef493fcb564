"""Applies and undoes migrations with yoyo, and reports their states.

The yoyo command and this module share one history and may be used in turn. Connect to the server
directly, not through a pooler that shares sessions: the lock belongs to the session.
"""

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from oadb.engine.binding.packages import Package
from oadb.engine.config import Pooler
from oadb.engine.dsn import Dsn, reachable
from oadb.engine.single_connection import SingleConnection
from oadb.errors import MigrationError
from oadb.tools.migrations import (
    history_schema,
    partition_indexes,
    pooled_reading,
    recorded_states,
    run_lock,
)
from oadb.tools.migrations.explanations import explained, refuse
from oadb.tools.migrations.run_scope import RunScope
from oadb.tools.migrations.script_folder import Migration
from oadb.tools.migrations.states import DOUBTFUL, MigrationStatus, explain
from oadb.tools.migrations.timed_steps import timed
from oadb.tools.migrations.yoyo_backend import READ_ONLY, Backend, check_user, record

logger = logging.getLogger("oadb.migrations")

WAIT = 60.0
"""Seconds to wait for another run."""


@dataclass(frozen=True, slots=True)
class Report:
    """The ids of the migrations that a run applied, and of those that it adopted, in order.

    ``indexed`` names indexes of partitioned tables, and each partition on which one was built.
    """

    applied: tuple[str, ...]
    adopted: tuple[str, ...]
    """Applied earlier by the yoyo command; this run recorded the checksums of their files."""
    indexed: tuple[str, ...] = ()


def migrate(
    dsn: Dsn,
    *,
    packages: Sequence[Package] | None = None,
    wait: float = WAIT,
    tell: Callable[[str], None] = logger.info,
) -> Report:
    """Apply all pending migrations, and build indexes that partitions lack.

    Waits at most *wait* seconds for another run.

    Args:
        packages: those whose migrations are meant; by default oadb.
        tell: is called with a line when a migration begins, and when it has ended.

    Raises:
        MigrationError: the files are invalid or disagree with the database, and nothing was run;
            or a migration failed, and those before it stay applied; or another run did not end.
        UnavailableError: no connection to the server.
    """
    scope = RunScope.of(packages)
    with _run(dsn, wait) as backend:
        pending, adopted = _to_apply(backend.session, scope)
        for migration in adopted:
            record(backend.session, migration)
            tell(f"recorded {migration.id}, applied earlier by the yoyo command")
        applied = tuple(_apply(backend, pending, tell))
        indexed = tuple(partition_indexes.build(backend, scope.packages, tell))
        return Report(applied, _ids(adopted), indexed)


def steps(dsn: Dsn, *, packages: Sequence[Package]) -> Iterator[str]:
    """Apply all pending migrations as ``migrate`` does; yield each id before the next begins."""
    with _run(dsn, WAIT) as backend:
        pending, _ = _to_apply(backend.session, RunScope.of(packages))
        yield from _apply(backend, pending, logger.info)


def plan(dsn: Dsn, *, packages: Sequence[Package] | None = None) -> Report:
    """Return what ``migrate`` would do now. Changes nothing.

    Raises:
        MigrationError: ``migrate`` would run nothing; the text says why.
        UnavailableError: no connection to the server.
    """
    scope = RunScope.of(packages)
    with _reading(dsn) as session:
        pending, adopted = _to_apply(session, scope)
        indexed = partition_indexes.plan(session, scope.packages)
        return Report(_ids(pending), _ids(adopted), indexed)


def rollback(
    dsn: Dsn,
    *,
    count: int = 1,
    packages: Sequence[Package] | None = None,
    wait: float = WAIT,
    expected: Sequence[str] | None = None,
    tell: Callable[[str], None] = logger.info,
) -> tuple[str, ...]:
    """Undo the last *count* migrations.

    Args:
        tell: as for ``migrate``.
        expected: the result of ``plan_rollback``, to undo these or none.

    Returns:
        The ids of the migrations, the last applied first.

    Raises:
        MigrationError: as ``migrate``; or *count* is not from 1 to the number of applied ones; or
            others than *expected* would be undone, and nothing was run.
        UnavailableError: no connection to the server.
    """
    scope = RunScope.of(packages)
    with _run(dsn, wait) as backend:
        last = _to_undo(backend.session, scope, count)
        if expected is not None and _ids(last) != tuple(expected):
            raise MigrationError(
                "nothing was run: other migrations were applied or undone meanwhile; "
                f"the last are {', '.join(_ids(last))} now"
            )
        return tuple(_undo(backend, last, tell))


def plan_rollback(
    dsn: Dsn, *, count: int = 1, packages: Sequence[Package] | None = None
) -> tuple[str, ...]:
    """Return the ids of the migrations that ``rollback`` would undo now. Changes nothing.

    Raises:
        MigrationError: ``rollback`` would run nothing; the text says why.
        UnavailableError: no connection to the server.
    """
    scope = RunScope.of(packages)
    with _reading(dsn) as session:
        return _ids(_to_undo(session, scope, count))


def status(
    dsn: Dsn, *, packages: Sequence[Package] | None = None, pooler: Pooler = "none"
) -> list[MigrationStatus]:
    """Return the state of every migration that has a file or is applied. Changes nothing.

    Args:
        packages: as for ``migrate``.
        pooler: what *dsn* leads to. Only this works through PgBouncer: a run has locks.

    Raises:
        MigrationError: the files are invalid, or search_path leads to no schema.
        UnavailableError: no connection to the server.
    """
    return status_of(RunScope.of(packages), dsn, pooler=pooler)


def status_of(scope: RunScope, dsn: Dsn, *, pooler: Pooler = "none") -> list[MigrationStatus]:
    """Do what ``status`` does with files that were read before, which takes most of its time."""
    with _reading(dsn, pooler) as session:
        return scope.read(session)


def accept(
    dsn: Dsn, migration_id: str, *, packages: Sequence[Package] | None = None, wait: float = WAIT
) -> None:
    """Record a migration that is marked or misplaced as applied: somebody has looked at its work.

    Raises:
        MigrationError: it is in another state, and nothing was recorded; or as ``migrate``.
        UnavailableError: no connection to the server.
    """
    scope = RunScope.of(packages)
    with _run(dsn, wait) as backend:
        record(backend.session, _to_accept(backend.session, scope, migration_id))


def plan_accept(dsn: Dsn, migration_id: str, *, packages: Sequence[Package] | None = None) -> None:
    """Do what ``accept`` does without recording anything.

    Raises:
        MigrationError: ``accept`` would record nothing; the text says why.
        UnavailableError: no connection to the server.
    """
    scope = RunScope.of(packages)
    with _reading(dsn) as session:
        _to_accept(session, scope, migration_id)


@contextmanager
def _reading(dsn: Dsn, pooler: Pooler = "none") -> Generator[SingleConnection]:
    """Connect for reading only, without a lock."""
    with reachable(dsn) as reached, ExitStack() as stack:
        if pooler != "none":
            session = stack.enter_context(pooled_reading.reading(reached))
        else:
            session = stack.enter_context(Backend.open(reached, READ_ONLY)).session
        with explained("status", looking=True):
            history_schema.require(session)
            yield session


@contextmanager
def _run(dsn: Dsn, wait: float) -> Generator[Backend]:
    """Connect, take the locks, and create or update yoyo's tables."""
    check_user()
    with (
        reachable(dsn) as reached,
        Backend.open(reached) as backend,
        explained("preparing migrations"),
    ):
        history_schema.require(backend.session)
        with run_lock.hold(backend, wait) as backend.lock_session:
            recorded_states.check_history(backend.session)
            backend.create_tables()
            yield backend


def _to_apply(
    session: SingleConnection, scope: RunScope
) -> tuple[list[Migration], list[Migration]]:
    """Return the migrations to apply, and those to record as applied by the yoyo command."""
    statuses = scope.read(session)
    refuse([explain(status) for status in statuses])
    refuse(partition_indexes.explain_invalid(session, scope.packages))
    return scope.select(statuses, "pending"), scope.select(statuses, "unrecorded")


def _to_undo(session: SingleConnection, scope: RunScope, count: int) -> list[Migration]:
    """Return the last *count* applied migrations, the last one first."""
    statuses = scope.read(session)
    states = {status.migration_id: status for status in statuses if status.applied_at}
    refuse([explain(each) for each in states.values() if each.state not in DOUBTFUL])
    applied = [
        migration
        for migration in scope.select(statuses, "applied", "unrecorded", *DOUBTFUL)
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
    last = applied[: -count - 1 : -1]
    # Of one that was only marked, nothing is there that could be undone.
    refuse([explain(states[each.id]) for each in last if states[each.id].state == "marked"])
    return last


def _to_accept(session: SingleConnection, scope: RunScope, migration_id: str) -> Migration:
    """Return the migration of that id, which is marked or misplaced."""
    statuses = scope.read(session)
    found = {each.migration_id: each.state for each in statuses}.get(migration_id, "unknown")
    if found not in DOUBTFUL:
        raise MigrationError(
            f"{migration_id} is {found}, and nothing was recorded: only a migration that oadb "
            "migrate status calls marked or misplaced can be accepted"
        )
    return next(each for each in scope.migrations if each.id == migration_id)


def _ids(migrations: Sequence[Migration]) -> tuple[str, ...]:
    return tuple(migration.id for migration in migrations)


def _apply(
    backend: Backend, migrations: Sequence[Migration], tell: Callable[[str], None]
) -> Iterator[str]:
    for migration in migrations:
        with timed(tell, "applying", "applied", migration.id), explained(migration.id):
            run_lock.check(backend.lock_session)
            backend.apply(migration)
        yield migration.id


def _undo(
    backend: Backend, migrations: Sequence[Migration], tell: Callable[[str], None]
) -> Iterator[str]:
    for migration in migrations:
        label = f"{migration.id}.rollback"
        with timed(tell, "rolling back", "rolled back", migration.id), explained(label):
            run_lock.check(backend.lock_session)
            backend.undo(migration)
        yield migration.id
