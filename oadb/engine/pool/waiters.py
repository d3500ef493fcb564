"""Callers that wait for a connection, and how one is handed to them: threads and tasks."""

import asyncio
import threading
from typing import Any, Protocol

# Seconds, at most, that a caller that gives up waits for a connection being handed to it.
_HANDOVER = 1.0


class Waiter(Protocol):
    """A place in the queue for a connection."""

    def give(self, connection: Any) -> bool:
        """Hand *connection* to the caller; False if it no longer waits."""
        ...

    async def wait(self, seconds: float) -> Any:
        """Return the connection, or None if none was given within *seconds*."""

    def withdraw(self) -> Any:
        """Stop waiting; return the connection that was given meanwhile, or None."""


class WaitingThread:
    """A thread that waits for a connection."""

    def __init__(self) -> None:
        self._place = [self]  # the giver or the thread takes it out: only one of them can
        self._given = threading.Lock()
        self._given.acquire()
        self._connection: Any = None

    def give(self, connection: Any) -> bool:
        """See Waiter."""
        try:
            self._place.pop()
        except IndexError:
            return False
        self._connection = connection
        self._given.release()
        return True

    async def wait(self, seconds: float) -> Any:
        """See Waiter."""
        self._given.acquire(timeout=max(seconds, 0.0))
        return self._connection

    def withdraw(self) -> Any:
        """See Waiter."""
        try:
            self._place.pop()
        except IndexError:
            if self._connection is None:
                self._given.acquire(timeout=_HANDOVER)
        return self._connection


class WaitingTask:
    """A task that waits for a connection."""

    def __init__(self) -> None:
        self._given: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def give(self, connection: Any) -> bool:
        """See Waiter."""
        if self._given.done():
            return False
        self._given.set_result(connection)
        return True

    async def wait(self, seconds: float) -> Any:
        """See Waiter."""
        await asyncio.wait([self._given], timeout=max(seconds, 0.0))
        return self._given.result() if self._given.done() else None

    def withdraw(self) -> Any:
        """See Waiter."""
        if self._given.done():
            return self._given.result()
        self._given.cancel()
        return None
