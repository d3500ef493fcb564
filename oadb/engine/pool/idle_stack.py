"""Idle connections, the last one used first, and the callers that wait for one, in their order.

A caller that returns a connection and wants one again at once keeps it for a turn of 5 ms, although
others wait: to wake another thread or task for each call would cost as much as the call. Then the
connection goes to the caller that waits longest. One that is not taken again at once goes to it
earlier: a scout, the first caller of the queue, is woken to look, and goes on looking as long as it
finds that the connection was taken.

The caches of the connection that was used last are warm in client and server. Neither side takes a
lock: a caller queues before it looks for a connection, and a connection is pushed before it is
looked for callers, so that at least one of the two notices the other.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic
from typing import Any

from oadb.engine.pool.leases import UNCONFIRMED, Leases
from oadb.engine.pool.waiters import Waiter

# Seconds for which a connection serves who comes at once, while others wait.
TURN = 0.005

# Seconds between two looks of a scout.
_SCOUTING = 0.0003


class IdleStack:
    """The idle connections of a pool, and its queue of callers."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._idle: list[Any] = []
        self._callers: deque[tuple[Waiter, str]] = deque()
        self._scout: Waiter | None = None

    def __len__(self) -> int:
        """Return the number of connections."""
        return len(self._idle)

    def __contains__(self, connection: Any) -> bool:
        """Say whether *connection* is idle."""
        return connection in self._idle

    @property
    def waiting(self) -> int:
        """The number of callers that wait."""
        return len(self._callers)

    def pop(self) -> Any:
        """Return the connection that was used last; None if there is none."""
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def push(self, connection: Any) -> None:
        """Keep *connection*, or give it to the caller that waits longest if it had its turn."""
        self._idle.append(connection)
        if self._callers:
            self._share(connection)

    def put_back(self, connection: Any) -> None:
        """Keep *connection*, which is not tested yet, for the next caller."""
        self._idle.append(connection)

    def drain(self) -> Iterator[Any]:
        """Remove and yield all connections; another thread may take some of them meanwhile."""
        with suppress(IndexError):
            while True:
                yield self._idle.pop()

    def enqueue(self, waiter: Waiter, label: str, *, first: bool = False) -> None:
        """Queue a caller, behind all others unless it is the *first*."""
        (self._callers.appendleft if first else self._callers.append)((waiter, label))
        if self._idle:
            self._match()

    def leave(self, waiter: Waiter, label: str) -> None:
        """Remove a caller that no longer waits."""
        with suppress(ValueError):  # it was given a connection
            self._callers.remove((waiter, label))
        if waiter is self._scout:
            self._serve()

    def interval(self, waiter: Waiter, seconds: float) -> float:
        """Return how long a caller may sleep: *seconds*, or less if it is the scout."""
        return _SCOUTING if waiter is self._scout else seconds

    def look(self, waiter: Waiter, connection: Any) -> bool:
        """Serve callers if *waiter* is the scout; say whether it has got a *connection*."""
        if waiter is self._scout and (connection is not None or self._idle):
            self._serve()
        return connection is not None

    def unused(self, keep: int) -> list[Any]:
        """Return the connections beyond *keep*, those that were not used for longest first."""
        return self._idle[: max(len(self._idle) - keep, 0)]

    def remove(self, connection: Any) -> bool:
        """Remove *connection*; False if another thread has taken it."""
        try:
            self._idle.remove(connection)
        except ValueError:
            return False
        return True

    def _share(self, connection: Any) -> None:
        """Give *connection* to a caller now, or have a scout look whether it is taken again."""
        if len(self._idle) > 1 or monotonic() - connection.state.given > TURN:
            self._match()
        elif self._scout is None:
            self._send_scout()

    def _send_scout(self) -> None:
        """Wake the first caller, unless it was given a connection meanwhile and will not look."""
        with suppress(IndexError):  # nobody waits any more
            self._scout, _ = scout = self._callers[0]
            if self._callers[0] is scout:
                self._scout.wake(self._serve)
                return
        self._serve()

    def _serve(self) -> None:
        """Hand idle connections to callers; the next one that is kept needs a scout again."""
        self._scout = None
        self._match()

    def _match(self) -> None:
        """Hand idle connections to callers."""
        while self._idle and self._callers:
            try:
                connection = self._idle.pop()
            except IndexError:
                return
            try:
                waiter, label = self._callers.popleft()
            except IndexError:
                self._idle.append(connection)
                continue
            connection.state.given = now = monotonic()
            self._leases.begin(connection, label, now + UNCONFIRMED)
            if not waiter.give(connection):
                self._leases.end(connection)
                self._idle.append(connection)
