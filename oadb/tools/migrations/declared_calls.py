"""The declared statements that use some tables, as callers of a rehearsal run them.

Each caller has values of its own: those of a row that ``generated_rows`` makes, by its number. What
fails with them before any migration has run is left out.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psycopg

from oadb.engine.binding.packages import Package
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import Dsn
from oadb.errors import UnavailableError
from oadb.tools import lock_holders
from oadb.tools.activity import statement_counters, statement_places
from oadb.tools.migrations import caller_load
from oadb.tools.migrations.caller_load import CallerStatement
from oadb.tools.plans import named_statements
from oadb.tools.plans.named_statements import PlacedStatement
from oadb.tools.plans.planning import Planned, Planner
from oadb.tools.plans.sample_values import sample_values

# The largest number of a row for which every value of sample_values stays one of its type.
_MOST_ROW = 9999

# Seconds that a statement may take while nobody else works.
_LONGEST = 1.0

# What sample_values writes to tell values apart.
_MARK = re.compile(r"(?<![.\d])71\d\d(?!\d)")

_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


@dataclass(frozen=True, slots=True)
class DeclaredCalls:
    """Statements with values of sample_values, and the tables that they use.

    Attributes:
        tables: As plans name them: schema.name without quotes.
        left_out: Why statements fail before any migration has run; a line each.
        is_weighted: Whether a live database said how often they are called.
    """

    statements: list[CallerStatement] = field(default_factory=list[CallerStatement])
    tables: set[str] = field(default_factory=set[str])
    left_out: list[str] = field(default_factory=list[str])
    is_weighted: bool = False

    def of_row(self, number: int) -> list[CallerStatement]:
        """Return the statements with the values of the row of this number."""
        return [_of_row(each, number) for each in self.statements]


def count_calls(dsn: Dsn) -> Counter[str]:
    """Return how often each label was called in a live database; nothing if nobody counts there."""
    config = lock_holders.patient(Config(dsn, pool_size=1, max_overflow=0))
    found: Counter[str] = Counter()
    try:
        with Database(config) as db:
            entries = statement_counters.take(db).entries
    except (UnavailableError, psycopg.Error):
        return found
    for entry in entries:
        if entry.label is not None:
            found[entry.label] += entry.calls
    return found


def find(
    dsn: Dsn, packages: Sequence[Package], names: Collection[str], counted: Mapping[str, int]
) -> DeclaredCalls:
    """Return the statements of packages that use tables, one form of each.

    Args:
        dsn: of a database in which nothing is lost; each statement is run there once, and undone.
        names: of the tables, as SQL names them.
        counted: how often each label is called.

    Raises:
        DeclarationError: a module and its query file disagree.
        psycopg.Error: the server does not answer any more.
    """
    wanted, now = {plain(name) for name in names}, datetime.now(UTC)
    found: list[tuple[CallerStatement, set[str]]] = []
    with Planner.to(dsn) as planner:
        for each, count in _chosen(packages, counted):
            planned = planner.plan(each.statement)
            used = _tables(planned) & wanted if isinstance(planned, Planned) else set[str]()
            if used:
                found.append((_caller_statement(each, count, now), used))
    every = [statement for statement, _ in found]
    refused = caller_load.refusals(dsn, [_of_row(each, 1) for each in every], _LONGEST)
    calls = DeclaredCalls(is_weighted=any(each.weight > 1 for each in every))
    for statement, used in found:
        error = refused.get(statement.name)
        if error is None:
            calls.statements.append(statement)
            calls.tables.update(used)
        else:
            calls.left_out.append(f"{statement.name}: {caller_load.first_line(error)}")
    return calls


def plain(name: str) -> str:
    """Return the name of a table as plans have it, without the quotes of SQL."""
    return _QUOTED.sub(lambda found: found[1].replace('""', '"'), name)


def _chosen(
    packages: Sequence[Package], counted: Mapping[str, int]
) -> Iterator[tuple[PlacedStatement, int]]:
    """Yield the form of each statement that is called the most, and the calls of all its forms."""
    forms: dict[str, list[PlacedStatement]] = {}
    for each in named_statements.every(packages):
        name = statement_places.name_of(each.statement.label)
        forms.setdefault(f"{each.package.name} {name}", []).append(each)
    for alike in forms.values():
        counts = [counted.get(each.statement.label, 0) for each in alike]
        yield alike[counts.index(max(counts))], sum(counts)


def _tables(planned: Planned) -> set[str]:
    return {node.relation for node in planned.tree.walk() if node.relation is not None}


def _caller_statement(each: PlacedStatement, calls: int, now: datetime) -> CallerStatement:
    declared = each.statement
    values = sample_values(declared, now)
    return CallerStatement(
        declared.label,
        declared.statement.sql,
        tuple(values[name] for name in declared.statement.params),
        1.0 + calls,
    )


def _of_row(statement: CallerStatement, number: int) -> CallerStatement:
    row = str(min(number, _MOST_ROW))
    values = tuple(value and _MARK.sub(row, value) for value in statement.values)
    return CallerStatement(statement.name, statement.text, values, statement.weight)
