"""Plans of statements of migrations, of those for which PostgreSQL has one."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import psycopg

from oadb.engine.binding import explaining
from oadb.engine.direct_connection import DirectConnection
from oadb.tools.migrations.table_states import Work

_WRITES = re.compile(r"\b(?P<operation>Insert|Update|Delete|Merge) on (?P<rest>.*)")
_ROWS = re.compile(r"rows=(\d+)")
_LEFT_OUT = ("Output: ", "Query Identifier: ")


@dataclass(frozen=True, slots=True)
class StepPlan:
    """The plan of a statement: the lines of EXPLAIN, without the columns."""

    lines: tuple[str, ...]

    @property
    def rows(self) -> int:
        """The number of rows that it writes or returns, as PostgreSQL estimates it."""
        # What writes returns nothing itself: the line below says how many rows it gets.
        found = (int(rows) for line in self.lines for rows in _ROWS.findall(line))
        return next((rows for rows in found if rows), 0)

    def writes(self, names: Iterable[str]) -> Iterator[Work]:
        """Yield what it writes to the tables with these *names*."""
        targets = [found for line in self.lines if (found := _WRITES.search(line))]
        for name in names:
            operations = {
                found["operation"] for found in targets if found["rest"].startswith(f"{name} ")
            }
            if operations:
                yield Work("insert" if operations == {"Insert"} else "update", name)

    def reads_all(self, name: str) -> bool:
        """Return whether it reads the table from one end to the other."""
        return any(f"Seq Scan on {name} " in line for line in self.lines)


def explain(connection: DirectConnection, sql: str) -> StepPlan:
    """Return the plan of a statement, which is not run; in a transaction.

    Raises:
        psycopg.Error: it has none, or this role may not run it; the transaction can go on.
    """
    with connection.transaction(force_rollback=True):
        # Behind its parentheses, a statement that begins with "analyze" is not run.
        text = explaining.explain() + sql
        found: Sequence[tuple[object, ...]]
        found = connection.execute(text.encode(), prepare=False).fetchall()
    lines = (str(line) for (line,) in found)
    return StepPlan(tuple(each for each in lines if not each.lstrip().startswith(_LEFT_OUT)))


def planned(connection: DirectConnection, sql: str) -> StepPlan | None:
    """Return the plan of a statement, or None if it has none."""
    try:
        return explain(connection, sql)
    except psycopg.Error:
        if connection.closed:
            raise
        return None
