"""Plans as trees: what EXPLAIN (FORMAT JSON) returns, node by node."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypedDict

PlanJson = TypedDict(
    "PlanJson",
    {
        "Node Type": str,
        "Operation": str,
        "Strategy": str,
        "Partial Mode": str,
        "Schema": str,
        "Relation Name": str,
        "Function Name": str,
        "CTE Name": str,
        "Alias": str,
        "Index Name": str,
        "Scan Direction": str,
        "Join Type": str,
        "Subplan Name": str,
        "Parent Relationship": str,
        "Index Cond": str,
        "Recheck Cond": str,
        "TID Cond": str,
        "Hash Cond": str,
        "Merge Cond": str,
        "Order By": str,
        "Filter": str,
        "Join Filter": str,
        "One-Time Filter": str,
        "Sort Key": list[str],
        "Presorted Key": list[str],
        "Group Key": list[str],
        "Conflict Arbiter Indexes": list[str],
        "Conflict Resolution": str,
        "Subplans Removed": int,
        "Startup Cost": float,
        "Total Cost": float,
        "Plan Rows": float,
        "Plan Width": int,
        "Actual Loops": float,
        "Actual Rows": float,
        "Actual Startup Time": float,
        "Actual Total Time": float,
        "Rows Removed by Filter": float,
        "Rows Removed by Join Filter": float,
        "Shared Hit Blocks": int,
        "Shared Read Blocks": int,
        "Shared Dirtied Blocks": int,
        "Temp Written Blocks": int,
        "Plans": "list[PlanJson]",
    },
    total=False,
)
"""The fields of a node in EXPLAIN's JSON that are read here."""

_CONDITIONS = ("Index Cond", "TID Cond", "Hash Cond", "Merge Cond", "Recheck Cond")
_FILTERS = ("Filter", "Join Filter", "One-Time Filter")

