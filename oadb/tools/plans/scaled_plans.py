"""The plans of statements at three scales, and how each of them grows."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from oadb.engine.binding.declarations import Declaration
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import Dsn
from oadb.tools import catalog
from oadb.tools.plans import planned_relations
from oadb.tools.plans.growth import JudgedNode, Scales
from oadb.tools.plans.growth_judge import judge
from oadb.tools.plans.plan_tree import PlanNode
from oadb.tools.plans.planned_relations import TableCounts
from oadb.tools.plans.planning import Planned, Planner, Unplanned
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
        others: Its plans as each role with another plan, at the first two of SCALES.
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


@dataclass(frozen=True, slots=True)
class _Settled:
    """A plan at the largest scale, and how it was made."""

    statement: Declaration
    values: Values
    role: str | None
    plan: Planned


def plan_all(
    database: Callable[[int], Dsn], statements: Sequence[Declaration]
) -> list[ScaledPlan | Unplanned]:
    """Plan statements at each of SCALES.

    Args:
        database: gives the database of a scale.
        statements: as ``planning.statements`` returns them.

    Returns:
        For each statement, in order, its plans, or why it has none.
    """
    now = datetime.now(UTC)
    with ThreadPoolExecutor(2 + len(SCALES)) as pool:
        made = [pool.submit(database, scale) for scale in SCALES]
        # Half of them on each of two connections, while the other databases are made.
        parts = statements[::2], statements[1::2]
        halves = [*pool.map(partial(_settle_all, made[0].result(), now), parts)]
        settled = [halves[number % 2][number // 2] for number in range(len(statements))]
        targets = [each.result() for each in made]
        others = [*pool.map(partial(_plan_again, settled), targets[1:])]
    counts = [_counted(target) for target in targets]
    return [
        first if isinstance(first, Unplanned) else _scaled(first, rest, counts)
        for first, *rest in zip(settled, *others, strict=True)
    ]


def _counted(target: Dsn) -> TableCounts:
    with Database(Config(target)) as db:
        return planned_relations.counts(db)


@contextmanager
def _planners(target: Dsn) -> Generator[dict[str | None, Planner]]:
    """Give a planner of each role that the server has."""
    with Database(Config(target)) as db:
        found = {
            each.name for each in catalog.list_roles(db, [name for name in FIRST_ROLES if name])
        }
    with ExitStack() as stack:
        yield {
            role: stack.enter_context(Planner.to(target, role=role))
            for role in FIRST_ROLES
            if role is None or role in found
        }


def _settle_all(
    target: Dsn, now: datetime, statements: Iterable[Declaration]
) -> list[_Settled | Unplanned]:
    with _planners(target) as planners:
        return [_settled(planners, each, sample_values(each, now)) for each in statements]


def _settled(
    planners: Mapping[str | None, Planner], statement: Declaration, values: Values
) -> _Settled | Unplanned:
    """Plan a statement as the first role that may run it."""
    refused: Unplanned | None = None
    for role, planner in planners.items():
        found = _choose(planner, statement, values)
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


def _plan_again(settled: Iterable[_Settled | Unplanned], target: Dsn) -> list[Planned | Unplanned]:
    """Plan statements at another scale, as they were settled."""
    with _planners(target) as planners:
        return [
            each if isinstance(each, Unplanned) else _again(planners[each.role], each)
            for each in settled
        ]


def _again(planner: Planner, settled: _Settled) -> Planned | Unplanned:
    try:
        return planner.plan(settled.statement, settled.values, for_any=settled.plan.is_generic)
    except UsageError:
        return planner.plan(settled.statement)


def _scaled(
    first: _Settled, others: Iterable[Planned | Unplanned], counts: Sequence[TableCounts]
) -> ScaledPlan | Unplanned:
    trees = [first.plan.tree]
    for each in others:
        if isinstance(each, Unplanned):
            return each
        trees.append(each.tree)
    return ScaledPlan(
        first.statement,
        first.values,
        first.role,
        first.plan.is_generic,
        (*trees,),
        judge(trees[0], trees[1], Scales(counts[0], counts[1])),
        counts[0].partitions,
    )
