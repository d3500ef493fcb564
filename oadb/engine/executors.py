"""Executors run declared queries: a Database or a transaction, sync or async."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Hashable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from oadb.engine.batches import AsyncBatch, Batch
from oadb.engine.combined_calls import CombinedCalls
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
        return Batch(lambda calls: self._operate(lambda db: run_combined(db, calls)))

    @abstractmethod
    def _operate(self, work: Callable[["AsyncExecutor"], Coroutine[Any, Any, T]]) -> T:
        """Run an operation, written as a coroutine, to its end."""


class AsyncExecutor(ABC):
    """An AsyncDatabase or an AsyncTransaction; operations get one in sync calls as well."""

    takes_reads_only = False

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
        return AsyncBatch(partial(run_combined, self))

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
