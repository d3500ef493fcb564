"""Idle connections, the last one used first, and the callers that wait for one, in their order.

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


class IdleStack:
    """The idle connections of a pool, and its queue of callers."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._idle: list[Any] = []
        self._callers: deque[tuple[Waiter, str]] = deque()

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
        """Return the connection that was used last; None if there is none, or callers wait."""
        if self._callers:
            return None
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def push(self, connection: Any) -> None:
        """Give *connection* to the caller that waits longest, or keep it."""
        self._idle.append(connection)
        if self._callers:
            self._match()

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
            self._leases.begin(connection, label, monotonic() + UNCONFIRMED)
            if not waiter.give(connection):
                self._leases.end(connection)
                self._idle.append(connection)
