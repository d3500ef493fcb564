"""Judges how a plan grows, node by node, by the rules in ``docs/plans.md``.

The form of the plan at the larger scale says most. Whether a lookup finds as many rows in a larger
table is read from the estimates for the same node at the smaller scale.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from math import sqrt

from oadb.tools.plans.growth import Extent, Growth, JudgedNode, Scales
from oadb.tools.plans.plan_tree import PlanNode

# Without a node to compare with, a lookup is bounded that costs at most 10,000 reads of a page
# anywhere on a disk, and returns at most as many rows.
_MOST_COST, _MOST_ROWS = 40_000.0, 10_000.0

_SCAN = re.compile(r"(Seq|Index|Index Only|Bitmap Heap|Tid Range|Sample|Foreign) Scan$")
_BY_INDEX = frozenset({"Index Scan", "Index Only Scan", "Bitmap Heap Scan"})
_APPENDS = frozenset({"Append", "Merge Append"})
_WRITES = frozenset({"Insert", "Update", "Delete", "Merge"})
# They have read all of their input before they return a row.
_BLOCKING = _WRITES | {"Sort", "Hash", "Plain Aggregate", "Hashed Aggregate", "Mixed Aggregate"}
_ONE_PARTNER = frozenset({"Semi", "Anti"})
_BESIDE = frozenset({"InitPlan", "SubPlan"})

# VERBOSE writes the table in front of each column; other texts and functions have dots as well.
_OF_SESSION = re.compile(
    r"\(*[\w$\"]+\.user_id = \(NULLIF\(current_setting\([^)]*\), ''::text\)\)::bigint\)"
    r"|CASE WHEN \(NULLIF\(current_setting.* END"
)
_QUOTED = re.compile(r"'[^']*'")
_COLUMN = re.compile(r'[\w$"]\.[\w$"]+(?![\w$"]*\()')


def judge(
    large: PlanNode, small: PlanNode, scales: Scales, *, has_identity: bool = False
) -> JudgedNode:
    """Judge the plan of a statement at the larger scale, beside that at the smaller one.

    Args:
        has_identity: whether it was made under the identity of a user, whose rows alone pass the
            filters of row-level security.
    """
    same = _counterparts(large, small)
    return _Judge(scales, scales.ratio(large), same, has_identity=has_identity).judged(
        large, Extent.ALL
    )


def _counterparts(large: PlanNode, small: PlanNode) -> dict[int, PlanNode]:
    """Return for the nodes of a plan, by id, the same ones of another, which may lack some."""
    ours, theirs = [*large.walk()], [*small.walk()]
    if [_identity(node) for node in ours] == [_identity(node) for node in theirs]:
        return {id(our): their for our, their in zip(ours, theirs, strict=True)}
    scans = {_identity(node): node for node in theirs if _SCAN.search(node.kind)}
    return {id(node): scans[_identity(node)] for node in ours if _identity(node) in scans}


def _identity(node: PlanNode) -> tuple[object, ...]:
    return node.kind, node.partition or node.relation, node.alias, node.index, node.condition


def _asks_columns(text: str | None, *, has_identity: bool) -> bool:
    """Say whether a filter asks something of the columns of each row.

    A policy of row-level security that asks for the user of the session lets all rows pass where
    there is none.
    """
    clauses = text or "" if has_identity else _OF_SESSION.sub("", text or "")
    return _COLUMN.search(_QUOTED.sub("", clauses)) is not None


def _alike(part: PlanNode, rows: Extent, growth: Growth) -> JudgedNode:
    """Return what reads indexes for a bitmap, which grows like the scan of that."""
    parts = tuple(_alike(each, rows, growth) for each in part.parts)
    return JudgedNode(part, rows, growth, (), parts)


class _Judge:
    """Judges the nodes of one plan.

    Args:
        ratio: by how much its tables grow, at most.
        small: the same nodes at the smaller scale, by the id of each.
    """

    def __init__(
        self, scales: Scales, ratio: float, small: Mapping[int, PlanNode], *, has_identity: bool
    ) -> None:
        self._scales, self._ratio, self._small = scales, ratio, small
        self._has_identity = has_identity
        self._ctes: dict[str, Extent] = {}

    def judged(self, node: PlanNode, wanted: Extent) -> JudgedNode:
        """Judge a node of which *wanted* rows are read, and all below it."""
        if _SCAN.search(node.kind):
            return self._scan(node, wanted)
        beside = [self._beside(node, part) for part in node.parts if part.relationship in _BESIDE]
        inputs = [
            self.judged(part, self._wanted(node, part, wanted))
            for part in node.parts
            if part.relationship not in _BESIDE
        ]
        rows = min(self._rows(node, inputs), wanted)
        work = (*(each.growth for each in inputs), *self._work_beside(node, beside, inputs))
        growth = max(self._work(node, inputs, rows), *work, Growth.CONSTANT)
        hazards = tuple(self._hazards(node, inputs, wanted))
        return JudgedNode(node, rows, growth, hazards, (*beside, *inputs))

    def _scan(self, node: PlanNode, wanted: Extent) -> JudgedNode:
        """Judge what reads a table."""
        ratio = self._scales.ratio(node)
        found = self._extent(node, ratio)
        growth, hazards = self._work_of_scan(node, found, ratio), tuple[str, ...]()
        if wanted is not Extent.ALL and node.kind != "Bitmap Heap Scan":
            if not _asks_columns(node.filter, has_identity=self._has_identity):
                first = Growth.LOGARITHMIC if node.kind in _BY_INDEX else Growth.CONSTANT
                growth = min(growth, max(first, wanted.reading))
            elif growth is Growth.LINEAR:
                hazards = (f"reads {node.relation} until enough rows pass a filter",)
        parts = tuple(_alike(part, found, growth) for part in node.parts)
        return JudgedNode(node, min(found, wanted), growth, hazards, parts)

    def _work_of_scan(self, node: PlanNode, found: Extent, ratio: float) -> Growth:
        """Return the work of a scan that reads all that it finds."""
        if ratio <= 1:
            return Growth.CONSTANT
        looks_up = node.kind in _BY_INDEX and (node.condition is not None or node.parts)
        if not looks_up or self._grows(node, ratio, cost=True):
            return Growth.LINEAR
        is_one = found is Extent.ONE and "ANY (" not in str(node.condition)
        return Growth.LOGARITHMIC if is_one else Growth.ASKED

    def _extent(self, node: PlanNode, ratio: float) -> Extent:
        """Return how many rows a node has by its estimates."""
        if self._grows(node, ratio, cost=False):
            return Extent.ALL
        return Extent.ONE if node.rows <= 1 else Extent.SOME

    def _grows(self, node: PlanNode, ratio: float, *, cost: bool) -> bool:
        """Say whether the cost or the rows of a node grow where its tables grow by *ratio*."""
        if ratio <= 1:
            return False
        small = self._small.get(id(node))
        if small is None:
            return node.rows > _MOST_ROWS or (cost and node.total_cost > _MOST_COST)
        now, before = (node.total_cost, small.total_cost) if cost else (node.rows, small.rows)
        return now > max(before, 1) * sqrt(ratio)

    def _wanted(self, node: PlanNode, part: PlanNode, wanted: Extent) -> Extent:
        """Return how many rows of a part a node reads to return as many as are *wanted* of it."""
        if node.kind == "Limit":
            return min(wanted, Extent.ONE if node.rows <= 1 else Extent.SOME)
        if node.kind in _BLOCKING:
            return Extent.ALL
        if part.relationship == "Inner":
            has_one = node.kind == "Nested Loop" and node.join_type in _ONE_PARTNER
            return Extent.ONE if has_one else Extent.ALL
        # What returns few of many rows reads on.
        reads_on = self._extent(node, self._ratio) < self._extent(part, self._ratio)
        return Extent.ALL if reads_on else wanted

    def _rows(self, node: PlanNode, inputs: Sequence[JudgedNode]) -> Extent:
        """Return how many rows a node has: as estimated, but no more than its inputs allow."""
        most = [each.rows for each in inputs]
        if node.kind == "Plain Aggregate":
            return Extent.ONE
        if node.kind in _WRITES:
            return max(most, default=Extent.ONE)
        estimated = self._extent(node, self._ratio)
        if node.kind == "CTE Scan":
            return min(estimated, self._ctes.get(str(node.source), Extent.ALL))
        if not inputs:
            return estimated
        if len(inputs) > 1 or node.kind == "ProjectSet":
            most.append(Extent.SOME)
        return min(estimated, max(most))

    def _work(self, node: PlanNode, inputs: Sequence[JudgedNode], rows: Extent) -> Growth:
        """Return the work of a node beyond that of its parts."""
        read = max((each.rows for each in inputs), default=rows)
        if node.kind == "Nested Loop":
            outer, inner = inputs
            return inner.growth.times(outer.rows)
        if node.kind == "Recursive Union":
            return inputs[-1].growth.times(rows)
        if node.kind in _WRITES:
            return Growth.LOGARITHMIC.times(read)
        if node.kind in {"Sort", "Incremental Sort"} and read is Extent.ALL:
            return Growth.SORTED
        return read.reading

    def _beside(self, node: PlanNode, part: PlanNode) -> JudgedNode:
        """Judge a subplan. One that costs more than its node is not read to its end: EXISTS."""
        is_left = node.total_cost < part.total_cost and part.relationship == "InitPlan"
        found = self.judged(part, Extent.ONE if is_left else Extent.ALL)
        self._ctes[str(part.subplan).removeprefix("CTE ")] = found.rows
        return found

    def _work_beside(
        self, node: PlanNode, beside: Sequence[JudgedNode], inputs: Sequence[JudgedNode]
    ) -> Iterator[Growth]:
        """Yield the work of subplans: once, or for each row that the node has read."""
        read = max((each.rows for each in inputs), default=self._extent(node, self._ratio))
        for each in beside:
            name = each.node.subplan
            is_once = each.node.relationship == "InitPlan" or f"hashed {name}" in str(node.filter)
            yield each.growth if is_once else each.growth.times(read)

    def _hazards(
        self, node: PlanNode, inputs: Sequence[JudgedNode], wanted: Extent
    ) -> Iterator[str]:
        """Yield what has no bound in a node."""
        read = max((each.rows for each in inputs), default=Extent.ONE)
        if node.kind in {"Sort", "Incremental Sort"} and read is Extent.ALL:
            yield f"sorts rows without a bound by {', '.join(node.keys)}"
        is_grouping = node.kind in {"Hashed Aggregate", "Mixed Aggregate"}
        if read is Extent.ALL and (
            node.kind == "Hash" or (is_grouping and self._extent(node, self._ratio) is Extent.ALL)
        ):
            yield "hashes rows without a bound, which may not fit in memory"
        if node.kind in _APPENDS and (wanted is Extent.ALL or node.kind == "Merge Append"):
            yield from self._whole(node)

    def _whole(self, node: PlanNode) -> Iterator[str]:
        """Yield the tables of which a node reads every partition."""
        for name in node.tables:
            read = {each.partition for each in node.walk() if each.relation == name}
            if len(read) == self._scales.large.partitions.get(name, 0) > 1:
                yield f"reads all partitions of {name}"
