"""Executors over a pool: each call leases a connection and returns it.

With an identity, every statement runs as one user: a setup statement is sent before it, in the same
pipeline and the same transaction, and row-level security does the rest.
"""

import math
from collections.abc import AsyncGenerator, Callable, Coroutine, Hashable
from datetime import timedelta
from time import monotonic
from typing import Any, TypeVar, cast

import psycopg

from oadb.engine import execution, failures
from oadb.engine.acting import in_block, needs_block
from oadb.engine.binding.guards import Isolation
from oadb.engine.deadlines import expected, positive, seconds_of
from oadb.engine.driver import Driver
from oadb.engine.executors import AsyncExecutor
from oadb.engine.failures import Retry
from oadb.engine.observed_calls import failed, measured
from oadb.engine.observed_transactions import ObservedTransaction
from oadb.engine.pool.connection_pool import PATIENCE, Pool
from oadb.engine.pool.holders import TRANSACTION
from oadb.engine.pool.leases import UNCONFIRMED
from oadb.engine.pool.note_writer import Note
from oadb.engine.reads.followed_writes import FollowedWrite
from oadb.engine.transaction_session import begin
from oadb.engine.transactions import AsyncTransaction
from oadb.engine.wire import SetupStatement
from oadb.errors import PoolTimeoutError, TransactionError, UnavailableError
from oadb.security.vault import Vault

T = TypeVar("T")

_FOREVER = math.inf


