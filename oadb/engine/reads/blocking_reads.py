"""The blocking face of executors for reads."""

from collections.abc import Callable, Coroutine, Generator
from datetime import timedelta
from typing import Any, TypeVar

from oadb.engine.binding.guards import Isolation
from oadb.engine.blocking import Transaction
from oadb.engine.driver import drive, driven
from oadb.engine.executors import AsyncExecutor, Executor
from oadb.engine.reads.read_executors import AsyncReads

T = TypeVar("T")


class Reads(Executor):
    """Runs reads: on a replica if there is one, else on the primary."""

    takes_reads_only = True

    def __init__(self, inner: AsyncReads) -> None:
        self._inner = inner

    def _run(self, query: Any, params: tuple[Any, ...]) -> Any:
        """Run one bound read; see AsyncReads._run."""
        return drive(self._inner._run(query, params))

    def _stream(self, query: Any, params: tuple[Any, ...]) -> Generator[Any, None, None]:
        """Yield the rows of a bound read; see AsyncReads._stream."""
        return driven(self._inner._stream(query, params))

    def _operate(self, work: Callable[[AsyncExecutor], Coroutine[Any, Any, T]]) -> T:
        """Run an operation to its end."""
        return drive(work(self._inner))

    def as_user(self, user_id: int, *, ip: str | None = None) -> "Reads":
        """Return an executor for reads that sees the rows of this user only; see AsyncReads.

        Raises:
            ParameterError: an invalid id or address.
            ConfigError: no installed package provides the identity query, or several do.
        """
        return Reads(self._inner.as_user(user_id, ip=ip))

    def within(self, seconds: float) -> "Reads":
        """Return an executor whose calls, and transactions as a whole, end within *seconds*.

        Raises:
            ParameterError: not a number above 0.
        """
        return Reads(self._inner.within(seconds))

    def transaction(
        self, *, isolation: Isolation | None = None, deadline: timedelta | None = None
    ) -> Transaction:
        """Return a transaction to enter that takes reads only; see AsyncReads.transaction.

        Raises:
            ParameterError: an isolation that replicas have not, or a *deadline* not above 0.
        """
        return Transaction(self._inner.transaction(isolation=isolation, deadline=deadline))
