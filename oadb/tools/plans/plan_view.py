"""A plan as a tree for a terminal."""

from collections.abc import Iterator

from rich.text import Text
from rich.tree import Tree

from oadb.tools.plans.plan_tree import Measured, PlanNode
from oadb.tools.plans.planning import Planned

# A scan of a whole table, which is easily overlooked.
_STRIKING = frozenset({"Seq Scan"})


def view(planned: Planned) -> Tree:
    """Return the tree of a plan, with what was measured if it was run."""
    title = Text(planned.label, style="bold")
    title.append("  for any values" if planned.is_generic else "  for these values", style="dim")
    tree = Tree(title)
    _add(tree, planned.tree)
    return tree


def _add(tree: Tree, node: PlanNode) -> None:
    text = Text()
    if node.subplan is not None:
        text.append(f"{node.subplan}: ", style="dim")
    text.append(node.kind, style="bold yellow" if node.kind in _STRIKING else "bold")
    for each in (node.join_type, "backward" if node.is_backward else None, node.source):
        text.append(f" {each}" if each else "")
    if node.index is not None:
        text.append(f" {node.index}", style="cyan")
    relation = node.partition or node.relation
    if relation is not None:
        text.append(f"{' of' if node.index is not None else ''} {relation}")
    text.append(f"\n{_numbers(node)}", style="dim")
    for line in _details(node):
        text.append(f"\n{line}")
    branch = tree.add(text)
    for part in node.parts:
        _add(branch, part)


def _numbers(node: PlanNode) -> str:
    cost = f"cost {node.startup_cost:.0f} to {node.total_cost:.0f}"
    if node.measured is None:
        return f"{node.rows:,.0f} rows expected, {cost}"
    return f"{_measured(node.measured)}; {node.rows:,.0f} rows expected each time, {cost}"


def _measured(measured: Measured) -> str:
    if not measured.loops:
        return "never run"
    times = f" in {measured.loops:,.0f} times" if measured.loops > 1 else ""
    found = f"{measured.rows:,.0f} rows{times}, {measured.total_ms:.2f} ms"
    blocks = f"{measured.hit:,} buffers hit, {measured.read:,} read"
    spilled = f", {measured.spilled:,} written to temporary files" if measured.spilled else ""
    removed = f", {measured.removed:,.0f} rows filtered out" if measured.removed else ""
    return f"{found}, {blocks}{spilled}{removed}"


def _details(node: PlanNode) -> Iterator[str]:
    if node.condition is not None:
        yield f"condition: {node.condition}"
    if node.filter is not None:
        yield f"filter: {node.filter}"
    if node.keys:
        yield f"by {', '.join(node.keys)}"
    if node.removed_parts:
        yield f"{node.removed_parts} partitions left out"
