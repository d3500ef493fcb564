"""Statements that have no bound: what of their plans has none, and whether their comment says why.

-- name: count
-- grows: an administrator asks for it a few times a day.
-- grows (as oadb_user): few users have many.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from oadb.tools.plans.growth import Growth
from oadb.tools.plans.scaled_plans import ScaledPlan

_REASON = re.compile(r"^grows(?: \(as ([^)]*)\))?: \S", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Unbounded:
    """A statement that grows without a reason, or has a reason and does not grow.

    Attributes:
        place: The file and line of the statement.
        variants: How many of its variants it is about; 0 if it has none.
        hazards: What has no bound; none if the reason is superfluous.
        role: Whose plan it is, if that is another one than the first; None of the first.
    """

    label: str
    place: str
    variants: int
    hazards: tuple[str, ...]
    role: str | None = None

    def __str__(self) -> str:
        """Return it as one line, with what to do."""
        who = "" if self.role is None else f" as {self.role}"
        line = "-- grows:" if self.role is None else f"-- grows (as {self.role}):"
        if not self.hazards:
            return (
                f"{self.place}: {self.label}{who} does not grow: delete its line {line}, or the "
                "plan is not what was meant"
            )
        which = f" ({self.variants} of its variants)" if self.variants else ""
        return (
            f"{self.place}: {self.label}{which}{who} {'; '.join(self.hazards)}: change it or its "
            f"indexes, or say in its comment why it may: {line} why"
        )


def unbounded(plans: Iterable[ScaledPlan]) -> Iterator[Unbounded]:
    """Yield the statements of which the growth and the reasons disagree.

    A reason is for the plan of the first role and of those that share it. Another plan of another
    role needs its own: a policy may make it grow with all rows.
    """
    grouped: dict[tuple[str, str], list[ScaledPlan]] = {}
    for plan in plans:
        statement = plan.statement.statement
        place = f"{statement.path}:{statement.line}"
        grouped.setdefault((f"{statement.module}.{statement.name}", place), []).append(plan)
    for (label, place), group in grouped.items():
        reasons = _reasons(group[0].statement.statement.doc)
        found = _hazards(group)
        for role in dict.fromkeys((*found, *reasons)):
            if (role in found) != (role in reasons):
                each = found.get(role, [])
                texts = dict.fromkeys(text for hazards in each for text in hazards)
                variants = len(each) if len(group) > 1 else 0
                yield Unbounded(label, place, variants, tuple(texts), role)


def _reasons(comment: str) -> set[str | None]:
    """Return the roles for whose plans a comment has a reason; None is the first."""
    return {name.strip() or None for found in _REASON.findall(comment) for name in found.split(",")}


def _hazards(plans: Iterable[ScaledPlan]) -> dict[str | None, list[tuple[str, ...]]]:
    """Return what has no bound in the plans of variants, by role; None is the first."""
    found: dict[str | None, list[tuple[str, ...]]] = {}
    for plan in plans:
        of_roles = [(None, plan), *((other.role, other) for other in plan.others)]
        for role, each in of_roles:
            if hazards := tuple(_hazards_of(each)):
                found.setdefault(role, []).append(hazards)
    return found


def _hazards_of(plan: ScaledPlan) -> Iterator[str]:
    if plan.judged.growth >= Growth.LINEAR:
        yield f"grows like {plan.judged.growth}"
    yield from dict.fromkeys(text for node in plan.judged.walk() for text in node.hazards)
