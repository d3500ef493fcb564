"""Idle connections: the last one used is taken first, without a lock and without waiting.

Its caches are warm in client and server. psycopg_pool, which counts these connections as leased,
serves the oldest first and takes four times as long.
"""

from typing import Any


class IdleStack:
    """At most *size* idle connections, and the callers that wait in psycopg_pool."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._idle: list[Any] = []
        self._waiters: set[object] = set()
        self._closed = False

    def __len__(self) -> int:
        """Return the number of connections."""
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """The number of callers that wait for psycopg_pool."""
        return len(self._waiters)

    def pop(self) -> Any:
        """Return the connection that was used last, or None; another thread may take it first."""
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def push(self, connection: Any) -> bool:
        """Push *connection*; False if it must be returned to psycopg_pool instead."""
        if len(self._idle) >= self._size:
            return False
        self._idle.append(connection)
        # A waiter registers before it pops, and this checks for waiters after it has pushed. So at
        # least one of them notices the other.
        return not (self._waiters or self._closed) or not self._remove(connection)

    def put_back(self, connection: Any) -> None:
        """Push *connection* again, even if callers wait."""
        self._idle.append(connection)

    def close(self) -> None:
        """Accept no more connections."""
        self._closed = True

    def wait(self) -> object:
        """Register a caller that waits for psycopg_pool; return its handle for ``end_wait``."""
        waiter = object()
        self._waiters.add(waiter)
        return waiter

    def end_wait(self, waiter: object) -> None:
        """Remove a caller that no longer waits."""
        self._waiters.discard(waiter)

    def _remove(self, connection: Any) -> bool:
        """Remove *connection*; False if another thread has taken it."""
        try:
            self._idle.remove(connection)
        except ValueError:
            return False
        return True
