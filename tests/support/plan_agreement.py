"""Whether two databases plan a statement alike: the same indexes and joins in the same order."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from oadb.engine.binding.declarations import Declaration
from oadb.engine.dsn import Dsn
from tests.support import declared

_NUMBERED = re.compile(r"_\d+(?=_|$)")


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan: its nodes with table, index and join, from the top, and the rows of the top."""

    nodes: tuple[str, ...]
    rows: float
    cost: float


def connect(dsn: Dsn) -> psycopg.Connection:
    """Connect to a database, in autocommit mode."""
    return psycopg.connect(make_conninfo("", **dsn.keywords), autocommit=True)


def labels_of(module: str) -> list[str]:
    """Return the labels of the declarations of a module, and of their variants."""
    found = declared.module(module).query
    return [each.label for one in found for each in one.variants.values() or [one]]


def planned(connection: psycopg.Connection, statement: Declaration) -> Planned | None:
    """Return the generic plan of a statement, or None for one that cannot be planned."""
    try:
        found = psycopg.RawCursor(connection).execute(
            b"explain (generic_plan, format json) " + statement.statement.sql
        )
        row: Any = found.fetchone()
        top: dict[str, Any] = row[0][0]["Plan"]
    except psycopg.Error:
        return None
    return Planned(tuple(_nodes(top)), top["Plan Rows"], top["Total Cost"])


def _nodes(plan: dict[str, Any]) -> Iterator[str]:
    """Yield the nodes; of partitions, in an order of their own, one of each kind."""
    yield _shown(plan)
    inner: list[dict[str, Any]] = plan.get("Plans", [])
    parts = [(*_nodes(part),) for part in inner]
    if plan["Node Type"] in {"Append", "Merge Append"}:
        parts = sorted({*parts})
    for nodes in parts:
        yield from nodes


def _shown(plan: dict[str, Any]) -> str:
    names = (plan.get(each, "") for each in ("Join Type", "Relation Name", "Index Name"))
    parts = [plan["Node Type"], *(_NUMBERED.sub("_*", name) for name in names if name)]
    return " ".join(parts)
