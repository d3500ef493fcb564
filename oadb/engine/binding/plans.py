"""Plans of declared statements: ``orders.list_open.explain(db, 7)``."""

import re
from copy import copy
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NoReturn

from oadb.engine.binding import explaining
from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.results import Result
from oadb.engine.binding.values import ValueType
from oadb.engine.executor_faults import not_an_executor
from oadb.engine.executors import AsyncExecutor, Executor
from oadb.errors import ParameterError

_ESTIMATES = re.compile(r"cost=[\d.]+\.\.([\d.]+) rows=(\d+)")
_TIME = re.compile(r"Execution Time: ([\d.]+) ms")


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """The plan of a statement for the values of one call.

    Attributes:
        label: Of the statement, or of the variant that these values choose.
        lines: What EXPLAIN returns.
        cost: The estimated cost of the whole statement, in the server's units.
        rows: The estimated number of rows.
        execution_ms: How long it ran, if it was run, in milliseconds.
    """

    label: str
    lines: tuple[str, ...]
    cost: float
    rows: int
    execution_ms: float | None = None

    def __str__(self) -> str:
        """Return the lines as psql shows them."""
        return "\n".join(self.lines)


class _RolledBackError(Exception):
    """Ends the transaction in which a write was run for its plan."""


def explain(db: Any, declared: Declaration, values: tuple[Any, ...], *, analyze: bool) -> Any:
    """Return the plan of a statement, or over an async executor the coroutine that does.

    Raises:
        TypeError: *db* is no executor.
    """
    if isinstance(db, Executor):
        return db._operate(lambda inner: _explain(inner, declared, values, analyze=analyze))
    if not isinstance(db, AsyncExecutor):
        raise not_an_executor(declared.label, db)
    return _explain(db, declared, values, analyze=analyze)


async def _explain(
    db: AsyncExecutor, declared: Declaration, values: tuple[Any, ...], *, analyze: bool
) -> QueryPlan:
    """Return the plan of a statement; with *analyze*, run it, and undo what it wrote.

    Raises:
        ParameterError: a COPY, which has no plan.
    """
    if declared.is_copy:
        raise ParameterError(f"{declared.label}: a COPY has no plan; explain the query in it")
    chosen = declared.chosen(values)
    # The server plans it with the values of the call.
    explained = _explained(chosen, explaining.explain(analyze=analyze).encode())
    if not analyze:
        return _plan(chosen.label, await db._run(explained, values))
    # A read as well: it may call a function that writes.
    lines: list[str] = []
    try:
        async with db.transaction() as tx:
            lines = await tx._run(explained, values)
            _roll_back()
    except _RolledBackError:
        return _plan(chosen.label, lines)


def _roll_back() -> NoReturn:
    raise _RolledBackError


@cache  # each connection prepares it once
def _explained(declared: Declaration, prefix: bytes) -> Declaration:
    explained = copy(declared)
    # Its limits hold here too; an isolation is that of the transaction, rows are those of the plan.
    explained.guards = replace(declared.guards, isolation=None, expects=None, most_rows=None)
    explained.special = "guards" if explained.guards.setups else None
    explained.is_judged = False
    explained.result = Result("many", value=ValueType(str))
    explained.make, explained.make_all = explained.result.makers(declared.label)
    explained.fetches = True
    explained.shape_result = explained.result.shape_result
    explained.wire_sql = prefix + declared.wire_sql
    explained.prefix = len(prefix)
    return explained


def _plan(label: str, lines: list[str]) -> QueryPlan:
    text = "\n".join(lines)
    estimates, time = _ESTIMATES.search(text), _TIME.search(text)
    return QueryPlan(
        label,
        tuple(lines),
        cost=float(estimates[1]) if estimates else 0.0,
        rows=int(estimates[2]) if estimates else 0,
        execution_ms=float(time[1]) if time else None,
    )
