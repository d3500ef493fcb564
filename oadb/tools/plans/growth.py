"""Classes of growth: how the work of a plan, and its rows, grow with tables."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from oadb.tools.plans.plan_tree import PlanNode
from oadb.tools.plans.planned_relations import TableCounts


class Growth(IntEnum):
    """How work grows, from the least: n is the rows of a table, k what the caller asks for."""

    CONSTANT = 0
    LOGARITHMIC = 1
    ASKED = 2
    LINEAR = 3
    SORTED = 4
    SQUARE = 5

    def __str__(self) -> str:
        """Return it as it is written."""
        return ("O(1)", "O(log n)", "O(k)", "O(n)", "O(n log n)", "O(n^2)")[self]

    def times(self, rows: "Extent") -> "Growth":
        """Return how this work grows if it is done for each of some rows.

        A descent of an index counts as one step there, as in O(k).
        """
        if rows is Extent.ONE:
            return self
        if rows is Extent.SOME:
            return max(self, Growth.ASKED)
        return Growth.SQUARE if self >= Growth.LINEAR else Growth.LINEAR


class Extent(IntEnum):
    """How many rows there are: one at most, k, or more where a table has more."""

    ONE = 0
    SOME = 1
    ALL = 2

    @property
    def reading(self) -> Growth:
        """How work grows that reads so many rows, one after another."""
        return (Growth.CONSTANT, Growth.ASKED, Growth.LINEAR)[self]


@dataclass(frozen=True, slots=True)
class JudgedNode:
    """A node of a plan and how it grows, with the nodes below it.

    Attributes:
        rows: How many rows it returns to its parent, which may want fewer than it has.
        growth: Of its work together with that of all below it.
        hazards: What has no bound in the node itself: "sorts rows without a bound".
    """

    node: PlanNode
    rows: Extent
    growth: Growth
    hazards: tuple[str, ...]
    parts: "tuple[JudgedNode, ...]"

    def walk(self) -> "Iterator[JudgedNode]":
        """Yield the node and all below it, each before its parts."""
        yield self
        for part in self.parts:
            yield from part.walk()


@dataclass(frozen=True, slots=True)
class Scales:
    """Two scales of a database, between which growth is judged."""

    large: TableCounts
    small: TableCounts

    def ratio(self, node: PlanNode) -> float:
        """Return by how much the tables of a node and of all below it grow, at most."""
        names = {each.partition or each.relation for each in node.walk()}
        return max((self._ratio(name) for name in names if name is not None), default=1.0)

    def _ratio(self, name: str) -> float:
        rows = self.large.rows.get(name, 0)
        return rows / max(self.small.rows.get(name, 0), 1) if rows else 1.0
