"""Transactions commit or roll back, never silently; nested ones are savepoints.

BEGIN and SAVEPOINT are sent together with the first statement that follows them, so that k
statements cost k + 1 round trips, and a transaction without a statement costs none.
"""

import math
from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from oadb.engine import execution, failures, transaction_ends
from oadb.engine.batches import BatchedCalls
from oadb.engine.combined_calls import CombinedCalls
from oadb.engine.deadlines import expected
from oadb.engine.driver import Driver
from oadb.engine.executors import AsyncExecutor
from oadb.engine.pool.callers import callers
from oadb.engine.pool.connection_pool import Pool
from oadb.engine.pool.holders import TRANSACTION, Hold
from oadb.engine.pool.interruptions import finish_interrupted
from oadb.engine.pool.leases import UNCONFIRMED
from oadb.engine.pool.note_writer import Note
from oadb.engine.row_stream import RowSource, RowStream
from oadb.engine.transaction_session import (
    SAVEPOINT,
    TransactionSession,
)
from oadb.engine.wire import SetupStatement
from oadb.errors import NoRowError, ParameterError, TooManyRowsError, TransactionError
from oadb.security.vault import Vault

T = TypeVar("T")

_IDLE = TransactionStatus.IDLE


class AsyncTransaction(AsyncExecutor):
    """A transaction in progress; ``async with db.transaction() as tx``."""

    is_transaction = True
    was_overdue = False
    # Attempts at its work before this one.
    retries = 0

    def __init__(
        self,
        pool: Pool,
        driver: Driver,
        begin: list[SetupStatement],
        outer: TransactionSession | None = None,
        seconds: float | None = None,
        label: str = TRANSACTION,
    ) -> None:
        self._pool, self._driver = pool, driver
        self._begin = begin
        self._seconds = seconds
        self._label = label
        self._outer = outer
        self._session: TransactionSession | None = outer
        self._hold: Hold | None = None

    async def __aenter__(self) -> Self:
        """Lease a connection; nothing is sent yet.

        Raises:
            UnavailableError: no connection can be made, or became free (PoolTimeoutError).
        """
        if self._outer is None:
            pool, label, begin = self._pool, self._label, self._begin
            limit = math.inf if self._seconds is None else expected(self._seconds)
            connection = pool.take(label, limit, UNCONFIRMED)
            if connection is None:
                connection = await pool.acquire(label, limit, UNCONFIRMED)
            isolation, identity = getattr(begin[0], "isolation", None), (*begin[1:],)
            if connection.state.limits:
                begin[1:1] = connection.state.limits
            self._session = TransactionSession(pool, connection, [*begin], isolation, identity)
            self._hold = pool.leases.hold(self, connection, label, limit, callers())
        else:
            if self._outer.deferred is not None:
                await self._send_deferred(self._outer)
            self._open.prelude.extend(self._begin)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Commit, or roll back if the block raised or swallowed an error of a statement.

        Raises:
            TransactionError: the block swallowed an error of a statement; rolled back.
            OutcomeUnknownError: the answer to COMMIT was lost; it may have happened.
            psycopg.Error: what the server reports, such as a violated deferred constraint.
        """
        session = self._session or self._open
        try:
            if self._outer is None and session.may_commit(error):
                session.is_ending = True
                await self._commit(session)
            elif not session.is_over(error):
                session.is_ending |= self._outer is None
                await self._end(session, failed=error is not None)
        finally:
            if self._outer is None:
                self._release(session)
        if self._outer is None and error is None and session.hints:
            session.pool.hints.send(session.hints)

    async def _run(self, query: Any, params: tuple[Any, ...]) -> Any:
        """Run a bound query in this transaction.

        Raises:
            ParameterError: a value that cannot be sent; the transaction can go on.
            NoRowError, TooManyRowsError: another number of rows than its declaration promises.
            UnavailableError: the connection was lost; nothing was changed.
            TransactionError: it was not entered, has ended, or belongs to the parent process.
            psycopg.Error: what the server reports, without row data.
        """
        session = self._session or self._open
        session.require_leased()
        if query.guards.isolation is not None:
            session.require_isolation(query)
        if session.pool.commits is not None and not query.is_read:
            session.has_written = True
        driver, connection, prelude = self._driver, session.connection, session.prelude
        if connection.state.interruption is not None:
            await self._resume(session)
        if session.deferred is not None:
            await self._send_deferred(session)
        try:
            exchange = connection.exchange
            answer = execution.begin_parsed(connection, query, params, prelude, exchange)
            if answer is None:
                return await execution.run(driver, connection, query, params, prelude)
            results = await answer if driver.awaits else answer
            return execution.end_parsed(connection, query, results, params)
        except (NoRowError, TooManyRowsError):
            session.is_refused |= query.is_judged
            raise
        except psycopg.Error as error:
            failure = session.failure_of(error, query.label, query.place_at)
        # Not in the except clause: the server's report, with row data, would become the context.
        raise failure

    async def _stream(self, query: Any, params: tuple[Any, ...]) -> AsyncGenerator[Any, None]:
        """Yield the rows of a bound query through a server-side cursor. Errors are those of run."""
        rows = await self._open_stream(query, params)
        try:
            while batch := await rows.read():
                for row in batch:
                    yield row
        finally:
            await rows.close()

    async def _open_stream(self, query: Any, params: tuple[Any, ...]) -> RowSource:
        session = self._open
        session.require_leased()
        await self._resume(session)
        await self._send_deferred(session)

        def failure_of(error: psycopg.Error) -> Exception:
            return session.failure_of(error, query.label, query.place_at)

        source = execution.source(self._driver, session.connection, query, params)
        rows = RowStream(source, failure_of)
        try:
            await rows.guarded(execution.set_up(self._driver, session.connection, session.prelude))
            await rows.open()
        except BaseException:
            await rows.close()
            raise
        return rows

    @property
    def _deferred(self) -> BatchedCalls | None:
        return self._open.defer()

    async def _send_deferred(self, session: TransactionSession) -> None:
        """Send the calls that were to wait for the end: another statement comes before it."""
        if (calls := session.take_deferred()) is not None:
            await self._run(calls, ())

    @property
    def vault(self) -> Vault:
        """The key ring of the Database; a proof of it in this transaction can be rolled back."""
        return self._open.vault

    def hint(self, channel: str) -> None:
        """Have who listens to *channel* told when this is committed; see AsyncExecutor."""
        self._open.hints.add(channel)

    def note(self, query: Any, values: tuple[Any, ...], *, key: Hashable) -> None:
        """Have a call of *query* run soon, outside of this transaction; see AsyncExecutor."""
        self._pool.notes.put(Note(query, values, key, self._open.identity))

    def allow(self, limit: timedelta) -> None:
        """Wait up to *limit* for each statement of this transaction; see AsyncExecutor."""
        state = self._open.connection.state
        state.patience = max(state.patience, limit.total_seconds())

    async def offload(self, function: Callable[..., T], /, *args: Any) -> T:
        """Run a long computation; the transaction stays open meanwhile."""
        return await self._driver.offload(function, *args)

    def transaction(self) -> "AsyncTransaction":
        """Return a nested transaction, which can roll back without this one."""
        return AsyncTransaction(self._pool, self._driver, [SAVEPOINT], self._open)

    @property
    def _open(self) -> TransactionSession:
        if self._session is None:
            raise TransactionError("enter the transaction first: with db.transaction() as tx")
        return self._session

    async def _resume(self, session: TransactionSession) -> None:
        """Receive the rest of a statement that was interrupted, and is cancelled now."""
        with suppress(psycopg.Error):
            await finish_interrupted(self._driver, session.connection)

    async def _end(self, session: TransactionSession, *, failed: bool) -> None:
        if not failed and session.is_interrupted:
            await self._resume(session)
        swallowed = session.failed and not failed
        calls = session.take_deferred()
        if calls is not None and not (failed or swallowed):
            await self._commit_behind(session, calls)
        elif session.prelude and session.prelude[-1] is self._begin[-1]:
            # Nothing ran in this block, so its BEGIN or SAVEPOINT was never sent.
            del session.prelude[-len(self._begin) :]
        elif failed or swallowed:
            await transaction_ends.roll_back(self._driver, session, self._outer)
        else:
            await self._commit(session)
        if swallowed:
            raise TransactionError(
                "a statement of this transaction failed and its error was swallowed; "
                "the transaction was rolled back. Run what may fail in a nested tx.transaction()"
            )

    async def _commit(self, session: TransactionSession) -> None:
        try:
            await transaction_ends.commit(self._driver, session, self._outer)
        except psycopg.Error as error:
            failure = self._failure_at_end(session, error)
        else:
            return
        raise failure

    async def _commit_behind(self, session: TransactionSession, calls: CombinedCalls) -> None:
        ending = transaction_ends.ending_of(session, self._outer)
        try:
            await self._send_at_end(session, calls, ending)
        except ParameterError:  # a value that cannot be sent
            await transaction_ends.roll_back(self._driver, session, self._outer)
            raise
        except psycopg.Error as error:
            was_run = calls.has_failed and not failures.is_lost(error, session.connection)
            if ending is None or was_run:
                failure = session.failure_of(error, calls.label, calls.place_at)
            else:
                failure = self._failure_at_end(session, error)
        else:
            return await self._commit(session) if ending is None else None
        if session.failed:
            await transaction_ends.roll_back(self._driver, session, self._outer)
        raise failure

    async def _send_at_end(
        self, session: TransactionSession, calls: CombinedCalls, ending: SetupStatement | None
    ) -> None:
        await calls.run(self._driver, session.connection, session.due(self._outer), ending)

    def _failure_at_end(self, session: TransactionSession, error: psycopg.Error) -> Exception:
        lost = failures.is_lost(error, session.connection) and self._outer is None
        if lost and session.pool.commits is not None:
            session.pool.commits.doubt()
        if lost and b"read only" not in self._begin[0].sql:
            return failures.outcome_unknown("commit", overdue=session.connection.state.overdue)
        return session.failure_of(error, "commit")

    def _release(self, session: TransactionSession) -> None:
        pool, connection, state = session.pool, session.connection, session.connection.state
        state.patience, self.was_overdue = pool.call_seconds, state.overdue
        state.is_spoiled |= session.must_close
        pool.release(connection)
        self._session = None
        if self._hold is not None:  # last: an interruption before it is a leak, which is noticed
            pool.leases.let_go(self._hold)
            self._hold = None
