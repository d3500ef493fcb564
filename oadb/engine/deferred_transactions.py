"""Transactions that begin with their first statement, and end when their owner says so.

For what has one transaction and may not need it, such as a request to a web service: until a
statement runs, no connection is leased.
"""

import threading
from copy import copy
from datetime import timedelta
from typing import Any, Self, overload

from oadb.engine.driver import drive
from oadb.engine.pool_executors import AsyncPoolExecutor, PoolExecutor
from oadb.engine.row_stream import RowStream
from oadb.engine.transaction_session import SAVEPOINT, begin
from oadb.engine.transactions import AsyncTransaction, Transaction
from oadb.errors import TransactionError
from oadb.security.vault import Vault

# Seconds between two looks whether another task has begun the transaction.
_PAUSE = 0.002


class _RollBackError(Exception):
    """Given to the end of a transaction that is rolled back without an error of its own."""


class AsyncDeferredTransaction(AsyncTransaction):
    """A transaction that begins with its first statement; see ``deferred``."""

    def __init__(self, db: AsyncPoolExecutor) -> None:
        first = begin(None, read_only=False)
        prelude = [first, *db._identity]
        super().__init__(db._pool, db._driver, prelude, seconds=db._seconds)
        self._early_vault: Vault | None = None
        self._early_hints: set[str] = set()
        self._patience = 0.0
        self._beginner = threading.Lock()
        self._is_over = False

    async def __aenter__(self) -> Self:
        """Return itself; nothing is leased or sent yet."""
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Commit, or roll back if the block raised or swallowed an error of a statement."""
        await (self.commit() if error is None else self.roll_back())

    @property
    def has_begun(self) -> bool:
        """Whether a statement has run, and the transaction has not ended."""
        return self._session is not None

    async def commit(self) -> None:
        """End it: commit what was done. Without a statement nothing is sent.

        Raises:
            TransactionError: an error of a statement was swallowed; rolled back.
            OutcomeUnknownError: the answer to COMMIT was lost; it may have happened.
            UnavailableError: the connection was lost before; nothing was changed.
            psycopg.Error: what the server reports, such as a violated deferred constraint.
        """
        self._is_over = True
        if self.has_begun:
            await super().__aexit__(None, None, None)
        elif self._early_hints:
            self._pool.hints.send(self._early_hints)

    async def roll_back(self) -> None:
        """End it: undo what was done. Without a statement nothing is sent."""
        self._is_over = True
        if self.has_begun:
            await super().__aexit__(_RollBackError, _RollBackError(), None)

    async def begin_now(self) -> None:
        """Lease a connection, unless it has one.

        Raises:
            UnavailableError: no connection can be made, or became free (PoolTimeoutError).
            TransactionError: it has ended.
        """
        while not self._beginner.acquire(blocking=False):  # by another task of its owner
            await self._driver.sleep(_PAUSE)
        try:
            if not self.has_begun:
                await self._begin_once()
        finally:
            self._beginner.release()

    async def _begin_once(self) -> None:
        self._require_going_on()
        await super().__aenter__()
        if self._is_over:  # ended while this waited for a connection
            await super().__aexit__(_RollBackError, _RollBackError(), None)
            self._require_going_on()
        session = self._open
        session.hints = self._early_hints
        session._vault = self._early_vault
        session.connection.state.patience = max(session.connection.state.patience, self._patience)

    def _require_going_on(self) -> None:
        if self._is_over:
            raise TransactionError(
                "this transaction has ended; for what comes afterwards, call with the Database, or "
                "begin another one: db.transaction()"
            )

    async def _run(self, query: Any, params: tuple[Any, ...]) -> Any:
        """Run a bound query in this transaction, which begins with it; see AsyncTransaction."""
        if self._session is None:
            await self.begin_now()
        return await super()._run(query, params)

    async def _open_stream(self, query: Any, params: tuple[Any, ...]) -> RowStream:
        await self.begin_now()
        return await super()._open_stream(query, params)

    @property
    def vault(self) -> Vault:
        """The key ring of the Database; a proof of it in this transaction can be rolled back."""
        if self.has_begun:
            return super().vault
        if self._early_vault is None:
            self._early_vault = copy(self._pool.vault)
        return self._early_vault

    def hint(self, channel: str) -> None:
        """Have who listens to *channel* told when this is committed; see AsyncExecutor."""
        self._early_hints.add(channel)

    def allow(self, limit: timedelta) -> None:
        """Wait up to *limit* for each statement of this transaction; see AsyncExecutor."""
        if self.has_begun:
            super().allow(limit)
        self._patience = max(self._patience, limit.total_seconds())

    def transaction(self) -> AsyncTransaction:
        """Return a nested transaction, which can roll back without this one."""
        return _DeferredSavepoint(self)


class _DeferredSavepoint(AsyncTransaction):
    """A transaction within a deferred one, which it begins."""

    def __init__(self, around: AsyncDeferredTransaction) -> None:
        super().__init__(around._pool, around._driver, [SAVEPOINT])
        self._around = around

    async def __aenter__(self) -> Self:
        """Begin the transaction around it, and the savepoint with the next statement."""
        await self._around.begin_now()
        self._outer = self._session = self._around._open
        return await super().__aenter__()


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
