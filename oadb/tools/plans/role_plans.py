"""The plans of statements as the other roles that run them, where they are other plans.

A policy of row-level security adds conditions to a statement, which an index has to serve as well.
``oadb_user`` plans under the identity of a user, as ``db.as_user`` runs statements.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import Dsn
from oadb.tools.dependencies import usage_file
from oadb.tools.dependencies.usage_file import UsageFile
from oadb.tools.plans import planning_sessions, role_policies, scaled_plans
from oadb.tools.plans.growth import Growth, JudgedNode, Scales
from oadb.tools.plans.growth_judge import judge
from oadb.tools.plans.named_statements import PlacedStatement
from oadb.tools.plans.plan_outline import plain_outline
from oadb.tools.plans.plan_tree import PlanNode
from oadb.tools.plans.planning import Planned, Unplanned
from oadb.tools.plans.planning_sessions import PlanningSessions, ScaleSessions
from oadb.tools.plans.role_policies import IDENTITY_ROLE
from oadb.tools.plans.scaled_plans import FIRST_ROLES, SCALES, ScaledPlan, again

# A user that is no value of a parameter.
_IDENTITY = 7099

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


def plan_all(
    database: Callable[[int], Dsn], statements: Sequence[PlacedStatement]
) -> tuple[list[ScaledPlan | Unplanned], list[Unplanned]]:
    """Plan statements at each of SCALES, and as the other roles that run them.

    Args:
        database: gives the database of a scale.

    Returns:
        For each statement, in order, its plans with those of other roles, or why it has none; and
        what another role cannot plan though it has the privileges.

    Raises:
        ConfigError: a package's ``uses.toml`` is not valid.
    """
    usage = {package: usage_file.read(package) for package in {each.package for each in statements}}
    with planning_sessions.opened(database, SCALES) as sessions:
        found = scaled_plans.plan_all(sessions, [each.statement for each in statements])
        run = [
            _run(usage[each.package], plan)
            for each, plan in zip(statements, found, strict=True)
            if isinstance(plan, ScaledPlan)
        ]
        plans, refused = _with_roles(sessions, run)
    left = iter(plans)
    return [next(left) if isinstance(each, ScaledPlan) else each for each in found], refused


def _run(usage: UsageFile, plan: ScaledPlan) -> RunStatement:
    statement = plan.statement.statement
    label = f"{statement.module}.{statement.name}"
    roles = [role for role, own in usage.roles.items() if own.includes(label)]
    return RunStatement(plan, roles, () if IDENTITY_ROLE in usage.roles else (IDENTITY_ROLE,))


def _with_roles(
    sessions: PlanningSessions, statements: Sequence[RunStatement]
) -> tuple[list[ScaledPlan], list[Unplanned]]:
    """Return plans with those of the other roles that run them, in order; and what has none."""
    with Database(Config(sessions.target(0))) as db:
        roles = {role for each in statements for role in (*each.roles, *each.unsaid)}
        known = role_policies.read(db, sorted(roles - {*FIRST_ROLES}))
    scales = sessions.scales()
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
        unplanned += alike.plan(sessions, plans)
    return plans, unplanned


class _Roles:
    """Plans statements as one role, those of some numbers."""

    def __init__(self, role: str, scales: Scales) -> None:
        self._role, self._scales = role, scales
        self.to_plan, self.same = list[int](), list[int]()

    def plan(self, sessions: PlanningSessions, plans: list[ScaledPlan]) -> list[Unplanned]:
        """Add to each plan that the role has the same, or its own; return what has none."""
        chosen = [plans[number] for number in self.to_plan]
        found = sessions.each(
            [plan.statement for plan in chosen],
            lambda own, number: self._planned(own, chosen[number]),
        )
        for number, own in zip(self.to_plan, found, strict=True):
            if isinstance(own, ScaledPlan):
                plans[number] = replace(plans[number], others=(*plans[number].others, own))
            elif own is None:
                self.same.append(number)
        for number in self.same:
            plans[number] = replace(plans[number], alike=(*plans[number].alike, self._role))
        refused = (each for each in found if isinstance(each, Unplanned))
        return [each for each in refused if each.reason != "privilege"]

    def _planned(self, sessions: ScaleSessions, plan: ScaledPlan) -> ScaledPlan | Unplanned | None:
        """Return the plan of a statement as the role; None: it is the same."""
        large = self._again(sessions, 0, plan)
        if isinstance(large, Unplanned):
            return large
        if not self._differs(plan, large.tree, None):
            return None
        small = self._again(sessions, 1, plan)
        if isinstance(small, Unplanned):
            return small
        judged = self._judge(large.tree, small.tree)
        if not self._differs(plan, large.tree, judged):
            return None
        smallest = self._again(sessions, 2, plan)
        if isinstance(smallest, Unplanned):
            return smallest
        trees = large.tree, small.tree, smallest.tree
        return replace(plan, role=self._role, trees=trees, judged=judged, alike=(), others=())

    def _again(self, sessions: ScaleSessions, scale: int, plan: ScaledPlan) -> Planned | Unplanned:
        user_id = _IDENTITY if self._role == IDENTITY_ROLE else None
        planner = sessions.planner(scale, self._role, user_id)
        return again(planner, plan.statement, plan.values, for_any=plan.is_generic)

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
