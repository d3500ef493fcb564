"""What pending migrations would do to a live database, of which only sizes and plans are read.

They are run on another server, on the schema that the applied ones make, and what they lock, read
and write again there is set beside the sizes of the live tables.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from oadb.embedded import embedded_server
from oadb.engine.binding.packages import Package
from oadb.engine.dsn import Dsn
from oadb.errors import MigrationError
from oadb.tools.migrations import live_tables, table_states
from oadb.tools.migrations.live_tables import LiveDatabase, TableSize
from oadb.tools.migrations.migration_trial import StepEffect, Trial, TrialResult
from oadb.tools.migrations.run_scope import RunScope
from oadb.tools.migrations.script_folder import Migration
from oadb.tools.migrations.script_session import ScriptSession
from oadb.tools.migrations.step_plans import StepPlan
from oadb.tools.migrations.table_states import Work

LARGE = 10_000
"""Rows of a table from which on callers wait too long for what reads or writes all of them.

A thousand rows are written again with their indexes in about 10 ms, as docs/migrations.md measured
(0005: 1,000,000 users in 8.6 s), and docs/online-changes.md lets callers wait 100 ms."""

PATIENCE = 60.0
"""Seconds that a statement may take on the other server, where tables are empty."""

_WRITING = ("insert", "update")

_STOPPED = {
    "access exclusive": "reads and writes",
    "exclusive": "writes",
    "share row exclusive": "writes",
    "share": "writes",
}


@dataclass(frozen=True, slots=True)
class SizedWork:
    """What a statement does to rows of a table.

    Attributes:
        line: Of the statement.
        size: That of the live table; None if it is not there.
        rows: How many rows it reads or writes at most; None if that is not known.
    """

    work: Work
    line: int
    size: TableSize | None
    rows: int | None

    @property
    def is_large(self) -> bool:
        """Whether it takes longer than callers may wait, or nobody knows."""
        return self.rows is None or self.rows > LARGE


@dataclass(frozen=True, slots=True)
class LockHold:
    """A lock on a table, and what is done to rows from then until it is released.

    Attributes:
        line: Of the statement that takes it.
        works: What takes time meanwhile, the largest first.
    """

    table_name: str
    mode: str
    line: int
    works: tuple[SizedWork, ...]

    @property
    def stopped(self) -> str:
        """What waits for it: "reads and writes", "writes", "writes of the same rows", or ""."""
        return _STOPPED.get(self.mode, "writes of the same rows" if self._locked_rows else "")

    @property
    def is_long(self) -> bool:
        """Whether callers wait for what is done to many rows."""
        works = self.works if self.mode in _STOPPED else self._locked_rows
        return any(each.is_large for each in works)

    @property
    def _locked_rows(self) -> list[SizedWork]:
        changing = (each for each in self.works if each.work.kind == "update")
        return [each for each in changing if each.work.table_name == self.table_name]


@dataclass(frozen=True, slots=True)
class Backfill:
    """A statement that writes rows of tables that are there, and its plan.

    ``plan`` is None if PostgreSQL shows none, because the statement is in a function or a block.
    ``reason`` is why it is not the live database's plan; empty if it is.
    """

    line: int
    tables: tuple[str, ...]
    plan: StepPlan | None
    reason: str


@dataclass(frozen=True, slots=True)
class MigrationPreview:
    """What a migration would do; ``locks`` has the worst first."""

    trial: TrialResult
    locks: tuple[LockHold, ...]
    works: tuple[SizedWork, ...]
    backfills: tuple[Backfill, ...]

    @property
    def is_safe(self) -> bool:
        """Whether it and its rollback run, and nobody waits for what is done to many rows."""
        has_failed = self.trial.failure is not None or self.trial.undoing_failure is not None
        return not has_failed and not any(each.is_long for each in self.locks)


def preview(
    dsn: Dsn, packages: Sequence[Package], pending: Collection[str]
) -> Iterator[MigrationPreview]:
    """Yield what each pending migration would do to the database of *dsn*, up to one that fails.

    Args:
        pending: the ids of the migrations that a run would apply now.

    Raises:
        ConfigError: the embedded PostgreSQL is not installed.
        MigrationError: applied migrations do not run any more.
        UnavailableError: no connection, or a table is locked.
    """
    with embedded_server.temporary() as server:
        yield from preview_on(Dsn(server.keywords), dsn, packages, pending)


def preview_on(
    scratch: Dsn,
    dsn: Dsn,
    packages: Sequence[Package],
    pending: Collection[str],
    *,
    patience: float = PATIENCE,
) -> Iterator[MigrationPreview]:
    """Do that on an empty database, *scratch*, as a superuser.

    Args:
        patience: how long a statement may take there, in seconds.

    Raises:
        MigrationError: as ``preview``.
        UnavailableError: as ``preview``.
    """
    migrations = RunScope.of(packages).migrations
    with Trial(scratch, patience) as trial, live_tables.reading(dsn) as live:
        raise_level(trial, [each for each in migrations if each.id not in pending])
        trial.know_tables()
        sizes = live.sizes()
        for migration in migrations:
            if migration.id in pending:
                result = trial.run(migration)
                yield weigh(result, sizes, live)
                if result.failure is not None:
                    return


def raise_level(session: ScriptSession, applied: Sequence[Migration]) -> None:
    """Bring an empty database to the level of a live one, by its *applied* migrations.

    Raises:
        MigrationError: a migration failed.
    """
    for migration in applied:
        try:
            session.apply(migration)
        except MigrationError as error:
            raise MigrationError(
                f"the schema that pending migrations would meet cannot be made: {migration.id}, "
                f"which is applied, fails on an empty database: {error}"
            ) from None


def weigh(
    result: TrialResult, sizes: Mapping[str, TableSize], live: LiveDatabase
) -> MigrationPreview:
    """Set what a migration did beside the *sizes* of the tables of a database."""
    backfills: list[Backfill] = []
    works: list[SizedWork] = []
    for step in result.steps:
        backfill = _backfill(step, live)
        backfills += [backfill] if backfill else []
        works += [_sized(each, step, backfill, sizes) for each in step.works]
    holds = [
        LockHold(name, mode, step.line, _meanwhile(works, step, result.migration))
        for step in result.steps
        for name, mode in step.locks.items()
    ]
    holds.sort(key=_harm, reverse=True)
    return MigrationPreview(result, tuple(holds), tuple(works), tuple(backfills))


def _backfill(step: StepEffect, live: LiveDatabase) -> Backfill | None:
    tables = tuple(each.table_name for each in step.works if each.kind in _WRITING)
    if not tables:
        return None
    if step.plan is None:
        return Backfill(step.line, tables, None, "it is in a function or a block")
    found = live.plan(step.step.sql)
    if isinstance(found, str):
        return Backfill(step.line, tables, step.plan, found)
    return Backfill(step.line, tables, found, "")


def _sized(
    work: Work, step: StepEffect, backfill: Backfill | None, sizes: Mapping[str, TableSize]
) -> SizedWork:
    size = sizes.get(work.table_name)
    plan = backfill.plan if backfill else None
    rows = None if size is None else size.rows
    if backfill and plan and not backfill.reason:  # the live database knows how many
        if work.kind in _WRITING or not plan.reads_all(work.table_name):
            rows = plan.rows
    elif work.kind in _WRITING and plan and not plan.reads_all(work.table_name):
        rows = plan.rows  # by an index, or of values
    return SizedWork(work, step.line, size, rows)


def _meanwhile(
    works: Sequence[SizedWork], step: StepEffect, migration: Migration
) -> tuple[SizedWork, ...]:
    """Return what is done from a statement on, until the locks that it takes are released.

    Without a transaction, a statement without a plan may release rows in between.
    """
    if migration.transactional:
        found = [each for each in works if each.line >= step.line]
    else:
        found = [each for each in works if each.work.kind != "update" or step.plan]
    return tuple(sorted(found, key=_amount, reverse=True))


def _amount(each: SizedWork) -> tuple[bool, int, bool]:
    """Return what sorts works by how long they take; one of unknown size takes longest."""
    return each.rows is None, each.rows or 0, each.work.kind == "rewrite"


def _harm(each: LockHold) -> tuple[bool, int, tuple[bool, int, bool]]:
    amount = _amount(each.works[0]) if each.works else (False, 0, False)
    return each.is_long, table_states.MODES.index(each.mode), amount
