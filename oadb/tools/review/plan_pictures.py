"""Plans drawn as SVG: a line for each node, indented below its parent, with its share of the cost.

The share is that of the node without its parts, of the cost of the whole plan. What is the same in
all drawings, such as sizes and colors of shapes, stands in book.css.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from oadb.tools.plans import plan_text
from oadb.tools.plans.plan_tree import PlanNode

_LINE, _INDENT, _LEFT = 46, 22, 14
_WIDTH, _BAR = 640, 90
_LEAST_SHARE = 0.005
"""Of the cost of a plan; less is not drawn."""

_LONGEST, _MOST = 64, 400
"""Characters of a detail that are drawn, and those that are shown when it is pointed at."""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A node at its place: *number* counts lines from 0.

    Attributes:
        count: Of partitions with the same plan, how many the line stands for.
        cost: Of all of them, without their parts.
    """

    node: PlanNode
    count: int
    cost: float
    depth: int
    number: int
    parent: int


def draw(plan: PlanNode, label: str) -> str:
    """Return the drawing of a plan; *label* says of which."""
    drawn = [*_placed(plan)]
    deepest = max(each.depth for each in drawn)
    width, height = _WIDTH + deepest * _INDENT, len(drawn) * _LINE + 8
    whole = max(plan.total_cost, 1e-9)
    edges = "".join(_edge(each) for each in drawn)
    parts = "".join(_line(each, whole, width) for each in drawn)
    return (
        f'<svg class=plan role=img aria-label="{escape(label)}" width={width} height={height}>'
        f'<path class=edge d="{edges}" />{parts}</svg>'
    )


def _placed(plan: PlanNode) -> list[_Drawn]:
    """Return the nodes from top to bottom, each with its depth and the line of its parent."""
    drawn: list[_Drawn] = []
    waiting: list[tuple[list[PlanNode], int, int]] = [([plan], 0, 0)]
    while waiting:
        nodes, depth, parent = waiting.pop()
        number = len(drawn)
        cost = sum(_own_cost(node) for node in nodes)
        drawn.append(_Drawn(nodes[0], len(nodes), cost, depth, number, parent))
        parts = _alike([part for node in nodes for part in node.parts], is_within=len(nodes) > 1)
        waiting += [(part, depth + 1, number) for part in reversed(parts)]
    return drawn


def _alike(parts: list[PlanNode], *, is_within: bool) -> list[list[PlanNode]]:
    """Return nodes with those together that do the same with other partitions of a table.

    Args:
        is_within: whether the nodes above them are such ones.
    """
    found: dict[object, list[PlanNode]] = {}
    for number, part in enumerate(parts):
        key = _form(part) if is_within or _reads_partition(part) else number
        found.setdefault(key, []).append(part)
    return [*found.values()]


def _reads_partition(node: PlanNode) -> bool:
    return any(each.partition is not None for each in node.walk())


def _form(node: PlanNode) -> tuple[object, ...]:
    return (node.kind, node.relation, node.index, *(_form(part) for part in node.parts))


def _edge(each: _Drawn) -> str:
    if not each.depth:
        return ""
    x = _LEFT + (each.depth - 1) * _INDENT
    top, y = each.parent * _LINE + 28, each.number * _LINE + 20
    return f"M{x} {top}V{y}h{_INDENT - 8}"


def _line(each: _Drawn, whole: float, width: int) -> str:
    node, x, y = each.node, _LEFT + each.depth * _INDENT, each.number * _LINE
    share = min(each.cost / whole, 1)
    detail = ", ".join(_details(node))
    title = _title(node) + (f", {each.count} partitions" if each.count > 1 else "")
    bar = width - _BAR - 12
    tip = f"<title>{escape(detail[:_MOST])}</title>" if len(detail) > _LONGEST else ""
    texts = [
        f"<text x={x + 12} y={y + 24}>{escape(title)}</text>",
        _detail(x + 12, y + 39, _short(detail)),
        _detail(bar, y + 14, _rows(node)),
    ]
    if share >= _LEAST_SHARE:
        texts += [
            f"<rect x={bar} y={y + 20} width={share * _BAR:.0f} />",
            _detail(bar, y + 39, f"{share:.0%} of the cost"),
        ]
    return f"<g>{tip}<circle cx={x} cy={y + 20} />{''.join(texts)}</g>"


def _detail(x: int, y: int, text: str) -> str:
    return f"<text class=d x={x} y={y}>{escape(text)}</text>" if text else ""


def _own_cost(node: PlanNode) -> float:
    return max(node.total_cost - sum(part.total_cost for part in node.parts), 0)


def _title(node: PlanNode) -> str:
    found = node.kind if node.join_type in {None, "Inner"} else f"{node.join_type} {node.kind}"
    if node.subplan:
        found = f"{node.subplan}: {found}"
    place = node.relation or node.alias
    return f"{found} on {place}" if place else found


def _details(node: PlanNode) -> Iterator[str]:
    if node.index is not None:
        yield f"index {node.index}{' backward' if node.is_backward else ''}"
    if node.condition is not None:
        yield f"by {plan_text.without_times(node.condition)}"
    if node.keys:
        yield f"by {', '.join(node.keys)}"
    if node.filter is not None:
        yield f"if {plan_text.without_times(node.filter)}"
    if node.arbiters:
        yield f"conflicts in {', '.join(node.arbiters)}"


def _rows(node: PlanNode) -> str:
    return f"{node.rows:,.0f} row{'s'[: node.rows != 1]}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
