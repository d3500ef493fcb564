"""What the server answers to EXPLAIN of a prepared statement, behind other commands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict, cast

import psycopg

from oadb.engine.binding.declarations import Declaration
from oadb.tools.plans.plan_tree import PlanJson

TriggerJson = TypedDict(
    "TriggerJson",
    {
        "Trigger Name": str,
        "Constraint Name": str,
        "Relation": str,
        "Time": float,
        "Calls": float,
    },
    total=False,
)
"""A trigger that was fired, or a foreign key that was checked, with its time in milliseconds."""

Explained = TypedDict(
    "Explained",
    {
        "Plan": PlanJson,
        "Planning Time": float,
        "Execution Time": float,
        "Triggers": list[TriggerJson],
    },
    total=False,
)
"""An answer; times, in milliseconds, only of what was run."""


# The column of an answer to EXPLAIN.
_ANSWER = "QUERY PLAN"


@dataclass(frozen=True, slots=True)
class TimedTrigger:
    """A trigger or a foreign key, the name of its table, its calls, and their milliseconds."""

    name: str
    table_name: str
    calls: int
    total_ms: float


def answers(cursor: psycopg.Cursor[tuple[object, ...]]) -> Iterator[Explained]:
    """Yield the answers to EXPLAIN, without those to what else was sent with it."""
    is_left: bool | None = True
    while is_left:
        # Of a setting it is the value.
        if cursor.description is not None and cursor.description[0].name == _ANSWER:
            ((explained,),) = cast("list[tuple[list[Explained]]]", cursor.fetchall())
            yield explained[0]
        is_left = cursor.nextset()


def triggers(explained: Explained) -> Iterator[TimedTrigger]:
    """Yield the triggers and foreign keys of a statement that was run, as it fired them."""
    for each in explained.get("Triggers", ()):
        name = each.get("Constraint Name") or each.get("Trigger Name", "")
        yield TimedTrigger(
            name, each.get("Relation", ""), round(each.get("Calls", 0)), each.get("Time", 0.0)
        )


def misfit(
    declared: Declaration, literals: Sequence[str], text: str, error: psycopg.Error
) -> str | None:
    """Return the parameter whose value is refused, if that is said.

    Args:
        literals: the values of the parameters, which stand at the end of the text, in parentheses.
    """
    position = int(error.diag.statement_position or 0) - 1
    start = len(text) - len(", ".join(literals)) - len(")")
    for name, literal in zip(declared.statement.params, literals, strict=True):
        if start <= position < start + len(literal):
            return name
        start += len(literal) + len(", ")
    return None
