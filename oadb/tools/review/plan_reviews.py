"""The plans of statements at several scales, as the book shows them."""

from collections.abc import Iterable, Iterator, Sequence

from oadb.tools.plans.plan_tree import PlanNode
from oadb.tools.plans.scaled_plans import SCALES, ScaledPlan
from oadb.tools.review import growth_curves, plan_pictures
from oadb.tools.review.plan_model import PlanPicture, PlanReview, RolePlanReview

_MOST_DRAWN = 4
"""Forms of one statement that are drawn, the first at all scales, others at the largest; of more,
growth and indexes are told."""

Shape = tuple[object, ...]


def review(plans: Iterable[ScaledPlan]) -> Iterator[PlanReview]:
    """Yield the plans of the forms of one statement.

    A form whose plans look like those of an earlier form is not drawn again.
    """
    known: dict[tuple[Shape, ...], str] = {}
    drawn = set[tuple[str, Shape]]()
    for each in plans:
        label = each.statement.label
        same_as = known.setdefault(tuple(_shape(tree) for tree in each.trees), label)
        is_drawn = same_as == label and len(known) <= _MOST_DRAWN
        pictures = [*_pictures(each.trees, label)] if is_drawn else []
        yield PlanReview(
            label=label,
            growth=str(each.judged.growth),
            hazards=_hazards(each),
            indexes=tuple(sorted(each.trees[0].indexes)),
            same_as="" if same_as == label else same_as,
            pictures=tuple(pictures[: None if len(known) == 1 else 1]),
            curve=_curve(each) if is_drawn else "",
            is_generic=each.is_generic,
            roles=(each.role or "the owner of the server", *each.alike),
            others=tuple(_other(other, drawn) for other in each.others),
        )


def _other(plan: ScaledPlan, drawn: set[tuple[str, Shape]]) -> RolePlanReview:
    """Return the plan as another role, which is drawn if it is one of the first that look so."""
    tree, role = plan.trees[0], str(plan.role)
    key, svg = (role, _shape(tree)), ""
    if key not in drawn and len(drawn) < _MOST_DRAWN:
        drawn.add(key)
        svg = plan_pictures.draw(tree, f"Plan of {plan.statement.label} as {role}")
    indexes = tuple(sorted(tree.indexes))
    return RolePlanReview(role, str(plan.judged.growth), _hazards(plan), indexes, svg)


def _curve(plan: ScaledPlan) -> str:
    costs = (tree.total_cost for tree in plan.trees)
    points = [*zip(SCALES, costs, strict=True)]
    return growth_curves.draw(points[::-1], f"Cost of {plan.statement.label} by rows")


def _hazards(plan: ScaledPlan) -> tuple[str, ...]:
    found = (one for node in plan.judged.walk() for one in node.hazards)
    return tuple(dict.fromkeys(found))


def _pictures(trees: Sequence[PlanNode], label: str) -> Iterator[PlanPicture]:
    """Yield each plan once, with the scales at which it is the same, from the largest one."""
    scales: dict[Shape, list[int]] = {}
    for scale, tree in zip(SCALES, trees, strict=True):
        scales.setdefault(_shape(tree), []).append(scale)
    for scale, tree in zip(SCALES, trees, strict=True):
        same = scales[_shape(tree)]
        if same[0] == scale:
            svg = plan_pictures.draw(tree, f"Plan of {label} at {scale:,} rows")
            yield PlanPicture(tuple(same), tree.total_cost, svg)


def _shape(tree: PlanNode) -> Shape:
    """Return what two plans have in common if they do the same."""
    own = (tree.kind, tree.relation, tree.index, tree.is_backward, tree.condition, tree.filter)
    return (*own, *(_shape(part) for part in tree.parts))
