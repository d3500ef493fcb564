"""Transactions that begin with their first statement, and end when their owner says so.

For what has one transaction and may not need it, such as a request to a web service: until a
statement runs, no connection is leased.
"""

import asyncio
import threading
from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine, Hashable
from contextlib import aclosing
from copy import copy
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeVar, overload

from oadb.engine.batches import BatchedCalls
from oadb.engine.blocking import PoolExecutor, Transaction
from oadb.engine.driver import drive
from oadb.engine.executors import AsyncExecutor
from oadb.engine.pool_executors import AsyncPoolExecutor
from oadb.engine.transactions import AsyncTransaction
from oadb.errors import TransactionError
from oadb.security.vault import Vault

T = TypeVar("T")


class _RollBackError(Exception):
    """Given to the end of a transaction that is rolled back without an error of its own."""


class _LateTransaction(AsyncTransaction):
    """Passes all calls to a transaction that is made later."""

    def __init__(self, db: AsyncPoolExecutor) -> None:
        super().__init__(db._pool, db._driver, [])
        self._made: AsyncTransaction | None = None

    @abstractmethod
    async def begun(self) -> AsyncTransaction:
        """Return the transaction that does the work, which has begun."""

    async def _run(self, query: Any, params: tuple[Any, ...]) -> Any:
        """Run a bound query in this transaction, which begins with it; see AsyncTransaction."""
        made = self._made or await self.begun()
        return await made._run(query, params)

    async def _stream(self, query: Any, params: tuple[Any, ...]) -> AsyncGenerator[Any, None]:
        """Yield the rows of a bound query through a server-side cursor; see AsyncTransaction."""
        async with aclosing((await self.begun())._stream(query, params)) as rows:
            async for row in rows:
                yield row

    @property
    def _deferred(self) -> BatchedCalls | None:
        return None if self._made is None else self._made._deferred

    def transaction(self) -> AsyncTransaction:
        """Return a nested transaction, which can roll back without this one."""
        return _LateSavepoint(self) if self._made is None else self._made.transaction()

    async def _operate_in_transaction(
        self, work: Callable[[AsyncExecutor], Coroutine[Any, Any, T]]
    ) -> T:
        """Run *work* in a nested transaction."""
        made = self._made or await self.begun()
        async with made.transaction() as nested:
            return await work(nested)


