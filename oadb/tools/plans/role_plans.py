"""The plans of statements as the other roles that run them, where they are other plans.

A policy of row-level security adds conditions to a statement, which an index has to serve as well.
``oadb_user`` plans under the identity of a user, as ``db.as_user`` runs statements.
"""

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import Dsn
from oadb.tools.plans import planned_relations, role_policies
from oadb.tools.plans.growth import Growth, JudgedNode, Scales
from oadb.tools.plans.growth_judge import judge
from oadb.tools.plans.plan_outline import plain_outline
from oadb.tools.plans.plan_tree import PlanNode
from oadb.tools.plans.planning import Planned, Planner, Unplanned
from oadb.tools.plans.role_policies import IDENTITY_ROLE
from oadb.tools.plans.scaled_plans import FIRST_ROLES, SCALES, ScaledPlan
from oadb.tools.usage import UsageError

# What oadb.act_as sets beside the role, here for the whole session: a transaction would need a
# savepoint for each plan. The user is no value of a parameter.
_IDENTITY = "-c oadb.user_id=7099"

# From so many statements on, a second connection pays.
_MANY = 200

_COLUMN = re.compile(r"[a-z_]\w*\.([a-z_]\w*)(?![\w(])")


@dataclass(frozen=True, slots=True)
class RunStatement:
    """The plan of a statement, and the other roles that run it.

    Attributes:
        unsaid: Roles of which the server has to say whether they may run it.
    """

    plan: ScaledPlan
    roles: Sequence[str]
    unsaid: Sequence[str] = ()


def with_roles(
    database: Callable[[int], Dsn], statements: Sequence[RunStatement]
) -> tuple[list[ScaledPlan], list[Unplanned]]:
    """Plan statements as the other roles that run them.

    Args:
        database: gives the database of a scale.

    Returns:
        The plans with those of other roles, in order; and what a role cannot plan though it has
        the privileges.
    """
    large, small = (database(scale) for scale in SCALES[:2])
    with Database(Config(large)) as db:
        roles = {role for each in statements for role in (*each.roles, *each.unsaid)}
        known = role_policies.read(db, sorted(roles - {*FIRST_ROLES}))
        ours = planned_relations.counts(db)
    with Database(Config(small)) as db:
        scales = Scales(ours, planned_relations.counts(db))
    plans, unplanned = [each.plan for each in statements], list[Unplanned]()
    for role in known.of_role:
        alike = _Roles(role, scales)
        for number, each in enumerate(statements):
            tables = each.plan.trees[0].tables
            if role in each.unsaid or (
                role in each.roles and known.differ(each.plan.role, role, tables)
            ):
                alike.to_plan.append(number)
            elif role in each.roles:
                alike.same.append(number)
        unplanned += alike.plan(large, small, plans)
    return plans, unplanned


class _Roles:
    """Plans statements as one role, those of some numbers."""

    def __init__(self, role: str, scales: Scales) -> None:
        self._role, self._scales = role, scales
        self.to_plan, self.same = list[int](), list[int]()

    def plan(self, large: Dsn, small: Dsn, plans: list[ScaledPlan]) -> list[Unplanned]:
        """Add to each plan that the role has the same, or its own; return what has none."""
        at_large = self._all(large, [plans[number] for number in self.to_plan])
        unplanned, other = list[Unplanned](), dict[int, PlanNode]()
        for number, found in zip(self.to_plan, at_large, strict=True):
            if isinstance(found, Unplanned):
                unplanned += [found] if found.reason != "privilege" else []
            elif self._differs(plans[number], found.tree, None):
                other[number] = found.tree
            else:
                self.same.append(number)
        at_small = self._all(small, [plans[number] for number in other])
        for (number, tree), found in zip(other.items(), at_small, strict=True):
            if isinstance(found, Unplanned):
                unplanned.append(found)
            else:
                self._add(plans, number, (tree, found.tree))
        for number in self.same:
            plans[number] = replace(plans[number], alike=(*plans[number].alike, self._role))
        return unplanned

    def _add(self, plans: list[ScaledPlan], number: int, trees: tuple[PlanNode, PlanNode]) -> None:
        plan, judged = plans[number], self._judge(*trees)
        if not self._differs(plan, trees[0], judged):
            self.same.append(number)
            return
        own = replace(plan, role=self._role, trees=trees, judged=judged, alike=(), others=())
        plans[number] = replace(plan, others=(*plan.others, own))

    def _judge(self, large: PlanNode, small: PlanNode) -> JudgedNode:
        return judge(large, small, self._scales, has_identity=self._role == IDENTITY_ROLE)

    def _differs(self, plan: ScaledPlan, tree: PlanNode, judged: JudgedNode | None) -> bool:
        """Say whether a tree is another plan: other nodes, fewer columns of indexes, other growth.

        Args:
            judged: the tree; None asks whether that of the plan might grow otherwise as the role.
        """
        ours = plan.trees[0]
        if [*plain_outline(ours)] != [*plain_outline(tree)] or _asked(ours) - _asked(tree):
            return True
        if judged is None:
            if not any("oadb.user_id" in (node.filter or "") for node in tree.walk()):
                return False
            judged = self._judge(ours, plan.trees[1])
        return _growth(plan.judged) != _growth(judged)

    def _all(self, target: Dsn, plans: Sequence[ScaledPlan]) -> list[Planned | Unplanned]:
        """Plan all of them, half of many on each of two connections, which cost time as well."""
        if len(plans) < _MANY:
            return self._half(target, plans)
        with ThreadPoolExecutor(2) as pool:
            halves = [*pool.map(partial(self._half, target), (plans[::2], plans[1::2]))]
        return [halves[number % 2][number // 2] for number in range(len(plans))]

    def _half(self, target: Dsn, plans: Sequence[ScaledPlan]) -> list[Planned | Unplanned]:
        if not plans:
            return []
        if self._role == IDENTITY_ROLE:
            target = Dsn({**target.keywords, "options": _IDENTITY})
        with Planner.to(target, role=self._role) as planner:
            return [_again(planner, plan) for plan in plans]


def _again(planner: Planner, plan: ScaledPlan) -> Planned | Unplanned:
    try:
        return planner.plan(plan.statement, plan.values, for_any=plan.is_generic)
    except UsageError:  # a text that the statement reads as something else
        return planner.plan(plan.statement)


def _asked(tree: PlanNode) -> set[tuple[str, str]]:
    """Return the columns that indexes are asked for."""
    return {
        (node.index, column)
        for node in tree.walk()
        if node.index is not None
        for column in _COLUMN.findall(node.condition or "")
    }


def _growth(judged: JudgedNode) -> tuple[Growth, frozenset[str]]:
    return judged.growth, frozenset(text for node in judged.walk() for text in node.hazards)
