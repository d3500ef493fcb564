"""Statements that have no bound: what of their plans has none, and whether their comment says why.

-- name: count
-- grows: an administrator asks for it a few times a day.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from oadb.tools.plans.growth import Growth
from oadb.tools.plans.scaled_plans import ScaledPlan

_REASON = re.compile(r"^grows: \S", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Unbounded:
    """A statement that grows without a reason, or has a reason and does not grow.

    Attributes:
        place: The file and line of the statement.
        variants: How many of its variants it is about; 0 if it has none.
        hazards: What has no bound; none if the reason is superfluous.
    """

    label: str
    place: str
    variants: int
    hazards: tuple[str, ...]

    def __str__(self) -> str:
        """Return it as one line, with what to do."""
        if not self.hazards:
            return (
                f"{self.place}: {self.label} does not grow: delete its line -- grows:, or the plan "
                "is not what was meant"
            )
        which = f" ({self.variants} of its variants)" if self.variants else ""
        return (
            f"{self.place}: {self.label}{which} {'; '.join(self.hazards)}: change it or its "
            "indexes, or say in its comment why it may: -- grows: why"
        )


def unbounded(plans: Iterable[ScaledPlan]) -> Iterator[Unbounded]:
    """Yield the statements of which the growth and the reason disagree."""
    grouped: dict[tuple[str, str], list[ScaledPlan]] = {}
    for plan in plans:
        statement = plan.statement.statement
        place = f"{statement.path}:{statement.line}"
        grouped.setdefault((f"{statement.module}.{statement.name}", place), []).append(plan)
    for (label, place), group in grouped.items():
        has_reason = _REASON.search(group[0].statement.statement.doc) is not None
        found = [(plan, hazards) for plan in group if (hazards := [*_hazards(plan)])]
        if bool(found) == has_reason:
            continue
        texts = dict.fromkeys(text for _, hazards in found for text in hazards)
        variants = len(found) if len(group) > 1 else 0
        yield Unbounded(label, place, variants, tuple(texts))


def _hazards(plan: ScaledPlan) -> Iterator[str]:
    """Yield what has no bound in the plans of a statement; of other roles, what is not in all."""
    own = dict.fromkeys(_hazards_of(plan))
    yield from own
    for other in plan.others:
        yield from (f"as {other.role} {text}" for text in _hazards_of(other) if text not in own)


def _hazards_of(plan: ScaledPlan) -> Iterator[str]:
    if plan.judged.growth >= Growth.LINEAR:
        yield f"grows like {plan.judged.growth}"
    yield from dict.fromkeys(text for node in plan.judged.walk() for text in node.hazards)
