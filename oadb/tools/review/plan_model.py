"""What the book says of the plans of a statement."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlanPicture:
    """A plan drawn as SVG.

    Attributes:
        scales: The rows of the largest tables at which the plan is this one, the most first.
        cost: At the first of them, in the server's units.
    """

    scales: tuple[int, ...]
    cost: float
    svg: str


@dataclass(frozen=True, slots=True)
class RolePlanReview:
    """The plan of a form as another role, at the most rows.

    Attributes:
        svg: Empty if it is not drawn, or drawn for another form.
    """

    role: str
    growth: str
    hazards: tuple[str, ...]
    indexes: tuple[str, ...]
    svg: str


@dataclass(frozen=True, slots=True)
class PlanReview:
    """The plans of a form of a statement at several scales.

    Attributes:
        growth: How its work grows: ``O(log n)``.
        hazards: What in it has no bound.
        same_as: The form whose plans are the same, and are drawn there; empty if it is drawn here.
        curve: Its cost by rows, drawn as SVG.
        is_generic: Whether the plan serves any values.
        roles: Who runs it so, as it was planned; not all who may.
        others: The plans of roles that run it otherwise, as policies of row-level security bind
            them.
    """

    label: str
    growth: str
    hazards: tuple[str, ...]
    indexes: tuple[str, ...]
    same_as: str
    pictures: tuple[PlanPicture, ...]
    curve: str
    is_generic: bool
    roles: tuple[str, ...]
    others: tuple[RolePlanReview, ...]

    @property
    def every_index(self) -> frozenset[str]:
        """The indexes in it and in the plans of other roles."""
        return frozenset(self.indexes).union(*(other.indexes for other in self.others))