class AsyncDeferredTransaction(_LateTransaction):
    """A transaction that begins with its first statement; see ``deferred``."""

    def __init__(self, db: AsyncPoolExecutor) -> None:
        super().__init__(db)
        self._db = db
        self._early_vault: Vault | None = None
        self._hints: set[str] = set()
        self._allowed: timedelta | None = None
        self._beginner = asyncio.Lock() if self._driver.awaits else threading.Lock()
        self._is_over = False

    async def __aenter__(self) -> Self:
        """Return itself; nothing is leased or sent yet."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Commit, or roll back if the block raised or swallowed an error of a statement."""
        await self._finish(kind, error, trace)

    @property
    def has_begun(self) -> bool:
        """Whether a statement has run, and the transaction has not ended."""
        return self._made is not None

    async def commit(self) -> None:
        """End it: commit what was done. Without a statement nothing is sent.

        Raises:
            TransactionError: an error of a statement was swallowed; rolled back.
            OutcomeUnknownError: the answer to COMMIT was lost; it may have happened.
            UnavailableError: the connection was lost before; nothing was changed.
            psycopg.Error: what the server reports, such as a violated deferred constraint.
        """
        await self._finish(None, None, None)

    async def roll_back(self) -> None:
        """End it: undo what was done. Without a statement nothing is sent."""
        await self._finish(_RollBackError, _RollBackError(), None)

    async def _finish(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over, made, self._made = True, self._made, None
        if made is not None:
            await made.__aexit__(kind, error, trace)

    async def begun(self) -> AsyncTransaction:
        """Return the transaction that does the work; the first call leases a connection.

        Raises:
            UnavailableError: no connection can be made, or became free (PoolTimeoutError).
            TransactionError: it has ended.
        """
        async with self._driver.entered(self._beginner):  # another task of its owner may begin it
            return self._made or await self._begin_once()

    async def _begin_once(self) -> AsyncTransaction:
        self._require_going_on()
        made = await self._db.transaction().__aenter__()
        if self._is_over:  # ended while this waited for a connection
            await made.__aexit__(_RollBackError, _RollBackError(), None)
            self._require_going_on()
        made._open.hints = self._hints
        made._open._vault = self._early_vault
        if self._allowed is not None:
            made.allow(self._allowed)
        self._made = made
        return made

    def _require_going_on(self) -> None:
        if self._is_over:
            raise TransactionError(
                "this transaction has ended; for what comes afterwards, call with the Database, or "
                "begin another one: db.transaction()"
            )

    @property
    def vault(self) -> Vault:
        """The key ring of the Database; a proof of it in this transaction can be rolled back."""
        if self._made is not None:
            return self._made.vault
        if self._early_vault is None:
            self._early_vault = copy(self._pool.vault)
        return self._early_vault

    def hint(self, channel: str) -> None:
        """Have who listens to *channel* told when this is committed; see AsyncExecutor."""
        self._hints.add(channel)

    def note(self, query: Any, values: tuple[Any, ...], *, key: Hashable) -> None:
        """Have a call of *query* run soon, outside of this transaction; see AsyncExecutor."""
        self._db.note(query, values, key=key)

    def allow(self, limit: timedelta) -> None:
        """Wait up to *limit* for each statement of this transaction; see AsyncExecutor."""
        self._allowed = limit if self._allowed is None else max(self._allowed, limit)
        if self._made is not None:
            self._made.allow(limit)


class _LateSavepoint(_LateTransaction):
    """A transaction within one that is made later, which it begins."""

    def __init__(self, around: _LateTransaction) -> None:
        AsyncTransaction.__init__(self, around._pool, around._driver, [])
        self._around = around
        self._made = None

    async def __aenter__(self) -> Self:
        """Begin the transaction around it, and the savepoint with the next statement."""
        self._made = await (await self._around.begun()).transaction().__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Release the savepoint, or roll back to it."""
        await (await self.begun()).__aexit__(kind, error, trace)

    async def begun(self) -> AsyncTransaction:
        """Return the savepoint that does the work.

        Raises:
            TransactionError: it was not entered.
        """
        return self._entered

    @property
    def _entered(self) -> AsyncTransaction:
        if self._made is None:
            raise TransactionError("enter the transaction first: with tx.transaction() as nested")
        return self._made

    @property
    def vault(self) -> Vault:
        """The key ring of the Database; a proof of it in this transaction can be rolled back."""
        return self._entered.vault

    def hint(self, channel: str) -> None:
        """Have who listens to *channel* told when all is committed; see AsyncExecutor."""
        self._entered.hint(channel)

    def note(self, query: Any, values: tuple[Any, ...], *, key: Hashable) -> None:
        """Have a call of *query* run soon, outside of this transaction; see AsyncExecutor."""
        self._entered.note(query, values, key=key)

    def allow(self, limit: timedelta) -> None:
        """Wait up to *limit* for each statement of this transaction; see AsyncExecutor."""
        self._entered.allow(limit)


class DeferredTransaction(Transaction):
    """A transaction that begins with its first statement; see ``deferred``."""

    _inner: AsyncDeferredTransaction

    def __init__(self, db: PoolExecutor) -> None:
        super().__init__(AsyncDeferredTransaction(db._executor))

    @property
    def has_begun(self) -> bool:
        """Whether a statement has run, and the transaction has not ended."""
        return self._inner.has_begun

    def commit(self) -> None:
        """End it: commit what was done; see AsyncDeferredTransaction.commit."""
        drive(self._inner.commit())

    def roll_back(self) -> None:
        """End it: undo what was done. Without a statement nothing is sent."""
        drive(self._inner.roll_back())


@overload
def deferred(db: PoolExecutor) -> DeferredTransaction: ...
@overload
def deferred(db: AsyncPoolExecutor) -> AsyncDeferredTransaction: ...
def deferred(
    db: PoolExecutor | AsyncPoolExecutor,
) -> DeferredTransaction | AsyncDeferredTransaction:
    """Return a transaction that begins with its first statement.

    It ends with ``commit`` or ``roll_back``, or as a context manager; afterwards its calls raise
    TransactionError. A service that keeps one must end it, or its connection is lost until the
    transaction is garbage collected.

    Args:
        db: a Database, or what ``as_user`` or ``within`` returns.
    """
    if isinstance(db, PoolExecutor):
        return DeferredTransaction(db)
    return AsyncDeferredTransaction(db)
