"""Makes a Citus cluster of a migrated database, in the layouts of packages.

Each step is a transaction, and which are left is seen in the catalog: a run that was stopped goes
on where it was. A run excludes migrations and other runs.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain

from oadb.engine.binding.packages import Package
from oadb.engine.dsn import Dsn, reachable
from oadb.engine.executors import Runner
from oadb.errors import ConfigError, MigrationError
from oadb.tools.migrations import run_lock, runner
from oadb.tools.migrations.explanations import explained, refuse
from oadb.tools.migrations.timed_steps import timed
from oadb.tools.migrations.yoyo_backend import READ_ONLY, Backend
from oadb.tools.scale import (
    cluster_catalog,
    cluster_changes,
    cluster_plan,
    layout_file,
    placed_tables,
)
from oadb.tools.scale.citus_presence import find_citus_version
from oadb.tools.scale.cluster_catalog import ClusterState
from oadb.tools.scale.cluster_plan import ClusterStep
from oadb.tools.scale.layout_file import Layout

SHARDS = 8
"""Parts of a distributed table, if nothing else is said: rows were copied into 8 three times as
fast as into 32."""


@dataclass(frozen=True, slots=True)
class DistributionPlan:
    """What is there, what is left to do, and what stands in the way.

    Attributes:
        faults: Each with what to do; nothing is done while there are any.
    """

    layout: Layout
    state: ClusterState
    steps: list[ClusterStep]
    faults: list[str]


def plan(dsn: Dsn, packages: Sequence[Package]) -> DistributionPlan:
    """Look at a cluster. Changes nothing.

    Raises:
        ConfigError: no package has a layout, or one is not valid.
        MigrationError: the database is not on Citus, or not migrated.
        UnavailableError: no connection to the server.
    """
    layout = _layout(packages)
    pending = _pending(dsn, packages)
    with reachable(dsn) as reached, explained("looking at the cluster", looking=True):
        backend = Backend.open(reached, READ_ONLY)
        with backend:
            return _planned(backend.session, layout, pending)


def distribute(
    dsn: Dsn,
    packages: Sequence[Package],
    *,
    shards: int = SHARDS,
    tell: Callable[[str], None],
) -> None:
    """Do the steps that are left.

    Args:
        shards: into how many parts a table is divided that no other one is beside yet.
        tell: is called with a line when a step begins, and when it has ended.

    Raises:
        ConfigError, UnavailableError: as ``plan``.
        MigrationError: as ``plan``; or something stands in the way, and nothing was done; or a step
            failed, and those before it stay done.
    """
    layout = _layout(packages)
    pending = _pending(dsn, packages)
    with _run(dsn) as backend:
        planned = _planned(backend.session, layout, pending)
        refuse(planned.faults)
        cluster_changes.prepare(backend.session)
        for step in planned.steps:
            backend.watch.subject = str(step)
            with timed(tell, "begin:", "done:", str(step)), explained(str(step)):
                run_lock.check(backend.lock_session)
                cluster_changes.take(backend.session, step, shards)


@contextmanager
def _run(dsn: Dsn) -> Generator[Backend]:
    with (
        reachable(dsn) as reached,
        Backend.open(reached) as backend,
        explained("preparing to distribute"),
        run_lock.hold(backend, runner.WAIT) as backend.lock_session,
    ):
        yield backend


def _layout(packages: Sequence[Package]) -> Layout:
    layouts = [layout_file.read(package) for package in packages]
    names = [*chain.from_iterable(layouts)]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{name} is in the layouts of two packages; leave it in one")
    if not names:
        shown = ", ".join(f"{package.shown}/{layout_file.FILE}" for package in packages)
        raise ConfigError(f"there is no layout: say in {shown} where each table is placed")
    return {name: each for layout in layouts for name, each in layout.items()}


def _pending(dsn: Dsn, packages: Sequence[Package]) -> list[str]:
    return [
        f"migration {each.migration_id} is {each.state}: run oadb migrate first"
        for each in runner.status(dsn, packages=packages)
        if each.state != "applied"
    ]


def _planned(session: Runner, layout: Layout, pending: Sequence[str]) -> DistributionPlan:
    version = find_citus_version(session)
    if version is None:
        raise MigrationError(
            "the database has no extension Citus: create extension citus; on every node first"
        )
    schemas = sorted({name.partition(".")[0] for name in layout})
    state = cluster_catalog.read(session, version, schemas)
    faults = [
        *pending,
        *cluster_plan.obstacles(state),
        *placed_tables.faults(layout, placed_tables.look(session, layout)),
        *cluster_plan.misplaced(layout, state),
    ]
    return DistributionPlan(layout, state, cluster_plan.steps(layout, state), faults)
