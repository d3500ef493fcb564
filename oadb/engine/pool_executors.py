"""Executors over a pool: each call leases a connection and returns it.

With an identity, every statement runs as one user: a setup statement is sent before it, in the same
pipeline and the same transaction, and row-level security does the rest.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import aclosing
from typing import Any, TypeVar

import psycopg

from oadb.engine import execution, failures
from oadb.engine.driver import Driver, drive
from oadb.engine.executors import AsyncExecutor, Executor
from oadb.engine.failures import Retry
from oadb.engine.pool.connection_pool import PATIENCE, Pool
from oadb.engine.transactions import AsyncTransaction, Isolation, Transaction, begin, driven
from oadb.engine.wire import SetupStatement
from oadb.errors import PoolTimeoutError, UnavailableError
from oadb.security.vault import Vault

T = TypeVar("T")


class AsyncPoolExecutor(AsyncExecutor):
    """Runs queries on the connections of a pool, for asyncio."""

    def __init__(
        self, pool: Pool, driver: Driver, identity: tuple[SetupStatement, ...] = ()
    ) -> None:
        self._pool = pool
        self._driver = driver
        self._identity = identity

    @property
    def vault(self) -> Vault:
        """The key ring of the Database."""
        return self._pool.vault

    async def _run(self, query: Any, params: tuple[Any, ...]) -> Any:
        """Run one bound query in a transaction of its own, in one round trip.

        A read is run again if the connection was lost, a write only if the server rolled it back:
        at most 5 times within 5 seconds.

        Raises:
            ParameterError: a value that cannot be sent; nothing was sent.
            NoRowError, TooManyRowsError: another number of rows than its declaration promises.
            PoolTimeoutError: no connection became free in time, or too many callers wait for one.
            UnavailableError: the database did not answer; nothing was changed.
            OutcomeUnknownError: a write was sent and its answer was lost; it may have happened.
            psycopg.Error: what the server reports, without row data.
        """
        if query.is_copy and self._identity:
            async with self.transaction() as tx:  # a COPY cannot be sent in a pipeline
                return await tx._run(query, params)
        retry = None
        while True:
            connection = self._pool.take(query.label) or await self._pool.acquire(query.label)
            try:
                return await execution.run(
                    self._driver, connection, query, params, [*self._identity]
                )
            except psycopg.Error as error:
                retry = retry or Retry(PATIENCE)
                pause, final = self._retry_or_fail(error, query, connection, retry)
                if failures.needs_new_session(error):
                    await self._driver.call(connection.close)
            finally:
                if not self._pool.keep(connection):
                    await self._pool.put(connection)
            if final is not None:
                raise final
            await self._driver.sleep(pause)

    async def _stream(self, query: Any, params: tuple[Any, ...]) -> AsyncGenerator[Any, None]:
        """Yield the rows of a bound query, in a transaction that lasts as long as the iteration.

        Raises:
            ParameterError: a value that cannot be sent.
            UnavailableError: the database did not answer, or the connection was lost on the way.
            psycopg.Error: what the server reports, without row data.
        """
        async with (
            self.transaction(read_only=True) as tx,
            aclosing(tx._stream(query, params)) as rows,
        ):
            async for row in rows:
                yield row

    async def offload(self, function: Callable[..., T], /, *args: Any) -> T:
        """Run a long computation: in a thread if there is an event loop, else in place."""
        return await self._driver.offload(function, *args)

    def transaction(
        self, *, isolation: Isolation | None = None, read_only: bool = False
    ) -> AsyncTransaction:
        """Return a transaction to enter; it commits at the end of its block, or rolls back.

        Args:
            isolation: by default the server's.
        """
        first = begin(isolation, read_only=read_only)
        return AsyncTransaction(self._pool, self._driver, [first, *self._identity])

    async def transact(
        self,
        work: Callable[[AsyncTransaction], Coroutine[Any, Any, T]],
        *,
        isolation: Isolation | None = None,
        read_only: bool = False,
    ) -> T:
        """Run *work* in a transaction, and again from its start if the server rolled it back.

        It does so after a serialization failure, a deadlock, or a connection lost before COMMIT, at
        most 5 times within 5 seconds.

        Args:
            work: must have no effects outside of the transaction.
            isolation: by default the server's.

        Returns:
            What *work* returned when its transaction was committed.

        Raises:
            PoolTimeoutError: no connection became free in time, or too many callers wait for one.
            UnavailableError: the database did not answer; nothing was changed.
            OutcomeUnknownError: the answer to COMMIT was lost; it may have happened.
            TransactionError: *work* swallowed an error of a statement; rolled back.
            psycopg.Error: what the server reports, without row data; rolled back.
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
            await self._driver.sleep(pause)

    def _retry_or_fail(
        self, error: psycopg.Error, query: Any, connection: Any, retry: Retry
    ) -> tuple[float, Exception | None]:
        """Return the pause before another attempt, or the error to raise."""
        lost = failures.is_lost(error, connection)
        if lost and not query.is_repeatable:
            return 0.0, failures.outcome_unknown(query.label)
        again = lost or failures.needs_new_session(error) or failures.was_rolled_back(error)
        pause = retry.next_pause(error) if again and not query.is_copy else None
        if pause is not None:
            return pause, None
        if lost:
            return 0.0, failures.unavailable(query.label)
        return 0.0, failures.scrubbed(error, query.label, query.place_at)


class PoolExecutor(Executor):
    """Runs queries on the connections of a pool."""

    def __init__(self, inner: AsyncPoolExecutor) -> None:
        self._executor = inner

    def _run(self, query: Any, params: tuple[Any, ...]) -> Any:
        """Run one bound query; see AsyncPoolExecutor._run."""
        return drive(self._executor._run(query, params))

    def _stream(self, query: Any, params: tuple[Any, ...]) -> Generator[Any, None, None]:
        """Yield the rows of a bound query; see AsyncPoolExecutor._stream."""
        return driven(self._executor._stream(query, params))

    def _operate(self, work: Callable[[AsyncExecutor], Coroutine[Any, Any, T]]) -> T:
        """Run an operation to its end."""
        return drive(work(self._executor))

    def transaction(
        self, *, isolation: Isolation | None = None, read_only: bool = False
    ) -> Transaction:
        """Return a transaction to enter; it commits at the end of its block, or rolls back.

        Args:
            isolation: by default the server's.
        """
        return Transaction(self._executor.transaction(isolation=isolation, read_only=read_only))

    def transact(
        self,
        work: Callable[[Transaction], T],
        *,
        isolation: Isolation | None = None,
        read_only: bool = False,
    ) -> T:
        """Run *work* in a transaction, and again from its start if the server rolled it back.

        Args:
            work: must have no effects outside of the transaction.
            isolation: by default the server's.

        Returns:
            What *work* returned when its transaction was committed.

        Raises:
            PoolTimeoutError: no connection became free in time, or too many callers wait for one.
            UnavailableError: the database did not answer; nothing was changed.
            OutcomeUnknownError: the answer to COMMIT was lost; it may have happened.
            TransactionError: *work* swallowed an error of a statement; rolled back.
            psycopg.Error: what the server reports, without row data; rolled back.
        """

        async def in_place(tx: AsyncTransaction) -> T:
            return work(Transaction(tx))

        return drive(self._executor.transact(in_place, isolation=isolation, read_only=read_only))
