"""Operations in a batch: what they ask for is sent together with the calls of the batch.

    with db.batch() as batch:
        found = authorization.authorize(batch, token)
        instrument = instruments.get(batch, "zerodha", "NSE", "INFY")

An operation runs until it asks for a statement. Those of all operations, and the calls, are one
round trip; with its answer each goes on. Most ask once; one that asks again has another trip, which
it shares with others that do.
"""

from collections.abc import Callable, Coroutine, Generator, Hashable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from types import coroutine
from typing import Any

from oadb.engine.combined_calls import CombinedCall, CombinedCalls, require_combinable
from oadb.errors import ParameterError, TransactionError
from oadb.security.vault import Vault


@dataclass(frozen=True, slots=True)
class BatchedOperation:
    """An operation with its arguments; ``work`` runs it with an executor."""

    work: Callable[[Any], Coroutine[Any, Any, Any]]


@dataclass(frozen=True, slots=True)
class _Computation:
    function: Callable[..., Any]
    args: tuple[Any, ...]


class AskingCalls:
    """The executor of an operation in a batch: its statements become part of it."""

    def __init__(self, db: Any) -> None:
        self._db = db

    @property
    def vault(self) -> Vault:
        """The key ring of the Database, for sealing and digests."""
        vault: Vault = self._db.vault
        return vault

    async def _run(self, query: Any, params: tuple[Any, ...]) -> Any:
        """Have a query sent with the others.

        Raises:
            ParameterError: the query must be sent alone, or is several calls itself.
        """
        require_combinable(query)
        if query.special == "combined":
            raise ParameterError(
                f"{query.label}: calls that are sent together cannot be part of a batch; call the "
                "operation by itself"
            )
        return await _asked(CombinedCall(query, params, query.label))

    def _stream(self, query: Any, params: tuple[Any, ...]) -> Any:  # noqa: ARG002  # as the others
        """Refuse a stream.

        Raises:
            ParameterError: always.
        """
        raise ParameterError(
            f"{query.label}: a stream cannot be part of a batch; call the operation by itself"
        )

    def transaction(self) -> Any:
        """Refuse a transaction.

        Raises:
            TransactionError: always.
        """
        raise TransactionError(
            "an operation with a transaction of its own cannot be part of a batch; call it by "
            "itself, with the Database or a transaction"
        )

    def hint(self, channel: str) -> None:
        """Have who listens to *channel* told that something has changed; see AsyncExecutor."""
        self._db.hint(channel)

    def note(self, query: Any, values: tuple[Any, ...], *, key: Hashable) -> None:
        """Have a call of *query* run soon, apart from the batch; see AsyncExecutor."""
        self._db.note(query, values, key=key)

    def allow(self, limit: timedelta) -> None:
        """Wait up to *limit* for each statement of a transaction; see AsyncExecutor."""
        self._db.allow(limit)

    async def offload(self, function: Callable[..., Any], /, *args: Any) -> Any:
        """Have a long computation run before the operation goes on."""
        return await _asked(_Computation(function, args))


class _Running:
    """An operation on its way."""

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self._work = work
        self.asked: CombinedCall | None = None
        self.result: Any = None

    async def go_on(self, db: Any, answer: Any) -> None:
        """Go on with an answer until it asks for a statement, or returns."""
        step = partial(self._work.send, answer)
        while True:
            try:
                wanted = step()
            except StopIteration as done:
                self.asked, self.result = None, done.value
                return
            if isinstance(wanted, CombinedCall):
                self.asked = wanted
                return
            try:
                if not isinstance(wanted, _Computation):
                    raise RuntimeError("an operation awaited something other than its executor")  # noqa: TRY301, TRY004  # as drive
                step = partial(self._work.send, await db.offload(wanted.function, *wanted.args))
            except Exception as error:  # noqa: BLE001  # the operation's own
                step = partial(self._work.throw, error)

    def close(self) -> None:
        """End it, if it has not returned."""
        self._work.close()


class Rounds:
    """The round trips of a batch with operations."""

    def __init__(self, db: Any, asking: Callable[[Any], Any], members: Sequence[Any]) -> None:
        self._db = db
        self._results: list[Any] = [None] * len(members)
        self._asked: dict[int, CombinedCall] = {}
        self._running: dict[int, _Running] = {}
        for place, member in enumerate(members):
            if isinstance(member, CombinedCall):
                self._asked[place] = member
            else:
                self._running[place] = _Running(member.work(asking(db)))

    async def begin(self) -> bool:
        """Run the operations until they ask; return whether all that is asked for reads."""
        for place in self._running:
            await self._go_on(place, None)
        return all(call.query.is_read for call in self._asked.values())

    async def run(self, send: Callable[[CombinedCalls], Any], *, writes: bool) -> list[Any]:
        """Send what is asked for, until nothing is; return the results of all members.

        Args:
            writes: whether it is a transaction, in which an operation may write at any time.

        Raises:
            TransactionError: an operation writes after it has read, outside of a transaction.
        """
        first = True
        while self._asked:
            places = sorted(self._asked)
            calls = [self._asked.pop(place) for place in places]
            if not (writes or first):
                _require_reads(calls)
            answers = await send(CombinedCalls("a batch", calls))
            for place, answer in zip(places, answers, strict=True):
                if place in self._running:
                    await self._go_on(place, answer)
                else:
                    self._results[place] = answer
            first = False
        return self._results

    async def _go_on(self, place: int, answer: Any) -> None:
        running = self._running[place]
        await running.go_on(self._db, answer)
        if running.asked is None:
            self._results[place] = running.result
        else:
            self._asked[place] = running.asked

    def close(self) -> None:
        """End what has not returned."""
        for each in self._running.values():
            each.close()


@coroutine
def _asked(wanted: object) -> Generator[object, Any, Any]:
    return (yield wanted)


def _require_reads(calls: Sequence[CombinedCall]) -> None:
    for call in calls:
        if not call.query.is_read:
            raise TransactionError(
                f"{call.name}: an operation of a batch writes after it has read, and nothing was "
                "changed; call it by itself, or run the batch in a transaction"
            )
