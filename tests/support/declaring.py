"""Declares single statements for tests, by their annotations."""

from collections.abc import Callable
from typing import Any

from oadb.engine.binding.queries import Queries, Query
from oadb.engine.binding.statements import parse


def declared(sql: str, returns: Any, **takes: Any) -> Query[..., Any]:
    """Declare a statement as a function with these annotations."""
    declare = Queries("rows", parse(f"-- name: go\n{sql};", "rows", "rows.sql"))
    made: dict[str, Callable[..., Any]] = {}
    exec(f"def go({', '.join(takes)}): ...", made)  # a function with these parameters
    made["go"].__annotations__ = {**takes, "return": returns}
    found: Query[..., Any] = declare(made["go"])
    declare.complete()
    return found
