"""What comments say of indexes: "Served by orders_note_idx.", which plans have to prove."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from oadb.engine.binding.declarations import Declaration
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import Dsn
from oadb.tools.plans import planned_relations
from oadb.tools.plans.plan_tree import PlanNode
from oadb.tools.plans.planned_relations import IndexKey
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
    read whole, of plans that may not do that. Of indexes that begin with the same columns, all that
    the statement asks for, one is as good as another.

    Args:
        database: gives the database of a scale.
    """
    grouped: dict[tuple[str, int], list[ScaledPlan]] = {}
    for plan in plans:
        if named_indexes(plan.statement):
            statement = plan.statement.statement
            grouped.setdefault((statement.path, statement.line), []).append(plan)
    left = [group for group in grouped.values() if _named(group) - _read(_trees(group))]
    if not left:
        return []
    target = database(SCALES[0])
    with Database(Config(target)) as db:
        names = sorted({name for group in left for name in _named(group)})
        known = planned_relations.keys(db, names)
    with Planner.to(Dsn({**target.keywords, "options": _BY_INDEX})) as planner:
        return [each for group in left for each in _unproven(group, planner, known)]


def _unproven(
    group: Sequence[ScaledPlan], planner: Planner, known: Sequence[IndexKey]
) -> Iterator[UnprovenIndex]:
    """Yield those of a statement: not in its plans, and not as good as an index in them."""
    again = [planner.plan(plan.statement) for plan in group]
    trees = [*_trees(group), *(each.tree for each in again if isinstance(each, Planned))]
    asked = {(node.relation, _columns(node)) for tree in trees for node in tree.walk()}
    alike = {
        key.name
        for key in known
        for count in range(1, len(key.columns) + 1)
        if (key.table_name, frozenset(key.columns[:count])) in asked
    }
    statement = group[0].statement.statement
    for name in sorted(_named(group) - _read(trees) - alike):
        place = f"{statement.path}:{statement.line}"
        yield UnprovenIndex(f"{statement.module}.{statement.name}", place, name)


def _named(group: Sequence[ScaledPlan]) -> frozenset[str]:
    return named_indexes(group[0].statement)


def _trees(group: Sequence[ScaledPlan]) -> list[PlanNode]:
    """Return the plans of a statement: of its variants, at all scales, as each role."""
    return [tree for plan in group for each in (plan, *plan.others) for tree in each.trees]


def _read(trees: Iterable[PlanNode]) -> frozenset[str]:
    return frozenset(index for tree in trees for index in tree.indexes)


def _columns(node: PlanNode) -> frozenset[str]:
    """Return the columns of its table that a node asks an index for."""
    if node.alias is None or (node.index is None and node.kind != "Bitmap Heap Scan"):
        return frozenset()
    asked = rf"\b{re.escape(node.alias)}\.([a-z_]\w*)"
    return frozenset(re.findall(asked, node.condition or ""))
