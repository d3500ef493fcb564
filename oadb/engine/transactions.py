"""Transactions: commit or roll back, never in silence; nested ones are savepoints.

BEGIN and SAVEPOINT travel with the first statement that follows them, so that k statements cost
k + 1 round trips, and a transaction without a statement costs none.
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

# One name for all: PostgreSQL lets a savepoint hide an earlier one of its name.
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
    unfit: bool = False

    @property
    def failed(self) -> bool:
        return bool(self.connection.pgconn.transaction_status == TransactionStatus.INERROR)

    def require_ours(self) -> None:
        """Refuse to speak on a connection that belongs to the process we were forked from."""
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
        self._returned: Callable[[], Any] = lambda: None

    async def __aenter__(self) -> Self:
        """Take a connection; nothing is sent yet."""
        if self._outer is None:
            label = "a transaction"
            connection = self._pool.take(label) or await self._pool.acquire(label)
            self._session = _Session(self._pool, connection, copy(self._pool.vault))
            self._returned = self._pool.leases.watch(self, connection, callers())
        self._open.prelude.extend(self._begin)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Commit, or roll back if the block raised or swallowed a database error."""
        session = self._open
        try:
            session.require_ours()
            await self._end(session, failed=error is not None)
        finally:
            if self._outer is None:
                await self._give_back(session)

    async def run(self, query: Any, params: tuple[Any, ...]) -> Any:
        """Run a bound query in this transaction."""
        session = self._open
        session.require_ours()
        try:
            return await execution.run(
                self._driver, session.connection, query, params, session.prelude
            )
        except psycopg.Error as error:
            failure = self._explained(session, error, query.label, query.place_at)
        # Here and not above: there the server's own report, with row data, would be its context.
        raise failure

    async def stream(self, query: Any, params: tuple[Any, ...]) -> AsyncGenerator[Any, None]:
        """Yield the rows of a bound query through a server-side cursor."""
        session = self._open
        session.require_ours()
        try:
            await execution.control(self._driver, session.connection, session.prelude)
            # Closed with us, not later by the event loop: the connection would be another's then.
            async with aclosing(
                execution.stream(self._driver, session.connection, query, params)
            ) as rows:
                async for row in rows:
                    yield row
        except psycopg.Error as error:
            failure = self._explained(session, error, query.label, query.place_at)
        else:
            return
        raise failure

    @property
    def vault(self) -> Vault:
        """The key ring of the Database; what proves it here may be undone with this."""
        return self._open.vault

    async def offload(self, function: Callable[..., T], /, *args: Any) -> T:
        """Run a long computation; the transaction stays open meanwhile."""
        return await self._driver.offload(function, *args)

    def transaction(self) -> "AsyncTransaction":
        """Return a nested transaction, which may fail without this one."""
        return AsyncTransaction(self._pool, self._driver, [_SAVEPOINT], self._open)

    @property
    def _open(self) -> _Session:
        if self._session is None:
            raise TransactionError("enter the transaction first: with db.transaction() as tx")
        return self._session

    async def _end(self, session: _Session, *, failed: bool) -> None:
        swallowed = session.failed and not failed
        if session.prelude and session.prelude[-1] is self._begin[-1]:
            # Nothing ran in this block, so nothing was begun either.
            del session.prelude[-len(self._begin) :]
        elif failed or swallowed:
            await self._undo(session)
        else:
            await self._commit(session)
        if swallowed:
            raise TransactionError(
                "a statement of this transaction failed and its error was swallowed; "
                "the transaction was rolled back. Put what may fail in a nested tx.transaction()"
            )

    async def _commit(self, session: _Session) -> None:
        try:
            if self._outer is None:
                await self._driver.call(session.connection.commit)
            else:
                await execution.control(self._driver, session.connection, [_RELEASE])
        except psycopg.Error as error:
            lost = failures.is_lost(error, session.connection) and self._outer is None
            unknown = failures.outcome_unknown("commit")
            failure = unknown if lost else self._explained(session, error, "commit")
        else:
            return
        raise failure

    async def _undo(self, session: _Session) -> None:
        try:
            if self._outer is None:
                await self._driver.call(session.connection.rollback)
            else:
                await execution.control(self._driver, session.connection, [_ROLLBACK_TO, _RELEASE])
                session.vault = copy(session.pool.vault)  # what proved it may be undone
        except psycopg.Error:
            # The connection is gone, and the server has rolled back with it.
            session.unfit = True

    async def _give_back(self, session: _Session) -> None:
        self._returned()
        self._session = None
        if session.connection not in session.pool.leases:
            return
        if session.unfit:
            await self._driver.call(session.connection.close)
        await self._pool.release(session.connection)

    def _explained(
        self,
        session: _Session,
        error: psycopg.Error,
        label: str,
        place_at: failures.PlaceAt | None = None,
    ) -> Exception:
        session.unfit |= failures.is_misfit(error)
        if failures.is_lost(error, session.connection):
            return failures.unavailable(label)
        return failures.scrubbed(error, label, place_at)


class Transaction(Executor):
    """A transaction in progress; ``with db.transaction() as tx``."""

    def __init__(self, inner: AsyncTransaction) -> None:
        self._inner = inner

    def __enter__(self) -> Self:
        """Take a connection; nothing is sent yet."""
        drive(self._inner.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Commit, or roll back if the block raised or swallowed a database error."""
        drive(self._inner.__aexit__(kind, error, trace))

    def run(self, query: Any, params: tuple[Any, ...]) -> Any:
        """Run a bound query in this transaction."""
        return drive(self._inner.run(query, params))

    def stream(self, query: Any, params: tuple[Any, ...]) -> Generator[Any, None, None]:
        """Yield the rows of a bound query through a server-side cursor."""
        return driven(self._inner.stream(query, params))

    def operate(self, work: Callable[[AsyncExecutor], Coroutine[Any, Any, T]]) -> T:
        """Run an operation to its end."""
        return drive(work(self._inner))

    def transaction(self) -> "Transaction":
        """Return a nested transaction, which may fail without this one."""
        return Transaction(self._inner.transaction())


def refuse_transaction(db: AsyncExecutor, label: str) -> None:
    """Raise TransactionError if *db* is a transaction; *label* names who asks.

    For what must stay done whatever the caller does next.
    """
    if isinstance(db, AsyncTransaction):
        raise TransactionError(
            f"{label}: not in a transaction, whose rollback would undo what must stay done; "
            "call it with the Database"
        )


def begin(isolation: Isolation | None, *, read_only: bool) -> SetupStatement:
    """Return the BEGIN for these properties; the server's defaults where none is given."""
    words = ["begin"]
    if isolation is not None:
        words.append(f"isolation level {isolation}")
    if read_only:
        words.append("read only")
    return SetupStatement(" ".join(words).encode())


def driven(rows: AsyncGenerator[T, None]) -> Generator[T, None, None]:
    """Iterate in place over rows that never suspend."""
    try:
        while True:
            try:
                yield drive(rows.__anext__())
            except StopAsyncIteration:
                return
    finally:
        drive(rows.aclose())
