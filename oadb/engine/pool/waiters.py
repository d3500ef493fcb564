"""Callers that wait for a connection, and how one is handed to them: threads and tasks."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

# Seconds, at most, that a caller that gives up waits for a connection being handed to it.
_HANDOVER = 1.0


class Waiter(Protocol):
    """A place in the queue for a connection."""

    def give(self, connection: Any) -> bool:
        """Hand *connection* to the caller; False if it no longer waits."""
        ...

    def wake(self, serve: Callable[[], None]) -> None:
        """Have *serve* called when who runs now has gone on, or have ``wait`` end for that."""

    async def wait(self, seconds: float) -> Any:
        """Return the connection, or None if none was given within *seconds*, or it was woken."""

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
        self._end_wait()
        return True

    def wake(self, serve: Callable[[], None]) -> None:  # noqa: ARG002  # the thread itself looks
        """See Waiter."""
        self._end_wait()

    async def wait(self, seconds: float) -> Any:
        """See Waiter."""
        self._given.acquire(timeout=max(seconds, 0.0))
        return self._connection

    def _end_wait(self) -> None:
        with suppress(RuntimeError):  # it was woken, and has not noticed yet
            self._given.release()

    def withdraw(self) -> Any:
        """See Waiter."""
        try:
            self._place.pop()
        except IndexError:
            while self._connection is None and self._given.acquire(timeout=_HANDOVER):
                pass  # it was woken before
        return self._connection


class WaitingTask:
    """A task that waits for a connection."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._bell: asyncio.Future[None] | None = None
        self._is_over = False
        self._connection: Any = None

    def give(self, connection: Any) -> bool:
        """See Waiter."""
        if self._is_over:
            return False
        self._is_over = True
        self._connection = connection
        if self._bell is not None:
            _ring(self._bell)
        return True

    def wake(self, serve: Callable[[], None]) -> None:
        """See Waiter."""
        self._loop.call_soon(serve)

    async def wait(self, seconds: float) -> Any:
        """See Waiter. ``asyncio.wait`` would cost as much as a short call."""
        if self._connection is None:
            self._bell = self._loop.create_future()
            timer = self._loop.call_later(max(seconds, 0.0), _ring, self._bell)
            try:
                await self._bell
            finally:
                timer.cancel()
        return self._connection

    def withdraw(self) -> Any:
        """See Waiter."""
        self._is_over = True
        return self._connection


def _ring(bell: asyncio.Future[None]) -> None:
    if not bell.done():  # rung, or the task was cancelled
        bell.set_result(None)
