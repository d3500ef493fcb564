"""Leases: every connection that psycopg_pool gave to a Pool, its use, and until when it may last.

A connection whose holder was garbage collected is only marked, because the finalizer may run
anywhere, even while its holder is still being wound up. The watchdog takes it back; see upkeep.
"""

import logging
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any

from oadb.engine.pool.callers import Callers, formatted
from oadb.engine.pool.holders import Hold, Holders

logger = logging.getLogger("oadb.pool")

Lease = tuple[str, float, float]
"""What a connection is used for, since when, and until when at most (monotonic clock). A tuple,
because one is made with each call."""

# Seconds until a caller that got a connection must have begun to use it. One that is interrupted on
# its way there loses the connection, which the watchdog takes back then.
UNCONFIRMED = 5.0


@dataclass(frozen=True, slots=True)
class Leak:
    """A lease whose holder was garbage collected, and where it began."""

    connection: Any
    lease: Lease
    origin: Callers
    noticed: float


class Leases:
    """The connections of a pool, each with its lease; those without one are idle."""

    def __init__(self, holders: Holders) -> None:
        self._holders = holders
        # Pool.take and Pool.release write to it themselves: a call less with each call.
        self.table: dict[Any, Lease | None] = {}
        self._holds: dict[Any, Hold] = {}
        self._leaks: deque[Leak] = deque()
        self.leaked = 0

    def __len__(self) -> int:
        """Return the number of connections in use."""
        return sum(lease is not None for lease in [*self.table.values()])

    def __contains__(self, connection: Any) -> bool:
        """Say whether this process has leased *connection*."""
        return self.table.get(connection) is not None

    @property
    def connections(self) -> list[Any]:
        """All connections, in use or not."""
        return [*self.table]

    @property
    def total(self) -> int:
        """The number of all connections, in use or not."""
        return len(self.table)

    def open(self) -> Iterator[tuple[Any, Lease]]:
        """Iterate over the connections in use."""
        for connection, lease in [*self.table.items()]:
            if lease is not None:
                yield connection, lease

    def add(self, connection: Any) -> None:
        """Record a connection that psycopg_pool gave."""
        self.table[connection] = None

    def remove(self, connection: Any) -> None:
        """Record that a connection goes back to psycopg_pool."""
        self.table.pop(connection, None)

    def begin(self, connection: Any, label: str, limit: float = math.inf) -> None:
        """Record that *connection* is used for *label*, until *limit* at most."""
        connection.state.limit = limit
        self.table[connection] = (label, monotonic(), limit)

    def end(self, connection: Any) -> str | None:
        """Record the end of a lease; return its label, or None if it was taken back."""
        lease = self.table.get(connection)
        if lease is None:
            return None
        self.table[connection] = None
        return lease[0]

    def hold(
        self, holder: object, connection: Any, label: str, limit: float, origin: Callers
    ) -> Hold:
        """Begin a lease that the watchdog takes back if *holder* is collected with it.

        Returns:
            What is to be let go when the connection is returned.
        """
        hold = Hold(holder, self._mark)
        hold.connection, hold.origin = connection, origin
        hold.lease = (label, monotonic(), limit)
        self._holders.begin(hold)
        self._holds[connection] = hold
        connection.state.limit = limit
        self.table[connection] = hold.lease
        return hold

    def let_go(self, hold: Hold) -> None:
        """Note that a connection was returned, and its holder need not be watched."""
        self._holders.end(hold)
        if self._holds.get(hold.connection) is hold:
            del self._holds[hold.connection]

    def _mark(self, hold: Hold) -> None:
        self._holders.end(hold)
        self._leaks.append(Leak(hold.connection, hold.lease, hold.origin, monotonic()))

    def leaks(self, before: float) -> Iterator[Leak]:
        """Yield and forget the leaks noticed *before*, except those that ended after all."""
        while self._leaks and self._leaks[0].noticed < before:
            leak = self._leaks.popleft()
            if self.table.get(leak.connection) is leak.lease:
                yield leak

    def report(self, leak: Leak) -> None:
        """Count and log a leak."""
        self.leaked += 1
        label, since, _ = leak.lease
        logger.error(
            "%s was left open and garbage collected after %.1f s; "
            "its connection is closed and replaced. It was opened at:\n%s",
            label,
            leak.noticed - since,
            formatted(leak.origin),
        )

    def longest(self) -> str:
        """Return a phrase that names the longest lease."""
        oldest = min(((since, label) for _, (label, since, _) in self.open()), default=None)
        if oldest is None:
            return ""
        since, label = oldest
        return f", longest by {label} for {monotonic() - since:.1f} s"
