"""Batches: different calls that are sent together, in one round trip.

    with db.batch() as batch:
        user = users.get(batch, 7)
        orders = orders.list_open(batch, 7)
    print(user.result, orders.result)

They are sent at the end of the block, in their order, as one implicit transaction, or within the
transaction of the executor: if one fails, none of them has changed anything.
"""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from oadb.engine.combined_calls import CombinedCall, CombinedCalls, require_combinable
from oadb.errors import ParameterError, TransactionError

R = TypeVar("R")

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

    def __init__(self) -> None:
        self._calls: list[CombinedCall] = []
        self._pending: list[Pending[Any]] = []
        self._has_ended = False

    def _run(self, query: Any, params: tuple[Any, ...]) -> Pending[Any]:
        """Add a call.

        Raises:
            ParameterError: the query must be sent alone.
            TransactionError: the batch has ended.
        """
        if self._has_ended:
            raise TransactionError(f"{query.label}: its batch has ended; call it in the block")
        require_combinable(query)
        self._calls.append(CombinedCall(query, params, query.label))
        self._pending.append(Pending(query.label))
        return self._pending[-1]

    def _stream(self, query: Any, _params: tuple[Any, ...]) -> None:
        """Refuse a stream.

        Raises:
            ParameterError: always.
        """
        raise ParameterError(
            f"{query.label}: a stream cannot be part of a batch: declare a list of rows"
        )

    def _end(self, error: BaseException | None) -> CombinedCalls | None:
        """Return the calls to send; none if there are none, or the block has raised an error."""
        self._has_ended = True
        send = self._calls and error is None
        return CombinedCalls("a batch", self._calls) if send else None

    def _answer(self, results: list[Any]) -> None:
        for pending, result in zip(self._pending, results, strict=True):
            pending._value = result


class Batch(BatchedCalls):
    """Calls to be sent together; ``with db.batch() as batch``."""

    def __init__(self, send: Callable[[CombinedCalls], list[Any]]) -> None:
        super().__init__()
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
        calls = self._end(error)
        if calls is not None:
            self._answer(self._send(calls))


class AsyncBatch(BatchedCalls):
    """Calls to be sent together; ``async with db.batch() as batch``."""

    def __init__(self, send: Callable[[CombinedCalls], Awaitable[list[Any]]]) -> None:
        super().__init__()
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
        calls = self._end(error)
        if calls is not None:
            self._answer(await self._send(calls))
