"""Shows to the observers of a service what it opens: pools, the log, the bans in memory.

Events reach an observer by themselves. State, such as how many callers wait now, is asked for by
those that show it; see PrometheusObserver and OpenTelemetryObserver.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from oadb.engine.observing import Observer
from oadb.engine.telling import Observers

if TYPE_CHECKING:
    from oadb.changes.following import Following
    from oadb.engine.database import AsyncDatabase, Database
    from oadb.logs.writer import AsyncLogWriter, LogWriter

_POOL, _SYNC_POOL, _BANS = "web", "web sync", "bans"


@runtime_checkable
class ShowsPool(Protocol):
    """An observer that shows the state of one pool."""

    def watch_pool(self, db: "Database | AsyncDatabase") -> None:
        """Show the state of its pool."""
        ...


@runtime_checkable
class ShowsState(Protocol):
    """An observer that shows the state of pools by their names, of the log and of followers."""

    def watch_pool(self, db: "Database | AsyncDatabase", name: str) -> None:
        """Show the state of its pool under a name."""
        ...

    def watch_logs(self, logs: "LogWriter | AsyncLogWriter") -> None:
        """Show its queues."""
        ...

    def watch_follower(
        self, name: str, follower: "Following[Database] | Following[AsyncDatabase]"
    ) -> None:
        """Show how old a copy in memory is."""
        ...


def watch_pools(
    observers: Observers, db: "Database | AsyncDatabase", sync: "Database | None" = None
) -> None:
    """Show the pool of a service, and that of its plain functions if it has one."""
    for each in _each(observers):
        if isinstance(each, ShowsState):
            each.watch_pool(db, _POOL)
            if sync is not None:
                each.watch_pool(sync, _SYNC_POOL)
        elif isinstance(each, ShowsPool):
            each.watch_pool(db)


def watch_logs(observers: Observers, logs: "LogWriter | AsyncLogWriter") -> None:
    """Show the log of requests."""
    for each in _each(observers):
        if isinstance(each, ShowsState):
            each.watch_logs(logs)


def watch_bans(
    observers: Observers, bans: "Following[Database] | Following[AsyncDatabase]"
) -> None:
    """Show how old the bans in memory are."""
    for each in _each(observers):
        if isinstance(each, ShowsState):
            each.watch_follower(_BANS, bans)


def _each(observers: Observers) -> Iterator[Observer]:
    if isinstance(observers, Observer):
        yield observers
    else:
        yield from observers or ()
