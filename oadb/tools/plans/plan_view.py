"""A plan as a tree for a terminal."""

from collections.abc import Iterable, Iterator

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


def _add(tree: Tree, node: PlanNode, others: int = 0) -> None:
    """Add a node, which stands for *others* as well: the same of more partitions."""
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
    if others:
        text.append(f", and of {others} more partition{'s'[: others != 1]}")
    text.append(f"\n{_numbers(node)}", style="dim")
    for line in _details(node):
        text.append(f"\n{line}")
    branch = tree.add(text)
    for first, *more in _alike(node.parts):
        _add(branch, first, len(more))


def _alike(parts: Iterable[PlanNode]) -> Iterable[list[PlanNode]]:
    """Return nodes with those together that do the same with other partitions, and were not run."""
    found: dict[object, list[PlanNode]] = {}
    for part in parts:
        is_alone = part.measured is not None or all(each.partition is None for each in part.walk())
        found.setdefault(id(part) if is_alone else _form(part), []).append(part)
    return found.values()


def _form(node: PlanNode) -> tuple[object, ...]:
    return (node.kind, node.relation, node.index, *(_form(part) for part in node.parts))


def _numbers(node: PlanNode) -> str:
    expected = f"{node.rows:,.0f} row{'s'[: round(node.rows) != 1]} expected"
    cost = f"cost {node.startup_cost:.0f} to {node.total_cost:.0f}"
    if node.measured is None:
        return f"{expected}, {cost}"
    return f"{_measured(node.measured)}; {expected} each time, {cost}"


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
