"""Runs a migration for its effects, statement by statement, on a database that nobody else uses."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, replace

from oadb.engine.dsn import Dsn
from oadb.engine.single_connection import SingleConnection
from oadb.errors import MigrationError
from oadb.tools.migrations import step_plans, table_states
from oadb.tools.migrations.script_folder import Migration
from oadb.tools.migrations.script_session import ScriptSession
from oadb.tools.migrations.scripts import ScriptStep
from oadb.tools.migrations.step_plans import StepPlan
from oadb.tools.migrations.table_states import LockState, Snapshot, Work
from oadb.tools.session_watch import get_process_id

# What reads no row and writes no file of a table that stays, and need not be looked for.
_WITHOUT_ROWS = frozenset(
    f"{verb} {kind}"
    for verb in ("CREATE", "ALTER", "DROP")
    for kind in ("FUNCTION", "PROCEDURE", "TRIGGER", "POLICY", "VIEW")
).union({"COMMENT", "GRANT", "REVOKE", "SET", "DROP INDEX", "DROP TABLE", "LOCK TABLE"})

# What locks no table.
_WITHOUT_LOCKS = frozenset({"SET", "CREATE FUNCTION", "CREATE PROCEDURE"})

# Between two looks at what a statement outside of a transaction has locked.
_LOOK_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class StepEffect:
    """What a statement does to tables that were there before.

    Attributes:
        locks: The modes of the locks that it takes, or strengthens, by the names of tables.
        works: What it does to rows.
        plan: Its plan on this database; None if PostgreSQL has none for such a statement.
    """

    step: ScriptStep
    locks: Mapping[str, str]
    works: tuple[Work, ...]
    plan: StepPlan | None

    @property
    def line(self) -> int:
        """Its line in the file."""
        return self.step.statement_line


@dataclass(frozen=True, slots=True)
class TrialResult:
    """A migration that was run for its effects.

    Attributes:
        steps: The statements that had effects on tables that were there before.
        failure: Why it failed; nothing else is known of it then.
        lock_timeout: How long its statements wait for a lock, as PostgreSQL shows it.
        undoing_failure: Why its rollback failed; None if that ran.
        dropped: Tables and columns that are gone with their values, which no rollback brings back.
    """

    migration: Migration
    steps: tuple[StepEffect, ...] = ()
    failure: str | None = None
    lock_timeout: str = ""
    undoing_failure: str | None = None
    dropped: tuple[str, ...] = ()


class Trial(ScriptSession):
    """Runs migrations for their effects, in a session of a superuser.

    Attributes:
        known: The names of the tables that effects are told of, by their ids.
    """

    def __init__(self, dsn: Dsn, patience: float) -> None:
        """Connect; see ScriptSession.

        Raises:
            psycopg.Error: no connection to the server, or no superuser.
        """
        super().__init__(dsn, patience)
        # A migration may discard what is prepared.
        self._session = SingleConnection(self._connection, prepares=False)
        self._pid = get_process_id(self._session)
        table_states.prepare(self._session)
        self.known: dict[int, str] = {}

    def know_tables(self) -> None:
        """Have effects told of the tables that are there now."""
        tables = self._snapshot().tables
        self.known = {table_id: each.root_name for table_id, each in tables.items()}

    def run(self, migration: Migration) -> TrialResult:
        """Run a migration, look at its effects, and try its rollback, which is undone."""
        before = table_states.columns(self._session)
        try:
            if migration.transactional:
                with self._connection.transaction():
                    steps = tuple(self._steps(migration))
                    timeout = table_states.show_lock_timeout(self._session)
                    undoing = self._undoing_failure(migration)
            else:
                steps = (self._outside(migration),)
                timeout = table_states.show_lock_timeout(self._session)
                undoing = self._undoing_failure(migration)
        except MigrationError as error:
            return TrialResult(migration, failure=str(error))
        after = table_states.columns(self._session)
        dropped = table_states.dropped(before, after, self.known)
        effects = tuple(each for each in steps if each.locks or each.works)
        return TrialResult(migration, effects, None, timeout, undoing, tuple(dropped))

    def _steps(self, migration: Migration) -> Iterator[StepEffect]:
        before = self._snapshot()
        for step in migration.script.steps:
            did = self._send_step(migration, migration.script, step)
            if did in _WITHOUT_LOCKS:
                continue
            locks = table_states.locks_of(self._session, self._pid)
            if any(each.table_id in self.known for each in locks):  # else nothing was done to them
                if did in _WITHOUT_ROWS:
                    after, plan = replace(before, locks=table_states.strongest(locks)), None
                else:
                    after = self._snapshot()
                    plan = step_plans.planned(self._connection, step.sql)
                yield self._effect(step, plan, before, after)
                before = after

    def _effect(
        self, step: ScriptStep, plan: StepPlan | None, before: Snapshot, after: Snapshot
    ) -> StepEffect:
        locks = table_states.new_locks(before, after, self.known)
        works = table_states.works(before, after, self.known)
        return StepEffect(step, locks, (*works, *self._writes(locks, plan)), plan)

    def _writes(self, locks: Mapping[str, str], plan: StepPlan | None) -> Iterator[Work]:
        """Yield what a statement writes: its plan says so, or without one its locks do."""
        if plan is not None:
            yield from plan.writes(dict.fromkeys(self.known.values()))
            return
        for name, mode in locks.items():
            if mode == table_states.WEAK:
                yield Work("update", name)

    def _outside(self, migration: Migration) -> StepEffect:
        """Run the one statement of a migration without a transaction, watched from outside.

        Another session keeps it waiting for its first lock, so that it is seen.
        """
        (step,) = migration.script.steps
        before, plan = self._snapshot(), step_plans.planned(self._connection, step.sql)
        with self._connect() as other, ThreadPoolExecutor(1) as thread:
            watcher = SingleConnection(other, prepares=False)
            with other.transaction():
                table_states.stop_writers(watcher)
                running = thread.submit(self._send_step, migration, migration.script, step)
                seen: list[LockState] = []
                while not (running.done() or any(not each.is_granted for each in seen)):
                    wait_for([running], _LOOK_SECONDS)
                    seen += table_states.locks_of(watcher, self._pid)
            while not running.done():
                wait_for([running], _LOOK_SECONDS)
                seen += table_states.locks_of(watcher, self._pid)
            running.result()
        table_states.flush_statistics(self._session)
        after = self._snapshot()
        works = table_states.works(before, after, self.known)
        locks: dict[str, str] = {}
        for table_id, mode in table_states.strongest(seen).items():
            if table_id in self.known:
                name = self.known[table_id]
                locks[name] = table_states.stronger(mode, locks.get(name, mode))
        return StepEffect(step, locks, (*works, *self._writes(locks, plan)), plan)

    def _undoing_failure(self, migration: Migration) -> str | None:
        """Try the rollback, and undo that; outside of a transaction, by running it again."""
        try:
            if migration.transactional:
                with self._connection.transaction(force_rollback=True):
                    self._send(migration, migration.rollback)
            else:
                self._send(migration, migration.rollback)
                self._send(migration, migration.script)
        except MigrationError as error:
            if self._connection.closed:
                raise
            return str(error)
        return None

    def _snapshot(self) -> Snapshot:
        return table_states.take(self._session, self._pid)
