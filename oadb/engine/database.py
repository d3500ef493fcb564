"""Database and AsyncDatabase: the executors that services hold.

    with Database.from_env() as db:
        user = users.find_by_email(db, "a@x.in")      # one statement, one round trip
        with db.transaction() as tx:
            users.create(tx, ...)

All work is done by AsyncDatabase; a Database is one whose awaits complete at once.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self, TypeVar

import psycopg

from oadb.engine import execution, failures
from oadb.engine.config import Config
from oadb.engine.executors import AsyncExecutor, Executor
from oadb.engine.failures import Retry
from oadb.engine.io import Awaiting, Blocking, Io, drive
from oadb.engine.pool import PATIENCE, Pool, PoolStats
from oadb.engine.transactions import AsyncTransaction, Isolation, Transaction, begin, driven
from oadb.errors import PoolTimeoutError, UnavailableError

T = TypeVar("T")


class AsyncDatabase(AsyncExecutor):
    """A database reached through a pool, for asyncio. One for each process, shared by its tasks."""

    def __init__(self, config: Config, io: Io | None = None) -> None:
        self._io: Io = Awaiting() if io is None else io
        self._pool = Pool(config, self._io)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the configuration from the environment. Raises ConfigError."""
        return cls(Config.from_env(environ))

    async def __aenter__(self) -> Self:
        """Open the pool."""
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the pool."""
        await self.close()

    async def open(self) -> None:
        """Connect, and raise UnavailableError with the reason if that cannot be done.

        Optional: the first call opens the pool as well, and so does the first after a fork.
        """
        await self._pool.open()

    async def close(self) -> None:
        """Close the pool for good."""
        await self._pool.close()

    async def run(self, query: Any, params: tuple[Any, ...]) -> Any:
        """Run one bound query in a transaction of its own: one round trip.

        A read is run again if the connection was lost. A write is not, unless the server says
        that it was undone: OutcomeUnknownError tells that its answer was lost.
        """
        retry = None
        while True:
            connection = self._pool.take(query.label) or await self._pool.acquire(query.label)
            try:
                return await execution.run(self._io, connection, query, params, [])
            except psycopg.Error as error:
                retry = retry or Retry(PATIENCE)
                pause, final = self._judge(error, query, connection, retry)
                if failures.is_misfit(error):
                    await self._io.call(connection.close)
            finally:
                if not self._pool.keep(connection):
                    await self._pool.put(connection)
            if final is not None:
                raise final
            await self._io.sleep(pause)

    async def stream(self, query: Any, params: tuple[Any, ...]) -> AsyncGenerator[Any, None]:
        """Yield the rows of a bound query, inside a transaction that lasts as long."""
        async with (
            self.transaction(read_only=True) as tx,
            aclosing(tx.stream(query, params)) as rows,
        ):
            async for row in rows:
                yield row

    async def offload(self, function: Callable[..., T], /, *args: Any) -> T:
        """Run a long computation: in a thread beside an event loop, in place without one."""
        return await self._io.offload(function, *args)

    def transaction(
        self, *, isolation: Isolation | None = None, read_only: bool = False
    ) -> AsyncTransaction:
        """Return a transaction to enter; it commits at the end of its block or rolls back."""
        return AsyncTransaction(self._pool, self._io, begin(isolation, read_only=read_only))

    async def transact(
        self,
        work: Callable[[AsyncTransaction], Coroutine[Any, Any, T]],
        *,
        isolation: Isolation | None = None,
        read_only: bool = False,
    ) -> T:
        """Run *work* in a transaction, again from its start if the server undid it for certain.

        That is after a serialization failure, a deadlock, or a connection lost before COMMIT, at
        most 5 times within 5 seconds. *work* must have no effects of its own. A COMMIT whose
        answer is lost is never repeated: OutcomeUnknownError.
        """
        retry = Retry(PATIENCE)
        while True:
            try:
                async with self.transaction(isolation=isolation, read_only=read_only) as tx:
                    return await work(tx)
            except PoolTimeoutError:
                raise
            except (UnavailableError, psycopg.Error) as error:
                pause = retry.next_pause(error) if failures.may_transact_again(error) else None
                if pause is None:
                    raise
            await self._io.sleep(pause)

    def stats(self) -> PoolStats:
        """Return what the pool is doing now."""
        return self._pool.stats()

    def _judge(
        self, error: psycopg.Error, query: Any, connection: Any, retry: Retry
    ) -> tuple[float, Exception | None]:
        """Return the pause before another attempt, or the error to raise."""
        lost = failures.is_lost(error, connection)
        if lost and not query.is_read:
            return 0.0, failures.outcome_unknown(query.label)
        again = lost or failures.is_misfit(error) or failures.was_undone(error)
        pause = retry.next_pause(error) if again and not query.is_copy else None
        if pause is not None:
            return pause, None
        if lost:
            return 0.0, failures.unavailable(query.label)
        return 0.0, failures.scrubbed(error, query.label, query.place_at)


class Database(Executor):
    """A database reached through a pool. One for each process, shared by its threads."""

    def __init__(self, config: Config) -> None:
        self._inner = AsyncDatabase(config, Blocking())

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the configuration from the environment. Raises ConfigError."""
        return cls(Config.from_env(environ))

    def __enter__(self) -> Self:
        """Open the pool."""
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the pool."""
        self.close()

    def open(self) -> None:
        """Connect, and raise UnavailableError with the reason if that cannot be done.

        Optional: the first call opens the pool as well, and so does the first after a fork.
        """
        drive(self._inner.open())

    def close(self) -> None:
        """Close the pool for good."""
        drive(self._inner.close())

    def run(self, query: Any, params: tuple[Any, ...]) -> Any:
        """Run one bound query; see AsyncDatabase.run."""
        return drive(self._inner.run(query, params))

    def stream(self, query: Any, params: tuple[Any, ...]) -> Generator[Any, None, None]:
        """Yield the rows of a bound query, inside a transaction that lasts as long."""
        return driven(self._inner.stream(query, params))

    def operate(self, work: Callable[[AsyncExecutor], Coroutine[Any, Any, T]]) -> T:
        """Run an operation to its end."""
        return drive(work(self._inner))

    def transaction(
        self, *, isolation: Isolation | None = None, read_only: bool = False
    ) -> Transaction:
        """Return a transaction to enter; it commits at the end of its block or rolls back."""
        return Transaction(self._inner.transaction(isolation=isolation, read_only=read_only))

    def transact(
        self,
        work: Callable[[Transaction], T],
        *,
        isolation: Isolation | None = None,
        read_only: bool = False,
    ) -> T:
        """Run *work* in a transaction, again if it was undone; see AsyncDatabase.transact."""

        async def in_place(tx: AsyncTransaction) -> T:
            return work(Transaction(tx))

        return drive(self._inner.transact(in_place, isolation=isolation, read_only=read_only))

    def stats(self) -> PoolStats:
        """Return what the pool is doing now."""
        return self._inner.stats()
