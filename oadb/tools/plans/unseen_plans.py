"""What runs beside the plans of statements that write; foreign keys that no index serves."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from oadb.engine.binding.packages import Package
from oadb.engine.dsn import Dsn
from oadb.tools.dependencies import statement_uses
from oadb.tools.dependencies.uses import NotAsked, StatementUses
from oadb.tools.migrations import created_schemas
from oadb.tools.plans import unseen_text
from oadb.tools.plans.named_statements import PlacedStatement
from oadb.tools.plans.plan_tree import PlanNode
from oadb.tools.plans.planning import Unplanned
from oadb.tools.plans.scaled_plans import ScaledPlan
from oadb.tools.plans.unseen_work import CheckedKey, UnseenWork

# Of a table that is read as fast as an index.
_FEW_ROWS = 1_000

_REASON = re.compile(r"^grows: \S", re.MULTILINE)

Found = ScaledPlan | Unplanned


@dataclass(frozen=True, slots=True)
class UnservedKey:
    """A foreign key without an index and without a reason, or with a reason that it needs not."""

    key: CheckedKey

    def __str__(self) -> str:
        """Return it as one line, with what to do."""
        key = self.key
        where = f"the foreign key {key.name} of {key.table_name}"
        if key.index_name is not None:
            return (
                f"{where} is served by {key.index_name}: leave the line grows: out of the comment "
                "on the constraint"
            )
        return (
            f"{where} has no index that begins with {', '.join(key.columns)}, so that all of this "
            f"table is read when {', '.join(key.target_columns)} of {key.target} changes or its "
            f"row is removed: create one, or say why it may: comment on {key.quoted} is "
            "'grows: why'"
        )


def unserved(work: UnseenWork) -> Iterator[UnservedKey]:
    """Yield the foreign keys of large tables whose index and comment disagree."""
    for keys in work.keys.values():
        for key in keys:
            has_reason = _REASON.search(key.comment) is not None
            needs_reason = key.index_name is None and key.rows > _FEW_ROWS
            if has_reason is not needs_reason and (needs_reason or key.index_name is not None):
                yield UnservedKey(key)


def with_unseen(
    work: UnseenWork, target: Dsn, statements: Sequence[PlacedStatement], found: Sequence[Found]
) -> list[Found]:
    """Return plans with what runs beside them; of statements in a database, in their order.

    A package is told nothing of the tables of others that are planned with it, except oadb's: its
    lock is the same without them.
    """
    writing = {
        number: plan
        for number, plan in enumerate(found)
        if isinstance(plan, ScaledPlan) and unseen_text.has_writes(plan.trees[0])
    }
    added = [*found]
    packages = {statements[number].package for number in writing}
    for package in packages:
        known = work.without(_schemas_of(packages - {package}) - _schemas_of([package]))
        own = [number for number in writing if statements[number].package == package]
        asked = statement_uses.ask_statements(
            target, package.name, [writing[number].statement.statement for number in own]
        )
        for number, uses in zip(own, asked, strict=True):
            tree = writing[number].trees[0]
            added[number] = replace(writing[number], beside=(*beside(known, uses, tree),))
    return added


def _schemas_of(packages: Iterable[Package]) -> frozenset[str]:
    own = (created_schemas.schemas(each) for each in packages if each.name != "oadb")
    return frozenset(name for names in own for name in names)


def beside(work: UnseenWork, uses: StatementUses | NotAsked, tree: PlanNode) -> Iterator[str]:
    """Return what runs beside a plan, as lines.

    Args:
        uses: what the statement writes; its plan knows less, but also what is behind a view.
    """
    if isinstance(uses, NotAsked):
        return unseen_text.lines(work, unseen_text.of_tree(tree))
    return unseen_text.lines(work, unseen_text.of_uses(uses))
