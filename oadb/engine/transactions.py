"""Transactions commit or roll back, never silently; nested ones are savepoints.

BEGIN and SAVEPOINT are sent together with the first statement that follows them, so that k
statements cost k + 1 round trips, and a transaction without a statement costs none.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import aclosing
from copy import copy
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from oadb.engine import execution, failures
from oadb.engine.driver import Driver, drive
from oadb.engine.executors import AsyncExecutor, Executor
from oadb.engine.pool.connection_pool import Pool
from oadb.engine.pool.leases import callers
from oadb.engine.wire import SetupStatement
from oadb.errors import TransactionError
from oadb.security.vault import Vault

T = TypeVar("T")

Isolation = Literal["read committed", "repeatable read", "serializable"]

# One name is enough: in PostgreSQL a savepoint hides an earlier one of the same name.
_SAVEPOINT = SetupStatement(b"savepoint oadb")
_RELEASE = SetupStatement(b"release savepoint oadb")
_ROLLBACK_TO = SetupStatement(b"rollback to savepoint oadb")


@dataclass(slots=True)
class _Session:
    """The connection that a transaction and the ones nested in it share."""

    pool: Pool
    connection: Any
    vault: Vault
    prelude: list[SetupStatement] = field(default_factory=list[SetupStatement])
    must_close: bool = False

    @property
    def failed(self) -> bool:
        return bool(self.connection.pgconn.transaction_status == TransactionStatus.INERROR)

    def require_leased(self) -> None:
        """Refuse a connection that was returned, or belongs to the process that forked this one."""
        if self.connection not in self.pool.leases:
            raise TransactionError("this transaction has ended, or belongs to the parent process")


class AsyncTransaction(AsyncExecutor):
    """A transaction in progress; ``async with db.transaction() as tx``."""

    def __init__(
        self,
        pool: Pool,
        driver: Driver,
        begin: list[SetupStatement],
        outer: "_Session | None" = None,
    ) -> None:
        self._pool = pool
        self._driver = driver
        self._begin = begin
        self._outer = outer
        self._session: _Session | None = outer
        self._unwatch: Callable[[], Any] = lambda: None

    async def __aenter__(self) -> Self:
        """Lease a connection; nothing is sent yet.

        Raises:
            UnavailableError: no connection can be made, or became free (PoolTimeoutError).
        """
        if self._outer is None:
            label = "a transaction"
            connection = self._pool.take(label) or await self._pool.acquire(label)
            self._session = _Session(self._pool, connection, copy(self._pool.vault))
            self._unwatch = self._pool.leases.watch(self, connection, callers())
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
        session = self._open
        try:
            session.require_leased()
            await self._end(session, failed=error is not None)
        finally:
            if self._outer is None:
                await self._release(session)

    async def _run(self, query: Any, params: tuple[Any, ...]) -> Any:
        """Run a bound query in this transaction.

        Raises:
            ParameterError: a value that cannot be sent; the transaction can go on.
            NoRowError, TooManyRowsError: another number of rows than its declaration promises.
            UnavailableError: the connection was lost; nothing was changed.
            TransactionError: it was not entered, has ended, or belongs to the parent process.
            psycopg.Error: what the server reports, without row data.
        """
        session = self._open
        session.require_leased()
        try:
            return await execution.run(
                self._driver, session.connection, query, params, session.prelude
            )
        except psycopg.Error as error:
            failure = self._failure_of(session, error, query.label, query.place_at)
        # Not in the except clause: the server's report, with row data, would become the context.
        raise failure

    async def _stream(self, query: Any, params: tuple[Any, ...]) -> AsyncGenerator[Any, None]:
        """Yield the rows of a bound query through a server-side cursor. Errors are those of run."""
        session = self._open
        session.require_leased()
        try:
            await execution.set_up(self._driver, session.connection, session.prelude)
            # Closed here, not later by the event loop, when another caller has the connection.
            async with aclosing(
                execution.stream(self._driver, session.connection, query, params)
            ) as rows:
                async for row in rows:
                    yield row
        except psycopg.Error as error:
            failure = self._failure_of(session, error, query.label, query.place_at)
        else:
            return
        raise failure

    @property
    def vault(self) -> Vault:
        """The key ring of the Database; a proof of it in this transaction can be rolled back."""
        return self._open.vault

    async def offload(self, function: Callable[..., T], /, *args: Any) -> T:
        """Run a long computation; the transaction stays open meanwhile."""
        return await self._driver.offload(function, *args)

    def transaction(self) -> "AsyncTransaction":
        """Return a nested transaction, which can roll back without this one."""
        return AsyncTransaction(self._pool, self._driver, [_SAVEPOINT], self._open)

    @property
    def _open(self) -> _Session:
        if self._session is None:
            raise TransactionError("enter the transaction first: with db.transaction() as tx")
        return self._session

    async def _end(self, session: _Session, *, failed: bool) -> None:
        swallowed = session.failed and not failed
        if session.prelude and session.prelude[-1] is self._begin[-1]:
            # Nothing ran in this block, so its BEGIN or SAVEPOINT was never sent.
            del session.prelude[-len(self._begin) :]
        elif failed or swallowed:
            await self._roll_back(session)
        else:
            await self._commit(session)
        if swallowed:
            raise TransactionError(
                "a statement of this transaction failed and its error was swallowed; "
                "the transaction was rolled back. Run what may fail in a nested tx.transaction()"
            )

    async def _commit(self, session: _Session) -> None:
        try:
            if self._outer is None:
                await self._driver.call(session.connection.commit)
            else:
                await execution.set_up(self._driver, session.connection, [_RELEASE])
        except psycopg.Error as error:
            lost = failures.is_lost(error, session.connection) and self._outer is None
            unknown = failures.outcome_unknown("commit")
            failure = unknown if lost else self._failure_of(session, error, "commit")
        else:
            return
        raise failure

    async def _roll_back(self, session: _Session) -> None:
        try:
            if self._outer is None:
                await self._driver.call(session.connection.rollback)
            else:
                await execution.set_up(self._driver, session.connection, [_ROLLBACK_TO, _RELEASE])
                session.vault = copy(session.pool.vault)  # its proof may be rolled back
        except psycopg.Error:
            # The connection is lost, so the server has rolled back.
            session.must_close = True

    async def _release(self, session: _Session) -> None:
        self._unwatch()
        self._session = None
        if session.connection not in session.pool.leases:
            return
        if session.must_close:
            await self._driver.call(session.connection.close)
        await self._pool.release(session.connection)

    def _failure_of(
        self,
        session: _Session,
        error: psycopg.Error,
        label: str,
        place_at: failures.PlaceAt | None = None,
    ) -> Exception:
        session.must_close |= failures.needs_new_session(error)
        if failures.is_lost(error, session.connection):
            return failures.unavailable(label)
        return failures.scrubbed(error, label, place_at)


class Transaction(Executor):
    """A transaction in progress; ``with db.transaction() as tx``."""

    def __init__(self, inner: AsyncTransaction) -> None:
        self._inner = inner

    def __enter__(self) -> Self:
        """Lease a connection; see AsyncTransaction."""
        drive(self._inner.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Commit, or roll back; see AsyncTransaction."""
        drive(self._inner.__aexit__(kind, error, trace))

    def _run(self, query: Any, params: tuple[Any, ...]) -> Any:
        """Run a bound query in this transaction; see AsyncTransaction._run."""
        return drive(self._inner._run(query, params))

    def _stream(self, query: Any, params: tuple[Any, ...]) -> Generator[Any, None, None]:
        """Yield the rows of a bound query through a server-side cursor."""
        return driven(self._inner._stream(query, params))

    def _operate(self, work: Callable[[AsyncExecutor], Coroutine[Any, Any, T]]) -> T:
        """Run an operation to its end."""
        return drive(work(self._inner))

    def transaction(self) -> "Transaction":
        """Return a nested transaction, which can roll back without this one."""
        return Transaction(self._inner.transaction())


def refuse_transaction(db: AsyncExecutor, label: str) -> None:
    """Refuse a transaction, for the operation *label*, whose effects must not be rolled back.

    Raises:
        TransactionError: *db* is a transaction.
    """
    if isinstance(db, AsyncTransaction):
        raise TransactionError(
            f"{label}: must not run in a transaction, whose rollback would undo it; "
            "call it with the Database"
        )


def begin(isolation: Isolation | None, *, read_only: bool) -> SetupStatement:
    """Return a BEGIN with these properties; without an isolation, with the server's default."""
    words = ["begin"]
    if isolation is not None:
        words.append(f"isolation level {isolation}")
    if read_only:
        words.append("read only")
    return SetupStatement(" ".join(words).encode())


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
