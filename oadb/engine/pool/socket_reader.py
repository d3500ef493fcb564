"""Waits for the server on an event loop, with one registration for the life of a connection.

psycopg registers the socket and a timer for each wait, and removes both, which costs more than the
rest of a short call. Here the loop watches a duplicate of the socket, which is ours to close: once
it is closed, the loop must not know it any more, because the next socket may have its number. An
exchange goes on within the callback, so that what has arrived is read before the loop looks again.
"""

import asyncio
import os
from collections.abc import Awaitable, Generator
from time import monotonic
from typing import Any

import psycopg
from psycopg.waiting import READY_R, READY_W, WAIT_R, WAIT_W

# Seconds for which exchanges that need not wait may keep the loop from its other tasks.
_BUSY = 0.005


class _Breath:
    """When a task gave way last."""

    taken = 0.0


async def _at_once(answer: Any) -> Any:
    """Return *answer*; give way to other tasks, if none has had a chance for some time."""
    if monotonic() - _Breath.taken >= _BUSY:
        await asyncio.sleep(0)
        _Breath.taken = monotonic()
    return answer


class SocketReader:
    """Runs the exchanges of one connection, one at a time."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._reads = self._writes = False
        self._pending: tuple[Generator[Any, Any, Any], asyncio.Future[Any]] | None = None

    def run(self, exchange: Generator[Any, Any, Any]) -> Awaitable[Any]:
        """Begin an exchange; return what awaits its result.

        If that is cancelled, the exchange goes no further, and can be run later.

        Raises:
            psycopg.Error: it failed at once.
        """
        try:
            wanted = next(exchange)
        except StopIteration as done:
            return _at_once(done.value)
        answer = self._loop.create_future()
        self._pending = (exchange, answer)
        self._watch(wanted)
        return answer

    def close(self) -> None:
        """Close the duplicate, from any thread: the loop forgets it before."""
        if self._loop.is_closed() or not (self._reads or self._writes):
            os.close(self._descriptor)
        elif self._loop.is_running() and asyncio._get_running_loop() is not self._loop:
            self._loop.call_soon_threadsafe(self._close)
        else:
            self._close()

    def _close(self) -> None:
        self._loop.remove_reader(self._descriptor)
        self._loop.remove_writer(self._descriptor)
        os.close(self._descriptor)

    def _watch(self, wanted: int) -> None:
        if wanted & WAIT_R and not self._reads:
            try:
                self._loop.add_reader(self._descriptor, self._go_on, READY_R)
            except (OSError, ValueError):
                raise psycopg.OperationalError("the connection was closed") from None
            self._reads = True
        if bool(wanted & WAIT_W) is not self._writes:
            self._writes = not self._writes
            if self._writes:
                self._loop.add_writer(self._descriptor, self._go_on, READY_W)
            else:
                self._loop.remove_writer(self._descriptor)

    def _go_on(self, ready: int) -> None:
        """Go on with the exchange; without one, do not hear of the socket until the next."""
        if self._pending is None:
            self._rest()
            return
        exchange, answer = self._pending
        if answer.done():  # its caller was cancelled
            self._rest()
            return
        try:
            self._watch(exchange.send(ready))
        except StopIteration as done:
            self._pending = None  # nor its result, which may be large
            answer.set_result(done.value)
        except Exception as error:  # noqa: BLE001  # raised where it is awaited
            self._pending = None
            answer.set_exception(error)
            # Looked at: asyncio would log it where the loop ends before somebody awaits it.
            answer.exception()

    def _rest(self) -> None:
        self._pending = None
        self._reads = self._writes = False
        self._loop.remove_reader(self._descriptor)
        self._loop.remove_writer(self._descriptor)
