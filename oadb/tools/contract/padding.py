"""Columns that outer joins and grouping sets fill with nulls, as the plan of a statement shows."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TypedDict

from oadb.engine.binding.statements import Statement

_WORDS = frozenset({"outer", "left", "right", "full", "grouping", "rollup", "cube", "old", "new"})

# Which inputs of a join are padded, by EXPLAIN's name of the join. An outer join of which only the
# rows without a partner are wanted is an anti join.
_PADDED = {
    "Left": frozenset({"Inner"}),
    "Right": frozenset({"Outer"}),
    "Full": frozenset({"Outer", "Inner"}),
    "Anti": frozenset({"Inner"}),
    "Right Anti": frozenset({"Outer"}),
}

# What has rows of tables that other nodes read.
_STAND_INS = frozenset({"CTE Scan", "Subquery Scan"})

_COLUMN = re.compile(r'(?:"((?:[^"]|"")+)"|([\w$]+))\.(?:"(?:[^"]|"")+"|[\w$]+)')

Plan = TypedDict(
    "Plan",
    {
        "Node Type": str,
        "Parent Relationship": str,
        "Join Type": str,
        "Schema": str,
        "Relation Name": str,
        "Alias": str,
        "Output": list[str],
        "Grouping Sets": list[dict[str, list[list[str]]]],
        "Plans": "list[Plan]",
    },
    total=False,
)
"""The fields of a plan in EXPLAIN's JSON that are read here."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Where a plan reads a table (``schema.name``), or what stands for several, without a name."""

    table: str
    alias: str
    is_padded: bool


def may_pad(statement: Statement) -> bool:
    """Say whether a statement may have an outer join or grouping sets of its own, by its words."""
    return not _WORDS.isdisjoint(statement.words)


class Padding:
    """What a plan fills with nulls. It was made without partition pruning, so that it has all."""

    def __init__(self, plan: Plan) -> None:
        self._output = plan.get("Output", [])
        self._scans = [*_scans(plan, padded=False)]
        self._groupings = [*_groupings(plan)]

    def reaches(self, number: int, tables: Collection[str]) -> bool | None:
        """Say whether a column of a table may be padded; None: not known.

        Args:
            number: of the column in the result, from 0.
            tables: the names of the table and of its partitions.
        """
        # A plan has no output where several inputs are appended, and their columns have no table.
        text = self._output[number] if number < len(self._output) else ""
        grouped = self._is_grouped_away(text)
        return self._is_joined(text, tables) if grouped is False else grouped

    def _is_grouped_away(self, text: str) -> bool | None:
        """Say whether a column is in some grouping sets, but not in all."""
        if not self._groupings:
            return False
        if len(self._groupings) > 1:
            return None
        # Where a statement has one table, only the keys are qualified.
        found = {any(f".{key}".endswith(f".{text}") for key in keys) for keys in self._groupings[0]}
        return None if found == {False} else False in found

    def _is_joined(self, text: str, tables: Collection[str]) -> bool | None:
        alias = _alias(text)
        own = [scan for scan in self._scans if scan.alias == alias]
        if any(scan.is_padded for scan in own):
            return True
        if any(scan.table in tables for scan in own):
            return False
        if alias in {"old", "new"}:  # of a RETURNING; a row may have no former or later state
            return None
        # Partitions have aliases of their own, and the names of a CTE are not those of its tables.
        found = {scan.is_padded for scan in self._scans if scan.table in {"", *tables}}
        return found.pop() if len(found) == 1 else None


def _alias(text: str) -> str:
    """Return the alias of the table of a column, or nothing if there is none."""
    found = _COLUMN.fullmatch(text)
    return "" if found is None else found[2] or found[1].replace('""', '"')


def _scans(plan: Plan, *, padded: bool) -> Iterator[Scan]:
    if "Relation Name" in plan:
        name = f"{plan.get('Schema')}.{plan['Relation Name']}"
        yield Scan(name, plan.get("Alias", ""), padded)
    elif plan.get("Node Type") in _STAND_INS:
        yield Scan("", plan.get("Alias", ""), padded)
    inputs = _PADDED.get(plan.get("Join Type", ""), frozenset())
    for part in plan.get("Plans", ()):
        yield from _scans(part, padded=padded or part.get("Parent Relationship") in inputs)


def _groupings(plan: Plan) -> Iterator[list[list[str]]]:
    """Yield the grouping sets of each aggregation, as the keys of each set."""
    phases = plan.get("Grouping Sets", ())
    if phases:
        yield [
            keys
            for phase in phases
            for kind in ("Group Keys", "Hash Keys")
            for keys in phase.get(kind, ())
        ]
    for part in plan.get("Plans", ()):
        yield from _groupings(part)
