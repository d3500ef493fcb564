"""Executors run declared queries: a Database or a transaction, sync or async."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Hashable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from oadb.engine.batched_operations import AskingCalls, Rounds
from oadb.engine.batches import AsyncBatch, Batch, BatchedCalls, Member
from oadb.engine.combined_calls import CombinedCall, CombinedCalls
from oadb.security.vault import Vault

T = TypeVar("T")


class Runner(ABC):
    """Runs one query at a time: an Executor, or the connection of a tool."""

    @abstractmethod
    def _run(self, query: Any, params: tuple[Any, ...]) -> Any:
        """Run a bound query and return what its declaration promises."""


class Executor(Runner):
    """A Database or a Transaction: the first argument of every declared function."""

    takes_reads_only = False

    @abstractmethod
    def _stream(self, query: Any, params: tuple[Any, ...]) -> Generator[Any, None, None]:
        """Run a bound query and yield its rows as they arrive."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager["Executor"]:
        """Return a transaction to enter; inside of another one, a savepoint."""

    def batch(self) -> Batch:
        """Return a batch to enter: its calls are sent together at the end of its block."""
        return Batch(
            lambda members: self._operate(lambda db: _run_batch(db, members)),
            takes_reads_only=self.takes_reads_only,
        )

    @abstractmethod
    def _operate(self, work: Callable[["AsyncExecutor"], Coroutine[Any, Any, T]]) -> T:
        """Run an operation, written as a coroutine, to its end."""


class AsyncExecutor(ABC):
    """An AsyncDatabase or an AsyncTransaction; operations get one in sync calls as well."""

    takes_reads_only = False
    is_transaction = False

    @property
    @abstractmethod
    def vault(self) -> Vault:
        """The key ring of the Database, for sealing and digests."""

    @abstractmethod
    def _run(self, query: Any, params: tuple[Any, ...]) -> Coroutine[Any, Any, Any]:
        """Run a bound query and return what its declaration promises."""

    @abstractmethod
    def _stream(self, query: Any, params: tuple[Any, ...]) -> AsyncGenerator[Any, None]:
        """Run a bound query and yield its rows as they arrive."""

    @abstractmethod
    def transaction(self) -> AbstractAsyncContextManager["AsyncExecutor"]:
        """Return a transaction to enter; inside of another one, a savepoint."""

    def batch(self) -> AsyncBatch:
        """Return a batch to enter: its calls are sent together at the end of its block."""
        return AsyncBatch(partial(_run_batch, self), takes_reads_only=self.takes_reads_only)

    @property
    def _deferred(self) -> BatchedCalls | None:
        """What takes writes to be sent with the end of a transaction; None: call them at once."""
        return None

    async def _operate_in_transaction(
        self, work: Callable[["AsyncExecutor"], Coroutine[Any, Any, T]]
    ) -> T:
        """Run *work* in a transaction, more than once if this executor can repeat one."""
        async with self.transaction() as tx:
            return await work(tx)

    @abstractmethod
    def hint(self, channel: str) -> None:
        """Have who listens to *channel* told soon, after a commit, that something has changed.

        A hint is a notification without content. It may get lost, which undoes nothing: who
        follows changes also looks by itself.
        """

    @abstractmethod
    def note(self, query: Any, values: tuple[Any, ...], *, key: Hashable) -> None:
        """Have a call of *query* run soon, apart from the caller, who does not wait for it.

        It is no part of a transaction of the caller, and runs again if it fails; see NoteWriter.

        Args:
            query: a write that is repeatable, and says itself when what it writes was so.
            values: in the order of its parameters.
            key: of several calls with one key that have not run yet, only the last one runs.
        """

    @abstractmethod
    def allow(self, limit: timedelta) -> None:
        """Wait up to *limit* for each statement of this transaction, instead of DB_CALL_DEADLINE.

        For an operation that raises ``statement_timeout`` in its transaction. A deadline of the
        transaction as a whole stays in force.

        Raises:
            TransactionError: this is no transaction.
        """

    @abstractmethod
    async def offload(self, function: Callable[..., T], /, *args: Any) -> T:
        """Run a long computation: in a thread if there is an event loop, else in place."""


async def run_combined(db: AsyncExecutor, calls: CombinedCalls) -> list[Any]:
    """Run calls together, and return their results in order."""
    results: list[Any] = await db._run(calls, ())
    return results


class _AskingExecutor(AskingCalls, AsyncExecutor):
    """The executor of an operation in a batch, which can be rolled back as a whole."""

    is_transaction = True


async def _run_batch(db: AsyncExecutor, members: Sequence[Member]) -> list[Any]:
    """Run the members of a batch, and return their results in order.

    What only reads is sent by itself. If something writes, the rounds of the operations are one
    transaction.
    """
    calls = [each for each in members if isinstance(each, CombinedCall)]
    if len(calls) == len(members):
        return await run_combined(db, CombinedCalls("a batch", calls))
    if db.is_transaction:
        return await _run_within(db, members)
    rounds = Rounds(db, _AskingExecutor, members)
    try:
        if await rounds.begin():
            return await rounds.run(partial(run_combined, db), writes=False)
    finally:
        rounds.close()
    return await db._operate_in_transaction(partial(_run_within, members=members))


async def _run_within(tx: AsyncExecutor, members: Sequence[Member]) -> list[Any]:
    rounds = Rounds(tx, _AskingExecutor, members)
    try:
        await rounds.begin()
        return await rounds.run(partial(run_combined, tx), writes=True)
    finally:
        rounds.close()
