"""Runs pending migrations on a temporary server, on tables with rows, while callers use these."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from time import monotonic

import psycopg

from oadb.embedded import embedded_server
from oadb.engine.binding.dumpers import Untyped
from oadb.engine.binding.packages import Package
from oadb.engine.binding.queries import queries
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.direct_connection import DirectConnection
from oadb.engine.dsn import Dsn, connection_keywords
from oadb.engine.single_connection import SingleConnection
from oadb.errors import MigrationError
from oadb.tools.intended import schema_check, schema_levels
from oadb.tools.migrations import (
    caller_load,
    created_schemas,
    declared_calls,
    dump_restore,
    generated_rows,
    live_tables,
    migration_preview,
    partition_indexes,
    runner,
    table_states,
)
from oadb.tools.migrations.caller_load import CallerLoad, CallerStatement
from oadb.tools.migrations.generated_rows import FilledTable
from oadb.tools.migrations.migration_trial import Trial, TrialResult
from oadb.tools.migrations.rehearsal_report import Aftermath, RehearsedMigration, Stage
from oadb.tools.migrations.rehearsal_rows import RehearsalRows
from oadb.tools.migrations.run_scope import RunScope
from oadb.tools.migrations.script_session import ScriptSession
from oadb.tools.migrations.yoyo_backend import Backend

query = queries(__name__)

# Tables that callers use by their keys, as no declared statement uses them.
_MOST_CALLED = 8

_MOST_CALLERS = 16


@query
def _create_level() -> None: ...


@query
def _copy_level() -> None: ...


query.complete()


class Rehearsal:
    """A rehearsal of the pending migrations of a live database, from which it only reads.

    Attributes:
        is_needed: Whether there is anything to apply.
    """

    def __init__(
        self, dsn: Dsn, packages: Sequence[Package], *, rows: int, dump: Path | None, seconds: float
    ) -> None:
        """Read which migrations are pending, and how large tables are.

        Args:
            rows: of the largest table; others get as many in proportion as they have there, or as
                files of statistics say.
            dump: the file of a pg_dump that makes the schema; None: the applied migrations do.
            seconds: how long all of it may take.

        Raises:
            MigrationError: nothing would be run.
            UnavailableError: no connection, or a table is locked.
        """
        report = runner.plan(dsn, packages=packages)
        migrations = RunScope.of(packages).migrations
        self._packages = packages
        self._pending = [each for each in migrations if each.id in report.applied]
        self._applied = [each for each in migrations if each.id not in report.applied]
        self.is_needed = bool(report.applied or report.indexed)
        self._rows, self._dump, self._seconds = rows, dump, seconds
        self._deadline = monotonic() + seconds
        with live_tables.reading(dsn) as live:
            self._live_rows = {name: size.rows or 0 for name, size in live.sizes().items()}
        self._counted = declared_calls.count_calls(dsn)

    def run(self) -> Iterator[Stage | RehearsedMigration | Aftermath]:
        """Yield the stage, each pending migration when it has run, and what there is then.

        Up to a migration that fails.

        Raises:
            ConfigError: the embedded PostgreSQL is not installed, or the dump cannot be read.
            MigrationError: applied migrations do not run any more, or the time is over.
            UnavailableError: the server does not start.
        """
        with embedded_server.temporary() as server:
            yield from self.run_on(Dsn(server.keywords))

    def run_on(self, server: Dsn) -> Iterator[Stage | RehearsedMigration | Aftermath]:
        """Do that on *server*, as a superuser, in databases that it makes there.

        Raises:
            ConfigError: as ``run``.
            MigrationError: as ``run``.
        """
        try:
            yield from self._parts(server)
        except psycopg.Error as error:
            self._left()  # what is cut by its end says so less clearly
            line = caller_load.first_line(error)
            raise MigrationError(f"the rehearsal failed: {line}") from None

    def _parts(self, server: Dsn) -> Iterator[Stage | RehearsedMigration | Aftermath]:
        level = Dsn({**server.keywords, "dbname": "oadb_rehearsal"})
        with self._connected(server) as connection:
            session = SingleConnection(connection)
            _create_level(session)
            refused = self._make_level(level)
            _copy_level(session)
        results = self._try(Dsn({**server.keywords, "dbname": "oadb_trial"}))
        names = [*dict.fromkeys(name for each in results for name in _touched(each))]
        filled = self._fill(level, names)
        declared = declared_calls.find(level, self._packages, names, self._counted)
        by_name = {each.generated.table_name: each for each in filled}
        by_key = [
            by_name[name]
            for name in names
            if name in by_name and declared_calls.plain(name) not in declared.tables
        ][:_MOST_CALLED]
        own = [call for each in by_key for call in _calls(each)]
        count = min(_MOST_CALLERS, len(declared.statements) + len(own))
        callers = [[*declared.of_row(row), *own] for row in range(1, count + 1)]
        with caller_load.running(level, callers) as load:
            yield Stage(tuple(filled), declared, _names(by_key), tuple(refused))
            for result in results:
                done = self._rehearse(level, result, load)
                yield done
                if done.failure is not None:
                    return
            indexed = self._build_parts(level)
            load.call_each()
            differences = [*self._differences(level)]
            yield Aftermath(tuple(indexed), load.take(), tuple(differences), self._unpinned())

    def _make_level(self, level: Dsn) -> list[str]:
        """Return the errors of the dump, if there is one."""
        if self._dump is not None:
            return dump_restore.restore(level, self._dump, self._left())
        with ScriptSession(level, self._left()) as session:
            migration_preview.raise_level(session, self._applied)
        return []

    def _try(self, dsn: Dsn) -> list[TrialResult]:
        results: list[TrialResult] = []
        with Trial(dsn, self._left()) as trial:
            trial.know_tables()
            for migration in self._pending:
                results.append(trial.run(migration))
                if results[-1].failure is not None:
                    break
        return results

    def _fill(self, level: Dsn, names: Sequence[str]) -> list[FilledTable]:
        """Fill those that are empty."""
        with live_tables.reading(level) as reading:
            there = reading.sizes()
        with self._connected(level) as connection:
            session = SingleConnection(connection, prepares=False)
            shares = RehearsalRows(session, self._packages, self._live_rows, names, self._rows)

            def rows(name: str) -> int:
                has_rows = name in there and there[name].rows != 0
                return 0 if has_rows else shares.of(name)

            return generated_rows.fill(connection, names, rows)

    def _rehearse(self, level: Dsn, result: TrialResult, load: CallerLoad) -> RehearsedMigration:
        failure: str | None = None
        load.take()
        begun = monotonic()
        with ScriptSession(level, self._left()) as session:
            try:
                session.apply(result.migration)
            except MigrationError as error:
                failure = str(error)
        seconds = monotonic() - begun
        load.call_each()
        return RehearsedMigration(result, seconds, failure, load.take())

    def _build_parts(self, level: Dsn) -> list[str]:
        names = [each.name for each in self._packages]
        with Backend.open(level) as backend:
            return [*partition_indexes.build(backend, names, lambda _line: None)]

    def _differences(self, level: Dsn) -> Iterator[str]:
        """Compare with what the packages say that their schemas should be."""
        with Database(Config(level, pool_size=1, max_overflow=0)) as db:
            for package in self._packages:
                pinned, last = schema_levels.read(package), self._last(package)
                if pinned is not None and last is not None:
                    find = partial(
                        schema_check.differences,
                        names=created_schemas.schemas(package),
                        intended=[each.pinned for each in pinned if each.stands_at(last)],
                    )
                    yield from map(
                        str, db.transact(find, isolation="repeatable read", read_only=True)
                    )

    def _last(self, package: Package) -> str | None:
        all_ = (*self._applied, *self._pending)
        return max((each.id for each in all_ if each.package == package.name), default=None)

    def _unpinned(self) -> tuple[str, ...]:
        return tuple(each.name for each in self._packages if schema_levels.read(each) is None)

    def _left(self) -> float:
        """Return how many seconds are left.

        Raises:
            MigrationError: none.
        """
        left = self._deadline - monotonic()
        if left <= 0:
            raise MigrationError(
                f"the rehearsal has not ended within {self._seconds:g} s, and was stopped; "
                "give it more with --timeout, or fewer --rows"
            )
        return left

    def _connected(self, dsn: Dsn) -> DirectConnection:
        left = self._left()
        keywords = connection_keywords(dsn, {"statement_timeout": max(1, int(left * 1000))})
        return DirectConnection.to(keywords, seconds=left, context=Untyped())


def _touched(result: TrialResult) -> Iterator[str]:
    """Yield the tables that a migration locks or works on, the most disturbed first."""
    locks = [(mode, name) for step in result.steps for name, mode in step.locks.items()]
    locks.sort(key=lambda each: table_states.MODES.index(each[0]), reverse=True)
    yield from (name for _, name in locks)
    yield from (work.table_name for step in result.steps for work in step.works)


def _names(tables: Sequence[FilledTable]) -> tuple[str, ...]:
    return tuple(each.generated.table_name for each in tables)


def _calls(filled: FilledTable) -> Iterator[CallerStatement]:
    """Yield a read and a change of some row, by its primary key."""
    name, rows = filled.generated.table_name, str(max(1, filled.rows))
    for kind, text in (("read", filled.generated.read), ("change", filled.generated.change)):
        if text is not None:
            yield CallerStatement(f"{kind} of {name} by key", text.encode(), (rows,))
