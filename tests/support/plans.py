"""Query plans of statements in sql/queries."""

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
