"""Connections at hand: the last one used is the next one taken, without a lock and without waiting.

Its caches are warm on both sides of the wire. psycopg_pool, which takes these for leased, serves
the oldest first and takes four times as long.
"""

from typing import Any


class IdleStack:
    """At most *size* idle connections, and who waits for one elsewhere."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._idle: list[Any] = []
        self._waiters: set[object] = set()
        self._closed = False

    def __len__(self) -> int:
        """Return how many connections lie here."""
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """How many callers wait for psycopg_pool."""
        return len(self._waiters)

    def pop(self) -> Any:
        """Return the connection that was used last, or None; another thread may be as quick."""
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def push(self, connection: Any) -> bool:
        """Lay *connection* here; False if it is better given to psycopg_pool."""
        if len(self._idle) >= self._size:
            return False
        self._idle.append(connection)
        # A waiter looks here after it has said that it waits; we look for waiters after the
        # connection lies here. So one of the two sees the other.
        return not (self._waiters or self._closed) or not self._remove(connection)

    def put_back(self, connection: Any) -> None:
        """Lay *connection* here again, whoever waits."""
        self._idle.append(connection)

    def close(self) -> None:
        """Take no more connections."""
        self._closed = True

    def wait(self) -> object:
        """Say that somebody waits for psycopg_pool; returns what ends it."""
        waiter = object()
        self._waiters.add(waiter)
        return waiter

    def end_wait(self, waiter: object) -> None:
        """Say that the wait is over."""
        self._waiters.discard(waiter)

    def _remove(self, connection: Any) -> bool:
        """Take *connection* away; False if somebody else has."""
        try:
            self._idle.remove(connection)
        except ValueError:
            return False
        return True
