"""Declarations for tests, from SQL in the same file."""

from oadb.engine.binding.queries import Queries
from oadb.engine.binding.statements import Statement, parse

PATH = "sql/queries/probe.sql"


def parsed(text: str) -> dict[str, Statement]:
    """Parse *text* as if it were the SQL file of a module named probe."""
    return parse(text, "probe", PATH)


def parsed_one(sql: str) -> Statement:
    """Parse a statement without name and semicolon."""
    return parsed(f"-- name: probe\n{sql};")["probe"]


def probes(text: str) -> Queries:
    """Return the decorator for the declarations of *text*."""
    return Queries("probe", parsed(text))
