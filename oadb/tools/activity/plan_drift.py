"""Plans on the live database that read large tables in another way than their locks say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from oadb.engine.binding.packages import Package
from oadb.engine.binding.queries import queries
from oadb.engine.dsn import Dsn
from oadb.engine.executors import Runner
from oadb.tools import lock_holders
from oadb.tools.activity import statement_places
from oadb.tools.plans import named_statements, plan_lock
from oadb.tools.plans.named_statements import PlacedStatement
from oadb.tools.plans.plan_lock import Block
from oadb.tools.plans.plan_tree import PlanNode
from oadb.tools.plans.planning import Limits, Planned, Planner, Unplanned

query = queries(__name__)

LEAST_ROWS = 10_000
"""The smallest size that a lock has plans for; below it a scan of the whole table is right."""

# Of which PostgreSQL makes no plan anywhere.
_PLANLESS = frozenset({"copy", "utility"})

LIMITS: Limits = (5.0, lock_holders.PATIENCE)
"""Seconds to plan a statement, and to wait for a lock."""


@dataclass(frozen=True, slots=True)
class PlanDrift:
    """A statement that reads tables in other ways than its lock has at any size.

    Attributes:
        live: how it reads them here, such as ``Seq Scan oadb.users``.
        locked: the lines of its lock.
    """

    label: str
    live: tuple[str, ...]
    locked: tuple[str, ...]

    def __str__(self) -> str:
        """Return it as lines: how it reads tables here, and what is in the lock."""
        lines = "\n".join(f"    {line}" for line in self.locked)
        return f"drift: {self.label} reads by {', '.join(self.live)}; its lock has\n{lines}"


@dataclass(slots=True)
class DriftReport:
    """What came of the comparison of some plans with their locks.

    Attributes:
        compared: how many were planned, and have a lock.
        unplanned: what cannot be planned here, although it has a plan elsewhere.
        unlocked: the labels of plans without a lock.
    """

    drifts: list[PlanDrift] = field(default_factory=list[PlanDrift])
    compared: int = 0
    unplanned: list[Unplanned] = field(default_factory=list[Unplanned])
    unlocked: list[str] = field(default_factory=list[str])

    def __str__(self) -> str:
        """Return what was compared, in one line."""
        parts = [f"plans compared with their locks: {self.compared}"]
        if self.unlocked:
            parts.append(f"without a lock: {len(self.unlocked)}, such as {self.unlocked[0]}")
        if self.unplanned:
            parts.append(f"not made here: {len(self.unplanned)}, such as {self.unplanned[0]}")
        return "; ".join(parts)


@query
def _list_large_tables(names: list[str], least: int) -> list[str]: ...


query.complete()


def compare(
    db: Runner,
    dsn: Dsn,
    packages: Sequence[Package],
    labels: Sequence[str],
    *,
    limits: Limits = LIMITS,
    least: int = LEAST_ROWS,
) -> DriftReport:
    """Plan statements for any values in a database, and compare them with their locks.

    Nothing is run.

    Args:
        db: runs a query in the same database.
        labels: of variants; or names of statements, whose variants are all meant.
        limits: seconds to plan a statement, and to wait for a lock.
        least: rows of a table below which it does not matter how it is read.

    Raises:
        DeclarationError: a module and its query file disagree.
        UsageError: a package is in a zip file.
        psycopg.Error: the connection was lost, or a lock is not free.
    """
    report = DriftReport()
    with Planner.to(dsn) as planner, planner.acting(is_read=True, limits=limits):
        wanted = _wanted(packages, labels)
        for path, group in groupby(
            wanted, lambda each: plan_lock.path_of(each.package, each.place)
        ):
            locked = plan_lock.read(path)
            for each in group:
                planned = planner.plan(each.statement)
                block = locked.get(planned.label)
                if isinstance(planned, Unplanned):
                    report.unplanned += [planned] if planned.reason not in _PLANLESS else []
                elif block is None:
                    report.unlocked.append(planned.label)
                else:
                    report.compared += 1
                    report.drifts += _drift(db, planned, block, least)
    return report


def _wanted(packages: Sequence[Package], labels: Sequence[str]) -> Iterator[PlacedStatement]:
    """Yield the statements of some labels; modules of other statements are not imported."""
    modules = {label.partition(".")[0] for label in labels}
    for package in packages:
        for place in package.places():
            if place.rpartition("/")[2] not in modules:
                continue
            for each in named_statements.at(package, place):
                label = each.statement.label
                if label in labels or statement_places.name_of(label) in labels:
                    yield each


def _drift(db: Runner, planned: Planned, locked: Block, least: int) -> Iterator[PlanDrift]:
    """Yield the drift of a plan whose way to a large table is in no line of its lock."""
    ways = {
        _way(node): node.relation
        for node in planned.tree.walk()
        if node.relation is not None and node.kind.endswith("Scan")
    }
    new = {way: table for way, table in ways.items() if not any(way in line for line in locked)}
    large = _list_large_tables(db, [*{*new.values()}], least) if new else []
    found = tuple(way for way, table in new.items() if table in large)
    if found:
        yield PlanDrift(planned.label, found, locked)


def _way(node: PlanNode) -> str:
    """Return how a node reads a table, as a lock says it."""
    if node.index is None:
        return f"{node.kind} {node.relation}"
    return f"{node.index} of {node.relation}"
