"""The plans of statements at three scales, and how each of them grows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from oadb.engine.binding.declarations import Declaration
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.tools import catalog
from oadb.tools.plans import simulated_clock
from oadb.tools.plans.growth import JudgedNode, Scales
from oadb.tools.plans.growth_judge import judge
from oadb.tools.plans.plan_tree import PlanNode
from oadb.tools.plans.planning import Planned, Planner, Unplanned
from oadb.tools.plans.planning_sessions import PlanningSessions, ScaleSessions
from oadb.tools.plans.sample_values import sample_values
from oadb.tools.usage import UsageError

SCALES = (10**9, 10**6, 10**4)
"""The rows of the largest tables for which statements are planned, the most first."""

FIRST_ROLES = ("oadb_app", "oadb_owner", None)
"""Who plans a statement: the first that may run it; None is the owner of the server."""

# PostgreSQL counts so much for the planning of a plan for certain values, for each table and once.
_PLANNING_COST = 2.5

_CLEARLY = 2.0

Values = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class ScaledPlan:
    """The plans of a statement, or of a variant, at each of SCALES.

    Attributes:
        role: Who may run it, as which it was planned; None: only the owner of the server.
        is_generic: Whether the plan is that for any values, or for those of an ordinary call.
        trees: At each scale.
        judged: The first of the trees.
        partitions: Of each partitioned table, how many partitions it has.
        alike: Other roles that run it, with the same plan.
        others: Its plans as each role with another plan.
        beside: What it fires and looks up besides, as lines.
    """

    statement: Declaration
    values: Values
    role: str | None
    is_generic: bool
    trees: tuple[PlanNode, ...]
    judged: JudgedNode
    partitions: Mapping[str, int]
    alike: tuple[str, ...] = ()
    others: "tuple[ScaledPlan, ...]" = ()
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Settled:
    """A plan at the largest scale, and how it was made."""

    statement: Declaration
    values: Values
    role: str | None
    plan: Planned


def plan_all(
    sessions: PlanningSessions, statements: Sequence[Declaration]
) -> list[ScaledPlan | Unplanned]:
    """Plan statements at each of SCALES.

    Args:
        sessions: in the databases of SCALES.
        statements: as ``planning.statements`` returns them.

    Returns:
        For each statement, in order, its plans, or why it has none.
    """
    now = simulated_clock.read(sessions.target(0))
    with Database(Config(sessions.target(0))) as db:
        found = {
            each.name for each in catalog.list_roles(db, [name for name in FIRST_ROLES if name])
        }
    roles = [role for role in FIRST_ROLES if role is None or role in found]
    settled = sessions.each(
        statements,
        lambda own, number: _settled(
            own, roles, statements[number], sample_values(statements[number], now)
        ),
    )
    scales = sessions.scales()
    return sessions.each(
        statements, lambda own, number: _at_other_scales(own, settled[number], scales)
    )


def _settled(
    sessions: ScaleSessions, roles: Iterable[str | None], statement: Declaration, values: Values
) -> _Settled | Unplanned:
    """Plan a statement as the first role that may run it."""
    refused: Unplanned | None = None
    for role in roles:
        found = _choose(sessions.planner(0, role), statement, values)
        if isinstance(found, Planned):
            return _Settled(statement, values, role, found)
        if refused is None or refused.reason == "privilege":
            refused = found
    return refused or Unplanned(statement.label, "privilege", "no role may run it")


def _choose(planner: Planner, statement: Declaration, values: Values) -> Planned | Unplanned:
    """Return the plan that PostgreSQL uses from the sixth call on.

    It chooses the plan for any values, unless those for certain values cost less with their
    planning. Where they cost nearly the same, the first is taken here, so that it stays the same.
    """
    if not statement.statement.params:
        return planner.plan(statement, values, for_any=True)
    try:
        for_any, custom = planner.plan_both(statement, values)
    except UsageError:  # a text that the statement reads as something else
        return planner.plan(statement)
    if isinstance(for_any, Unplanned):
        return for_any
    # Values that no table may hold, as its constraints say, leave no plan to speak of.
    if isinstance(custom, Unplanned) or custom.tree.tables < for_any.tree.tables:
        return for_any
    planning = _PLANNING_COST * (1 + sum(node.relation is not None for node in custom.tree.walk()))
    costs_less = _CLEARLY * (custom.tree.total_cost + planning) < for_any.tree.total_cost
    return custom if costs_less else for_any


def _at_other_scales(
    sessions: ScaleSessions, settled: _Settled | Unplanned, scales: Scales
) -> ScaledPlan | Unplanned:
    """Plan a statement at the other scales, as it was settled, and judge how it grows."""
    if isinstance(settled, Unplanned):
        return settled
    trees = [settled.plan.tree]
    for number in range(1, len(SCALES)):
        planner = sessions.planner(number, settled.role)
        found = again(planner, settled.statement, settled.values, for_any=settled.plan.is_generic)
        if isinstance(found, Unplanned):
            return found
        trees.append(found.tree)
    return ScaledPlan(
        settled.statement,
        settled.values,
        settled.role,
        settled.plan.is_generic,
        (*trees,),
        judge(trees[0], trees[1], scales),
        scales.large.partitions,
    )


def again(
    planner: Planner, statement: Declaration, values: Values, *, for_any: bool
) -> Planned | Unplanned:
    """Plan a statement elsewhere, as it was planned before; see ``Planner.plan``."""
    try:
        return planner.plan(statement, values, for_any=for_any)
    except UsageError:  # a text that the statement reads as something else
        return planner.plan(statement)
