"""Query plans of statements in sql/queries."""

from collections.abc import Generator, Mapping
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


def pages_read(connection: psycopg.Connection, label: str, values: Mapping[str, str]) -> int:
    """Run a statement by its generic plan, undo it, and return how many pages it read.

    Args:
        label: that of a declaration or of a variant.
        values: the SQL of its values; null without.
    """
    statement = declared.declaration(label).statement
    given = ", ".join(values.get(each, "null") for each in statement.params)
    with connection.transaction(force_rollback=True):
        connection.execute("set local plan_cache_mode = force_generic_plan")
        connection.execute(b"prepare measured as " + statement.sql)
        found = connection.execute(
            "explain (analyze, buffers, costs off, timing off, format json) "
            f"execute measured{f'({given})' if given else ''}".encode()
        ).fetchone()
        connection.execute("deallocate measured")
    assert found is not None
    top = found[0][0]["Plan"]
    return int(top["Shared Hit Blocks"]) + int(top["Shared Read Blocks"])


def scanned(plan: dict[str, Any]) -> Generator[dict[str, Any]]:
    """Yield the nodes of a plan that read a table, and those that read an index for a bitmap."""
    if "Relation Name" in plan or "Index Name" in plan:
        yield plan
    for part in plan.get("Plans", ()):
        yield from scanned(part)
