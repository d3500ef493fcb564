"""Checks of VACUUM and ANALYZE: where they are far behind, and how near transaction ids end."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner
from oadb.tools.activity.alert_limits import AlertLimits
from oadb.tools.findings import Check, Finding, judged

query = queries(__name__)

_LAST = 2**31
"""The age in transactions, or in multixacts, that no row may reach."""

_HELD = ", after ending old transactions, prepared ones and slots, which hold it back"


@dataclass(frozen=True, slots=True)
class OverdueVacuum:
    """A table whose dead rows are far above the number at which autovacuum begins."""

    name: str
    dead: int
    threshold: int
    vacuumed_at: datetime | None
    mending: str


@dataclass(frozen=True, slots=True)
class StaleTable:
    """A table of which many rows changed since it was analyzed."""

    name: str
    changed: int
    mending: str


@dataclass(frozen=True, slots=True)
class OldDatabase:
    """A database and the age of its oldest row, in transactions and in multixacts."""

    name: str
    transactions: int
    multixacts: int


@dataclass(frozen=True, slots=True)
class OldTable:
    """The same of a table, and the statement that freezes its rows."""

    name: str
    transactions: int
    multixacts: int
    mending: str


@query
def _list_overdue_vacuums(schemas: list[str], least: int, times: float) -> list[OverdueVacuum]: ...


@query
def _list_stale_tables(schemas: list[str], least: int, times: float) -> list[StaleTable]: ...


@query
def _list_old_databases(times: float) -> list[OldDatabase]: ...


@query
def _list_old_tables(times: float) -> list[OldTable]: ...


query.complete()


def checks(db: Runner, schemas: list[str], limits: AlertLimits) -> dict[str, Check]:
    """Return the checks by subject; *schemas* are those whose tables are meant."""
    return {
        "stale statistics": partial(check_staleness, db, schemas, limits),
        "vacuum": partial(check_vacuum, db, schemas, limits),
        "wraparound": partial(check_wraparound, db, limits),
    }


def check_staleness(db: Runner, schemas: list[str], limits: AlertLimits) -> Iterator[Finding]:
    """Check that the planner does not count rows as they were long ago."""
    faults = [
        f"{each.changed:,} rows of {each.name} changed since it was analyzed, so that its plans "
        f"may be wrong; {each.mending}"
        for each in _list_stale_tables(db, schemas, limits.changed_rows, limits.analyze_delay)
    ]
    yield from judged("stale statistics", faults, "no table has changed much since ANALYZE")


def check_vacuum(db: Runner, schemas: list[str], limits: AlertLimits) -> Iterator[Finding]:
    """Check that autovacuum keeps up with what dies."""
    faults = [
        f"{each.name} has {each.dead:,} dead rows, and autovacuum begins at {each.threshold:,}; "
        f"last vacuumed {_shown(each.vacuumed_at)}; {each.mending}, and if they stay, end what "
        "holds them: old transactions, slots, standbys"
        for each in _list_overdue_vacuums(db, schemas, limits.changed_rows, limits.vacuum_delay)
    ]
    yield from judged("vacuum", faults, "autovacuum keeps up with every table")


def check_wraparound(db: Runner, limits: AlertLimits) -> Iterator[Finding]:
    """Check that rows are frozen in time: at 2^31 transactions the server writes no more."""
    faults = [
        *(
            f"the database {_aged(each)}; vacuumdb --freeze {each.name}{_HELD}"
            for each in _list_old_databases(db, limits.freeze_delay)
        ),
        *(
            f"{_aged(each)}; {each.mending}{_HELD}"
            for each in _list_old_tables(db, limits.freeze_delay)
        ),
    ]
    yield from judged("wraparound", faults, "every database and table is frozen in time")


def _aged(each: OldDatabase | OldTable) -> str:
    share = max(each.transactions, each.multixacts) / _LAST
    return f"{each.name} is at {share:.0%} of the age at which the server writes no more"


def _shown(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M %Z}"
