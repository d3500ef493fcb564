"""The form of a plan: the kinds of its nodes, and what they read."""

from collections.abc import Iterator

from oadb.tools.plans.plan_tree import PlanNode

APPENDS = frozenset({"Append", "Merge Append"})

_BESIDE = frozenset({"InitPlan", "SubPlan"})


def outline(node: PlanNode) -> Iterator[str]:
    """Yield the titles of the nodes of a plan, each before its parts."""
    if is_of_one_table(node):
        node = max(node.parts, key=lambda part: part.rows)
    yield title(node)
    for part in node.parts:
        yield from outline(part)


def plain_outline(node: PlanNode) -> Iterator[str]:
    """Yield the same without what asks once whether to run what is below it."""
    if is_of_one_table(node):
        node = max(node.parts, key=lambda part: part.rows)
    if not _is_gate(node):
        yield title(node)
    for part in node.parts:
        yield from plain_outline(part)


def title(node: PlanNode) -> str:
    """Return the kind of a node, with what it reads."""
    join = f" {node.join_type}" if node.join_type not in {None, "Inner"} else ""
    backward = " Backward" if node.is_backward else ""
    read = " of ".join(filter(None, (node.index, node.relation))) or node.source or ""
    return f"{node.kind}{join}{backward} {read}".rstrip()


def is_of_one_table(node: PlanNode) -> bool:
    """Say whether a node appends partitions of one table, each read once."""
    if node.kind not in APPENDS or len(node.tables) != 1:
        return False
    return {sum(each.partition is not None for each in part.walk()) for part in node.parts} == {1}


def _is_gate(node: PlanNode) -> bool:
    inputs = [part for part in node.parts if part.relationship not in _BESIDE]
    return node.kind == "Result" and node.filter is not None and len(inputs) == 1