class AsyncPoolExecutor(AsyncExecutor):
    """Runs queries on the connections of a pool, for asyncio."""

    def __init__(
        self,
        pool: Pool,
        driver: Driver,
        identity: tuple[SetupStatement, ...] = (),
        seconds: float | None = None,
        *,
        is_outside: bool = False,
    ) -> None:
        self._pool = pool
        self._teller = pool.teller
        self._driver = driver
        self._identity = identity
        self._seconds = seconds
        self._is_outside = is_outside

    @property
    def vault(self) -> Vault:
        """The key ring of the Database."""
        return self._pool.vault

    def _run(self, query: Any, params: tuple[Any, ...]) -> Coroutine[Any, Any, Any]:
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
        if query.special is not None and (query.is_judged or self._copies_after(query)):
            return self._run_in_transaction(query, params)
        if self._identity:
            return self._run_with_identity(query, params)
        run = self._attempt if self._pool.commits is None else self._attempt_followed
        return run(query, params)

    def _attempt_followed(self, query: Any, params: tuple[Any, ...]) -> Coroutine[Any, Any, Any]:
        """Run a query; of a write, note where its commit is, if anybody asks."""
        if (commits := self._pool.commits) is not None and not query.is_read:
            return self._attempt(FollowedWrite(query, params, commits), ())
        return self._attempt(query, params)

    async def _run_with_identity(self, query: Any, params: tuple[Any, ...]) -> Any:
        """Run a query as a user: in one round trip, or on Citus in a transaction block."""
        if not self._pool.needs_blocks:
            try:
                return await self._attempt_followed(query, params)
            except psycopg.Error as error:
                if not needs_block(error):
                    raise
            self._pool.needs_blocks = True
        isolation = query.guards.isolation
        return await self.transact(lambda tx: tx._run(query, params), isolation=isolation)

    async def _attempt(self, query: Any, params: tuple[Any, ...]) -> Any:  # noqa: C901, PLR0912  # calls cost
        """Lease a connection and run a query on it, as often as is needed."""
        pool, driver, label, retry = self._pool, self._driver, query.label, None
        if pool.holders.table and not self._is_outside:
            pool.holders.check(label)
        limit = _FOREVER if self._seconds is None else expected(self._seconds)
        seconds = UNCONFIRMED if query.is_copy else pool.lease_seconds
        teller, started, done = self._teller, 0.0, cast("Any", None)
        try:
            while True:
                connection = pool.take(label, limit, seconds)
                if connection is None:
                    started = started or monotonic()
                    connection = await pool.acquire(label, limit, seconds)
                try:
                    if seconds is UNCONFIRMED:
                        pool.leases.begin(connection, label, limit)
                    prelude = [*connection.state.limits, *self._identity]
                    answer = execution.begin_parsed(connection, query, params, prelude)
                    if answer is None:
                        return await execution.run(driver, connection, query, params, prelude)
                    results = await answer if driver.awaits else answer
                    return execution.end_parsed(connection, query, results, params)
                except psycopg.Error as error:
                    retry = retry or Retry(PATIENCE, pool.may_retry)
                    pause, final = failures.retry_or_fail(error, query, connection, retry)
                    connection.state.is_spoiled |= failures.is_unusable(error, connection)
                finally:
                    if teller is not None:
                        done = measured(query, connection, pool.leases, started, done)
                    pool.release(connection)
                if final is not None:
                    raise final  # noqa: TRY301  # not in the except clause: it has row data
                await driver.sleep(pause)
        except BaseException as error:
            if teller is not None:
                done = failed(query, started, done, error)
            raise
        finally:
            if teller is not None:
                teller.statement(done)

    def _copies_after(self, query: Any) -> bool:
        """Say whether a query is a COPY, which no pipeline takes, and comes after something."""
        return bool(query.is_copy and (self._identity or self._pool.begins_with_limits))

    async def _run_in_transaction(self, query: Any, params: tuple[Any, ...]) -> Any:
        if query.is_judged:
            # Its COMMIT waits for what the client says to its number of rows.
            isolation = query.guards.isolation
            return await self.transact(lambda tx: tx._run(query, params), isolation=isolation)
        async with self.transaction() as tx:  # a COPY cannot be sent in a pipeline
            return await tx._run(query, params)

    async def _stream(self, query: Any, params: tuple[Any, ...]) -> AsyncGenerator[Any, None]:
        """Yield the rows of a bound query, in a transaction that lasts as long as the iteration.

        Raises:
            ParameterError: a value that cannot be sent.
            UnavailableError: the database did not answer, or the connection was lost on the way.
            psycopg.Error: what the server reports, without row data.
        """
        isolation = query.guards.isolation
        label = f"the stream {query.label}"
        async with self._begun(label, begin(isolation, read_only=True), self._seconds) as tx:
            rows = await tx._open_stream(query, params)
            try:
                while batch := await rows.read():
                    for row in batch:
                        yield row
            finally:
                await rows.close()

    def within(self, seconds: float) -> "AsyncPoolExecutor":
        """Return an executor whose calls, and transactions as a whole, end within *seconds*.

        That includes waiting for a connection. At the deadline the connection is closed, whatever
        the server does, and the call raises UnavailableError if nothing was changed, and
        OutcomeUnknownError if a write had been sent.

        Args:
            seconds: more than 0; DB_CALL_DEADLINE stays in force.

        Raises:
            ParameterError: not a number above 0.
        """
        return AsyncPoolExecutor(
            self._pool,
            self._driver,
            self._identity,
            positive(seconds),
            is_outside=self._is_outside,
        )

    def outside(self) -> "AsyncPoolExecutor":
        """Return an executor whose calls are meant to run outside of the caller's transaction.

        Such as an audit log that stays when the transaction is rolled back. A task that holds a
        transaction and calls it needs a second connection: with DB_POOL_SIZE + DB_MAX_OVERFLOW of
        such tasks at a time, all of them wait until DB_POOL_TIMEOUT.
        """
        return AsyncPoolExecutor(
            self._pool, self._driver, self._identity, self._seconds, is_outside=True
        )

    def hint(self, channel: str) -> None:
        """Have who listens to *channel* told soon that something has changed."""
        self._pool.hints.send([channel])

    def note(self, query: Any, values: tuple[Any, ...], *, key: Hashable) -> None:
        """Have a call of *query* run soon, apart from the caller; see AsyncExecutor."""
        self._pool.notes.put(Note(query, values, key, self._identity))

    def allow(self, limit: timedelta) -> None:
        """Refuse: only the statements of a transaction may be allowed more time."""
        raise TransactionError(f"allow({limit}): begin a transaction first: db.transaction()")

    async def offload(self, function: Callable[..., T], /, *args: Any) -> T:
        """Run a long computation: in a thread if there is an event loop, else in place."""
        return await self._driver.offload(function, *args)

    def transaction(
        self,
        *,
        isolation: Isolation | None = None,
        read_only: bool = False,
        deadline: timedelta | None = None,
    ) -> AsyncTransaction:
        """Return a transaction to enter; it commits at the end of its block, or rolls back.

        Args:
            isolation: by default the server's.
            deadline: how long it may take as a whole; see ``within``. None: as long as each
                statement ends within DB_CALL_DEADLINE.

        Raises:
            ParameterError: a *deadline* that is not above 0.
        """
        first = begin(isolation, read_only=read_only)
        limit = self._seconds if deadline is None else seconds_of("transaction", deadline)
        return self._begun(TRANSACTION, first, limit)

    def _begun(self, label: str, first: SetupStatement, seconds: float | None) -> AsyncTransaction:
        """Return a transaction to enter, which messages call *label*."""
        if self._pool.holders.table and not self._is_outside:
            self._pool.holders.check(label)
        setup = [first, *in_block(self._identity)] if self._identity else [first]
        given = (self._pool, self._driver, setup, None, seconds, label)
        if self._teller is not None:
            return ObservedTransaction(self._teller, None, *given)
        return AsyncTransaction(*given)

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
        retry, retries = Retry(PATIENCE, self._pool.may_retry), 0
        while True:
            tx = self.transaction(isolation=isolation, read_only=read_only)
            tx.retries = retries
            try:
                async with tx:
                    return await work(tx)
            except PoolTimeoutError:
                raise
            except (UnavailableError, psycopg.Error) as error:
                seeks = self._pool.seeks_primary
                again = failures.may_transact_again(error, seeks_primary=seeks)
                pause = retry.next_pause(error) if again and not tx.was_overdue else None
                if pause is None:
                    raise
            retries += 1
            await self._driver.sleep(pause)

    _operate_in_transaction = transact
