"""Query plans of statements in sql/queries."""

from collections.abc import Generator
from typing import Any

import psycopg

from tests.support import declared


def plan(url: str, module: str, name: str) -> str:
    """Return the generic plan of a statement, which serves every value of its parameters."""
    statement = declared.statement(f"{module}.{name}")
    nulls = ", ".join("null" for _ in statement.params)
    values = f"({nulls})" if nulls else ""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set plan_cache_mode = force_generic_plan")
        connection.execute(b"prepare planned as " + statement.sql)
        rows = connection.execute(f"explain execute planned{values}".encode()).fetchall()
    return "\n".join(line for (line,) in rows)


def scanned(plan: dict[str, Any]) -> Generator[dict[str, Any]]:
    """Yield the nodes of a plan that read a table, and those that read an index for a bitmap."""
    if "Relation Name" in plan or "Index Name" in plan:
        yield plan
    for part in plan.get("Plans", ()):
        yield from scanned(part)
