"""Batches: different calls that are sent together, in one round trip.

    with db.batch() as batch:
        user = users.get(batch, 7)
        orders = orders.list_open(batch, 7)
    print(user.result, orders.result)

They are sent at the end of the block, in their order, as one implicit transaction, or within the
transaction of the executor: if one fails, none of them has changed anything. BEGIN, the statements
and COMMIT are one round trip; see batched_operations for operations.
"""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from oadb.engine.batched_operations import BatchedOperation
from oadb.engine.combined_calls import CombinedCall, require_combinable
from oadb.errors import ParameterError, TransactionError

R = TypeVar("R")

Member = CombinedCall | BatchedOperation

_WAITING = object()


class Pending(Generic[R]):
    """The result of a call in a batch, which is there when the batch has ended."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._value: Any = _WAITING

    @property
    def result(self) -> R:
        """What the call returned.

        Raises:
            TransactionError: the batch has not ended yet, or has failed.
        """
        if self._value is _WAITING:
            raise TransactionError(
                f"{self._label}: no result: its batch has not ended yet, or has failed"
            )
        value: R = self._value
        return value

    def __repr__(self) -> str:
        """Return its name; never the result, which may be secret."""
        return f"<pending {self._label}>"


class BatchedCalls:
    """The calls of a batch so far; the first argument of a declared function in its block."""

    def __init__(self, *, takes_reads_only: bool) -> None:
        self.takes_reads_only = takes_reads_only
        self._members: list[Member] = []
        self._pending: list[Pending[Any]] = []
        self._has_ended = False

    def _run(self, query: Any, params: tuple[Any, ...]) -> Pending[Any]:
        """Add a call.

        Raises:
            ParameterError: the query must be sent alone.
            TransactionError: the batch has ended.
        """
        self._require_going_on(query.label)
        require_combinable(query)
        return self._add(query.label, CombinedCall(query, params, query.label))

    def _operate(self, label: str, work: Callable[[Any], Coroutine[Any, Any, Any]]) -> Pending[Any]:
        """Add an operation, which *work* runs with an executor.

        Raises:
            TransactionError: the batch has ended.
        """
        self._require_going_on(label)
        return self._add(label, BatchedOperation(work))

    def _require_going_on(self, label: str) -> None:
        if self._has_ended:
            raise TransactionError(f"{label}: its batch has ended; call it in the block")

    def _add(self, label: str, member: Member) -> Pending[Any]:
        self._members.append(member)
        self._pending.append(Pending(label))
        return self._pending[-1]

    def _stream(self, query: Any, _params: tuple[Any, ...]) -> None:
        """Refuse a stream.

        Raises:
            ParameterError: always.
        """
        raise ParameterError(
            f"{query.label}: a stream cannot be part of a batch: declare a list of rows"
        )

    def _end(self, error: BaseException | None) -> Sequence[Member]:
        """Return what to run: nothing if the block has raised an error."""
        self._has_ended = True
        return self._members if error is None else ()

    def _answer(self, results: list[Any]) -> None:
        for pending, result in zip(self._pending, results, strict=True):
            pending._value = result


class Batch(BatchedCalls):
    """Calls to be sent together; ``with db.batch() as batch``."""

    def __init__(
        self, send: Callable[[Sequence[Member]], list[Any]], *, takes_reads_only: bool
    ) -> None:
        super().__init__(takes_reads_only=takes_reads_only)
        self._send = send

    def __enter__(self) -> Self:
        """Begin to collect calls."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Send the calls, unless the block raised an error.

        Raises:
            NoRowError, TooManyRowsError: another number of rows than a declaration promises.
            Error, psycopg.Error: as of a single call; the text names the one that failed.
        """
        members = self._end(error)
        if members:
            self._answer(self._send(members))


class AsyncBatch(BatchedCalls):
    """Calls to be sent together; ``async with db.batch() as batch``."""

    def __init__(
        self, send: Callable[[Sequence[Member]], Awaitable[list[Any]]], *, takes_reads_only: bool
    ) -> None:
        super().__init__(takes_reads_only=takes_reads_only)
        self._send = send

    async def __aenter__(self) -> Self:
        """Begin to collect calls."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Send the calls, unless the block raised an error; see Batch."""
        members = self._end(error)
        if members:
            self._answer(await self._send(members))
