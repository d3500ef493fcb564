"""What comments say of indexes: "Served by orders_note_idx.", which plans have to prove."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from oadb.engine.binding.declarations import Declaration
from oadb.engine.dsn import Dsn
from oadb.tools.plans.planning import Planned, Planner
from oadb.tools.plans.scaled_plans import SCALES, ScaledPlan

# Of an index, by the end that PostgreSQL or a habit gives it.
_INDEX = re.compile(r"\b\w+_(?:idx|pkey|key)\b")
_SERVED_BY = re.compile(r"\bserved by\b(.*?)\.(?:\s|$)", re.DOTALL | re.IGNORECASE)

# A small table is read whole, unless the planner is told that this costs much.
_BY_INDEX = "-c enable_seqscan=off"


@dataclass(frozen=True, slots=True)
class UnprovenIndex:
    """An index that serves a statement by its comment and is in none of its plans.

    Attributes:
        place: The file and line of the statement.
    """

    label: str
    place: str
    index: str

    def __str__(self) -> str:
        """Return it as one line, with what to do."""
        return (
            f'{self.place}: {self.label}: the comment says "Served by {self.index}", which is in '
            "none of its plans: change the comment, the statement or the index"
        )


def named_indexes(statement: Declaration) -> frozenset[str]:
    """Return the indexes that the comment of a statement says serve it."""
    said = " ".join(_SERVED_BY.findall(statement.statement.doc))
    return frozenset(_INDEX.findall(said))


def unproven(database: Callable[[int], Dsn], plans: Iterable[ScaledPlan]) -> list[UnprovenIndex]:
    """Return the indexes that comments name and that no plan of the statement has.

    It is asked of the plans of all variants, scales and roles, and then, because a small table is
    read whole, of plans that may not do that.

    Args:
        database: gives the database of a scale.
    """
    grouped: dict[tuple[str, int], list[ScaledPlan]] = {}
    for plan in plans:
        if named_indexes(plan.statement):
            statement = plan.statement.statement
            grouped.setdefault((statement.path, statement.line), []).append(plan)
    left = [group for group in grouped.values() if _named(group) - _read(group)]
    if not left:
        return []
    target = database(SCALES[0])
    with Planner.to(Dsn({**target.keywords, "options": _BY_INDEX})) as planner:
        return [
            UnprovenIndex(f"{statement.module}.{statement.name}", place, index)
            for group in left
            for statement in (group[0].statement.statement,)
            for place in (f"{statement.path}:{statement.line}",)
            for index in sorted(_named(group) - _read(group) - _planned(planner, group))
        ]


def _named(group: Sequence[ScaledPlan]) -> frozenset[str]:
    return named_indexes(group[0].statement)


def _planned(planner: Planner, group: Sequence[ScaledPlan]) -> frozenset[str]:
    """Return the indexes in the plans of a statement for any values, by the planner."""
    found = (planner.plan(plan.statement) for plan in group)
    return frozenset(
        index for each in found if isinstance(each, Planned) for index in each.tree.indexes
    )


def _read(group: Sequence[ScaledPlan]) -> frozenset[str]:
    """Return the indexes in the plans of a statement."""
    trees = (tree for plan in group for each in (plan, *plan.others) for tree in each.trees)
    return frozenset(index for tree in trees for index in tree.indexes)