# What a scan has as "Node Type" beyond the words of its kind.
_BACKWARD = "Backward"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a node did when the statement was run.

    Attributes:
        loops: How often it was started.
        rows: How many rows it returned, in all loops together.
        removed: How many rows it read and filtered out, in all loops together.
        total_ms: How long it took with its parts, in all loops together, in milliseconds.
        hit, read, dirtied: Blocks of 8 kB, of it and its parts: found in shared buffers, read from
            outside of them, changed.
        spilled: Blocks of 8 kB written to temporary files, of it and its parts.
    """

    loops: float
    rows: float
    removed: float
    total_ms: float
    hit: int
    read: int
    dirtied: int
    spilled: int


@dataclass(frozen=True, slots=True)
class PlanNode:
    """A node of a plan, with the nodes below it.

    Attributes:
        kind: ``Index Scan``, ``Sort``, ``Nested Loop``, ...; of a ModifyTable, ``Insert``,
            ``Update``, ``Delete`` or ``Merge``; of an Aggregate, how: ``Hashed Aggregate``.
        relation: The table that it reads or writes, as ``schema.name``; of a partition, the
            table that is partitioned. None if it has no table of its own.
        partition: The partition, as ``schema.name``; None if it is none.
        source: The CTE or the function that it reads.
        index: The name of the index that it reads; of a partition, that of the partitioned table.
        is_backward: Whether it reads the index from its end.
        condition: What it looks for in the index, or joins by, as PostgreSQL writes it.
        filter: What it asks of each row that it has read.
        keys: What it sorts or groups by.
        presorted: How many of these keys the input is sorted by already.
        arbiters: The indexes in which an insert looks for conflicts.
        updates_conflicts: Whether an insert updates the row that it conflicts with.
        subplan: The name of the subplan that it begins: ``CTE found``, ``InitPlan 1``.
        relationship: How its parent uses it: ``Outer``, ``Inner``, ``Subquery``, ``InitPlan``, ...
        removed_parts: How many partitions were left out when the plan was started.
        rows, width: Estimated rows of each loop, and bytes in a row.
        measured: None unless it was run.
    """

    kind: str
    relation: str | None
    partition: str | None
    alias: str | None
    source: str | None
    index: str | None
    is_backward: bool
    condition: str | None
    filter: str | None
    join_type: str | None
    keys: tuple[str, ...]
    presorted: int
    arbiters: tuple[str, ...]
    updates_conflicts: bool
    subplan: str | None
    relationship: str | None
    removed_parts: int
    startup_cost: float
    total_cost: float
    rows: float
    width: int
    measured: Measured | None
    parts: "tuple[PlanNode, ...]"

    def walk(self) -> "Iterator[PlanNode]":
        """Yield the node and all below it, each before its parts."""
        waiting: list[PlanNode] = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.parts))

    @property
    def indexes(self) -> frozenset[str]:
        """The names of the indexes that it and all below it read or look for conflicts in."""
        read = {node.index for node in self.walk() if node.index is not None}
        return frozenset(read.union(*(node.arbiters for node in self.walk())))

    @property
    def tables(self) -> frozenset[str]:
        """The tables that it and all below it read or write, as ``schema.name``."""
        return frozenset(node.relation for node in self.walk() if node.relation is not None)


def read(plan: PlanJson, owners: Mapping[str, str]) -> PlanNode:
    """Return a plan as a tree.

    Args:
        plan: ``Plan`` of EXPLAIN's answer, with VERBOSE.
        owners: of each partition, ``schema.name``, the table that is partitioned; of each of their
            indexes, ``name``, that of this table. ``planned_relations.owners`` finds them.
    """
    relation = f"{plan.get('Schema')}.{plan['Relation Name']}" if "Relation Name" in plan else None
    index = plan.get("Index Name")
    return PlanNode(
        kind=_kind(plan),
        relation=None if relation is None else owners.get(relation, relation),
        partition=relation if relation in owners else None,
        alias=plan.get("Alias"),
        source=plan.get("CTE Name", plan.get("Function Name")),
        index=None if index is None else owners.get(index, index),
        is_backward=plan.get("Scan Direction") == _BACKWARD,
        condition=_joined(plan, _CONDITIONS),
        filter=_joined(plan, _FILTERS),
        join_type=plan.get("Join Type"),
        keys=(*plan.get("Sort Key", ()), *plan.get("Group Key", ())),
        presorted=len(plan.get("Presorted Key", ())),
        arbiters=tuple(owners.get(name, name) for name in plan.get("Conflict Arbiter Indexes", ())),
        updates_conflicts=plan.get("Conflict Resolution") == "UPDATE",
        subplan=plan.get("Subplan Name"),
        relationship=plan.get("Parent Relationship"),
        removed_parts=plan.get("Subplans Removed", 0),
        startup_cost=plan.get("Startup Cost", 0.0),
        total_cost=plan.get("Total Cost", 0.0),
        rows=plan.get("Plan Rows", 0.0),
        width=plan.get("Plan Width", 0),
        measured=_measured(plan),
        parts=tuple(read(part, owners) for part in plan.get("Plans", ())),
    )


def _kind(plan: PlanJson) -> str:
    kind = plan.get("Node Type", "")
    if kind == "ModifyTable":
        return plan.get("Operation", kind)
    if kind == "Aggregate":
        return f"{plan.get('Strategy', '')} {kind}"
    return kind


def _joined(plan: PlanJson, fields: tuple[str, ...]) -> str | None:
    """Return the texts of several fields as one; None if the node has none of them."""
    texts = [str(plan[field]) for field in fields if field in plan]  # type: ignore[literal-required]  # each of them is one
    return " and ".join(texts) or None


def _measured(plan: PlanJson) -> Measured | None:
    if "Actual Loops" not in plan:
        return None
    loops = plan["Actual Loops"]
    removed = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Join Filter", 0)
    return Measured(
        loops=loops,
        rows=plan.get("Actual Rows", 0) * loops,
        removed=removed * loops,
        total_ms=plan.get("Actual Total Time", 0.0) * loops,
        hit=plan.get("Shared Hit Blocks", 0),
        read=plan.get("Shared Read Blocks", 0),
        dirtied=plan.get("Shared Dirtied Blocks", 0),
        spilled=plan.get("Temp Written Blocks", 0),
    )
