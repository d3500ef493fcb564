"""The blocking faces of executors: each drives its asynchronous one, whose awaits end at once."""

from collections.abc import Callable, Coroutine, Generator
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

from oadb.engine.binding.guards import Isolation
from oadb.engine.driver import drive, driven
from oadb.engine.executors import AsyncExecutor, Executor
from oadb.engine.pool_executors import AsyncPoolExecutor
from oadb.engine.transactions import AsyncTransaction

T = TypeVar("T")


class Transaction(Executor):
    """A transaction in progress; ``with db.transaction() as tx``."""

    def __init__(self, inner: AsyncTransaction) -> None:
        self._inner = inner
        self.takes_reads_only = inner.takes_reads_only

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

    def within(self, seconds: float) -> "PoolExecutor":
        """Return an executor whose calls end within *seconds*; see AsyncPoolExecutor.within.

        Args:
            seconds: more than 0; DB_CALL_DEADLINE stays in force.

        Raises:
            ParameterError: not a number above 0.
        """
        return PoolExecutor(self._executor.within(seconds))

    def outside(self) -> "PoolExecutor":
        """Return an executor for calls that are meant to run outside of the caller's transaction.

        See AsyncPoolExecutor.outside.
        """
        return PoolExecutor(self._executor.outside())

    def transaction(
        self,
        *,
        isolation: Isolation | None = None,
        read_only: bool = False,
        deadline: timedelta | None = None,
    ) -> Transaction:
        """Return a transaction to enter; it commits at the end of its block, or rolls back.

        Args:
            isolation: by default the server's.
            deadline: how long it may take as a whole; see ``within``. None: as long as each
                statement ends within DB_CALL_DEADLINE.

        Raises:
            ParameterError: a *deadline* that is not above 0.
        """
        return Transaction(
            self._executor.transaction(isolation=isolation, read_only=read_only, deadline=deadline)
        )

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
