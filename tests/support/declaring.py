"""Declares single statements for tests, by their annotations."""

from collections.abc import Callable
from typing import Any

from oadb.engine.binding.queries import Queries, Query
from oadb.engine.binding.statements import parse


def declared(sql: str, returns: Any, *, comment: str = "", **takes: Any) -> Query[..., Any]:
    """Declare a statement, below a comment, as a function with these annotations."""
    heading = "".join(f"-- {line}\n" for line in ("name: go", *comment.splitlines()))
    declare = Queries("rows", parse(f"{heading}{sql};", "rows", "rows.sql"))
    made: dict[str, Callable[..., Any]] = {}
    exec(f"def go({', '.join(takes)}): ...", made)  # a function with these parameters
    made["go"].__annotations__ = {**takes, "return": returns}
    found: Query[..., Any] = declare(made["go"])
    declare.complete()
    return found
