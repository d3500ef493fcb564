"""psycopg's two interfaces, blocking and asyncio: the one place where sync and async differ.

The engine is written once, as coroutines over a Driver. With ``AsyncioDriver`` an event loop
awaits them. With ``BlockingDriver`` every await completes at once, so ``drive`` runs a coroutine
to its end on the caller's thread, without a loop.
"""

import asyncio
import threading
import time
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Protocol, TypeVar, cast

import psycopg
import psycopg_pool

from oadb.engine.pool.connections import AsyncPooledConnection, PooledConnection
from oadb.engine.pool.waiters import Waiter, WaitingTask, WaitingThread
from oadb.engine.pool.watchdog import watchdog
from oadb.engine.wire import Exchange

T = TypeVar("T")


class Driver(Protocol):
    """The calls of psycopg that the engine uses, blocking or awaited."""

    awaits: bool
    """Whether what waits for the server is a coroutine."""
    connection_class: type[Any]
    pool: type[Any]
    server_cursor: type[Any]
    home: Callable[[], object] | None
    """Returns the running event loop, to which connections belong; None for threads."""

    async def call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call a method of psycopg that blocks or must be awaited."""

    async def run_exchange(self, connection: Any, exchange: Exchange) -> Any:
        """Run an exchange with the server; it may be interrupted (SIGINT) or cancelled."""

    def entered(self, manager: Any) -> AbstractAsyncContextManager[Any]:
        """Return a context manager of psycopg as an asynchronous one."""
        ...

    async def write(self, copy: Any, parts: Iterable[Any], *, blocks: bool) -> None:
        """Send rows, or blocks of text, to a COPY."""

    async def sleep(self, seconds: float) -> None:
        """Pause the calling thread or task."""

    async def offload(self, function: Callable[..., T], /, *args: Any) -> T:
        """Run a long computation without blocking the event loop."""
        ...

    def owner(self) -> object:
        """Return what tells the calling thread or task from others; None: nothing does."""
        ...

    def waiter(self) -> Waiter:
        """Return a place in the queue for the calling thread or task."""
        ...

    def apart(self, work: Coroutine[Any, Any, None]) -> Callable[[], bool]:
        """Run *work* in a thread or task of its own, which no caller can interrupt.

        Returns:
            A function that says whether it is still running.

        Raises:
            RuntimeError: none can be started, because the interpreter or the loop is ending.
        """
        ...

    async def finish(self, work: Coroutine[Any, Any, None]) -> None:
        """Run *work* to its end, even if the caller is cancelled meanwhile."""

    def post(self, function: Callable[..., None], /, *args: Any) -> None:
        """Call *function* where the pool is used: from any thread, in its event loop."""


class BlockingDriver:
    """Calls psycopg's blocking API on the caller's thread."""

    awaits = False
    connection_class = PooledConnection
    pool = psycopg_pool.ConnectionPool
    server_cursor = psycopg.RawServerCursor
    home: Callable[[], object] | None = None

    async def call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    async def run_exchange(self, connection: Any, exchange: Exchange) -> Any:
        with connection.lock:
            return connection.wait(exchange)

    @asynccontextmanager
    async def entered(self, manager: Any) -> AsyncGenerator[Any, None]:
        with manager as value:
            yield value

    async def write(self, copy: Any, parts: Iterable[Any], *, blocks: bool) -> None:
        encode = copy.formatter.write_row
        for part in parts:
            if block := part if blocks else encode(part):
                copy.write(block)

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251  # this driver blocks

    async def offload(self, function: Callable[..., T], /, *args: Any) -> T:
        return function(*args)

    def owner(self) -> object:
        return threading.get_ident()  # by the name that gevent may replace later

    def waiter(self) -> Waiter:
        return WaitingThread()

    def apart(self, work: Coroutine[Any, Any, None]) -> Callable[[], bool]:
        running = [True]

        def run() -> None:
            try:
                drive(work)
            finally:
                running.clear()

        watchdog.start(run)
        return lambda: bool(running)

    async def finish(self, work: Coroutine[Any, Any, None]) -> None:
        await work

    def post(self, function: Callable[..., None], /, *args: Any) -> None:
        function(*args)


class AsyncioDriver:
    """Calls psycopg's asyncio API."""

    awaits = True
    connection_class = AsyncPooledConnection
    pool = psycopg_pool.AsyncConnectionPool
    server_cursor = psycopg.AsyncRawServerCursor
    home: Callable[[], object] | None = staticmethod(asyncio.get_running_loop)

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return await function(*args, **kwargs)

    async def run_exchange(self, connection: Any, exchange: Exchange) -> Any:
        async with connection.lock:
            return await connection.wait(exchange)

    def entered(self, manager: Any) -> AbstractAsyncContextManager[Any]:
        return cast("AbstractAsyncContextManager[Any]", manager)

    async def write(self, copy: Any, parts: Iterable[Any], *, blocks: bool) -> None:
        encode = copy.formatter.write if blocks else copy.formatter.write_row
        for part in parts:
            if block := encode(part):  # of many rows, which costs one wait
                await copy.write(block)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def offload(self, function: Callable[..., T], /, *args: Any) -> T:
        return await asyncio.to_thread(function, *args)

    def owner(self) -> object:
        try:
            task = asyncio.current_task()
        except RuntimeError:  # it is called outside of the loop
            return None
        # Weak, because the frames of a task hold what it has begun.
        return None if task is None else weakref.ref(task)

    def waiter(self) -> Waiter:
        return WaitingTask()

    def apart(self, work: Coroutine[Any, Any, None]) -> Callable[[], bool]:
        task = self._start(work)
        return lambda: not task.done()

    async def finish(self, work: Coroutine[Any, Any, None]) -> None:
        await asyncio.shield(self._start(work))

    def post(self, function: Callable[..., None], /, *args: Any) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # it is closed
                self._loop.call_soon_threadsafe(function, *args)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self._loop = asyncio.get_running_loop()
        task = self._loop.create_task(work)
        # The program did not begin it. Where it ends the loop before the Database is closed, which
        # goes on in the next one, asyncio would log at some later time what nobody can mend.
        with suppress(AttributeError):  # a task of another task factory
            setattr(task, "_log_destroy_pending", False)  # noqa: B010 - as asyncio.gather does
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine whose awaits all complete at once, and return its result."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    coroutine.close()
    raise RuntimeError(
        "an operation awaited something other than a call of its executor, which never completes "
        "over a sync Database"
    )


def driven(rows: AsyncGenerator[T, None]) -> Generator[T, None, None]:
    """Iterate in place over rows whose awaits all complete at once."""
    try:
        while True:
            try:
                yield drive(rows.__anext__())
            except StopAsyncIteration:
                return
    finally:
        drive(rows.aclose())
