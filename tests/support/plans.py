"""Query plans of statements in sql/queries."""

from collections.abc import Generator
from typing import Any

import psycopg

from tests.support import declared


def plan(url: str, module: str, name: str, **values: str) -> str:
    """Return the generic plan of a statement, which serves every value of its parameters.

    Args:
        name: of a statement with variants, with the arguments of one: ``list_calls +user_id``.
        values: SQL of the values that decide which partitions the plan shows; null without.
    """
    statement = declared.declaration(f"{module}.{name}").statement
    given = ", ".join(values.get(each, "null") for each in statement.params)
    arguments = f"({given})" if given else ""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set plan_cache_mode = force_generic_plan")
        connection.execute(b"prepare planned as " + statement.sql)
        rows = connection.execute(f"explain execute planned{arguments}".encode()).fetchall()
    return "\n".join(line for (line,) in rows)


def scanned(plan: dict[str, Any]) -> Generator[dict[str, Any]]:
    """Yield the nodes of a plan that read a table, and those that read an index for a bitmap."""
    if "Relation Name" in plan or "Index Name" in plan:
        yield plan
    for part in plan.get("Plans", ()):
        yield from scanned(part)
