"""Plans on the live database that read large tables in another way than their locks say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from oadb.engine.binding.packages import Package
from oadb.engine.binding.queries import queries
from oadb.engine.dsn import Dsn
from oadb.engine.executors import Runner
from oadb.tools import lock_holders
from oadb.tools.activity import statement_places
from oadb.tools.plans import named_statements, plan_lock
from oadb.tools.plans.plan_lock import Block
from oadb.tools.plans.plan_tree import PlanNode
from oadb.tools.plans.planning import Limits, Planned, Planner

query = queries(__name__)

LEAST_ROWS = 10_000
"""The smallest size that a lock has plans for; below it a scan of the whole table is right."""

# Seconds to plan a statement, and to wait for a lock.
_LIMITS: Limits = (5.0, lock_holders.PATIENCE)


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


@query
def _list_large_tables(names: list[str], least: int) -> list[str]: ...


query.complete()


def drifts(
    db: Runner,
    dsn: Dsn,
    packages: Sequence[Package],
    names: Sequence[str],
    *,
    least: int = LEAST_ROWS,
) -> Iterator[PlanDrift]:
    """Plan statements for any values in a database, and yield those that drifted.

    Nothing is run. What has no lock, or cannot be planned here, is left out.

    Args:
        db: runs a query in the same database.
        names: of statements, without what variants have behind it.
        least: rows of a table below which it does not matter how it is read.

    Raises:
        UsageError: a package is in a zip file.
        psycopg.Error: the connection was lost, or a lock is not free.
    """
    wanted = {*names}
    every = [
        each
        for each in named_statements.every(packages)
        if statement_places.name_of(each.statement.label) in wanted
    ]
    with Planner.to(dsn) as planner, planner.acting(is_read=True, limits=_LIMITS):
        for path, group in groupby(every, lambda each: plan_lock.path_of(each.package, each.place)):
            locked = plan_lock.read(path)
            for each in group:
                planned = planner.plan(each.statement)
                block = locked.get(each.statement.label)
                if block is not None and isinstance(planned, Planned):
                    yield from _drift(db, planned, block, least)


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
