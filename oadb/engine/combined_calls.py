"""Calls that are sent together, and run as if they were one query: batches, and ``many``."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import psycopg

from oadb.engine.binding.guards import RESTORE, Guards
from oadb.engine.burst import Burst, Encoded
from oadb.engine.config import MARGIN
from oadb.engine.driver import Driver
from oadb.engine.execution import dumped, end_later, prepared_on, returned
from oadb.engine.observing import StatementKind
from oadb.engine.wire import SetupStatement, is_failed
from oadb.errors import ParameterError

# Bytes of values that are sent at a time: the server runs them while the next are encoded.
_CHUNK = 2**16


@dataclass(frozen=True, slots=True)
class CombinedCall:
    """A declared statement, and the values of one call of it.

    Attributes:
        name: What errors call it.
    """

    query: Any
    params: tuple[Any, ...]
    name: str


class CombinedCalls:
    """Runs calls in one round trip, in the place of a query.

    It has what executors ask of a query: a label, whether it may be repeated, where an error is.
    After an error of the server, these are of the statement that failed.
    """

    is_copy = False
    special = "combined"
    guards = Guards()

    def __init__(self, label: str, calls: Sequence[CombinedCall]) -> None:
        self._label = label
        self._calls = calls
        self._failed: CombinedCall | None = None
        self.is_repeatable = all(call.query.is_repeatable for call in calls)
        # Whether a result can be refused after the server has accepted everything.
        self.is_judged = any(
            not each.is_read
            and (each.is_judged or each.guards.most_rows or each.result.cardinality in _JUDGED)
            for each in {call.query for call in calls}
        )

    @property
    def is_read(self) -> bool:
        """Whether none of them changes anything."""
        return all(call.query.is_read for call in self._calls)

    @property
    def misplacement(self) -> str:
        """Why no replica may run it, with the first statement that is the reason; or nothing."""
        found = (each.query for each in self._calls if each.query.misplacement)
        return next((f"of {query.label}, {query.misplacement}" for query in found), "")

    @property
    def observed_label(self) -> str:
        """What observers call it, whatever fails: one of a bounded number of names."""
        return self._label

    @property
    def has_failed(self) -> bool:
        """Whether an error of the server is one of a call, and not of the ending."""
        return self._failed is not None

    @property
    def kind(self) -> StatementKind:
        """How it runs."""
        return "batch"

    @property
    def source_place(self) -> str:
        """Empty: it is several statements."""
        return ""

    @property
    def label(self) -> str:
        """What errors and messages call it."""
        return self._label if self._failed is None else self._failed.name

    def place_at(self, position: int) -> str:
        """Return file and line of a *position* in the statement that failed."""
        return "" if self._failed is None else str(self._failed.query.place_at(position))

    async def run(
        self,
        driver: Driver,
        connection: Any,
        prelude: list[SetupStatement],
        ending: SetupStatement | None = None,
    ) -> list[Any]:
        """Send all calls, and return what each of them returns alone.

        Args:
            ending: COMMIT, or the end of a savepoint, to be sent behind them.

        Raises:
            ParameterError: a value that cannot be sent; nothing was sent.
            NoRowError, TooManyRowsError: of the first call whose declaration promises others.
            psycopg.Error: the server's report on the first statement that failed.
        """
        self._failed = None  # also of an attempt before
        state, patience = connection.state, connection.state.patience
        state.patience = max(patience, self._timeout)
        try:
            results = await self._exchange(driver, connection, prelude, ending)
        finally:
            state.patience = patience
            end_later(connection, self._calls[-1].query.guards, prelude)
        for call, result in zip_longest(self._calls, results):  # the ending is no call
            if is_failed(result):
                self._failed = call
                raise psycopg.errors.error_from_result(result)
        return [
            returned(
                prepared_on(connection, call.query), call.query, result, call.params, call.name
            )
            for call, result in zip(self._calls, results, strict=ending is None)
        ]

    async def _exchange(
        self,
        driver: Driver,
        connection: Any,
        prelude: list[SetupStatement],
        ending: SetupStatement | None,
    ) -> list[Any]:
        """Send the calls and receive their results, and that of the ending.

        If that is interrupted before all is sent, the connection is closed: the server would wait
        for the rest, and a cancel request would meet no statement.
        """
        burst = Burst(connection.pgconn, prepares=connection.state.prepares)
        guards, mark = Guards(), connection.state.mark
        try:
            for number, chunk in enumerate(self._chunks(connection)):
                if number:  # the chunk before
                    await driver.run_exchange(connection, burst.flush())
                burst.begin(prelude)
                for call, encoded in chunk:
                    if call.query.guards is not guards:
                        burst.set_up(_between(guards.setup, call.query.guards.setup))
                        guards = call.query.guards
                    burst.put(encoded, call.query.wire_sql + mark)
            if ending is not None:
                burst.end(ending)
            results: list[Any] = await driver.run_exchange(connection, burst.finish())
        except BaseException:
            if not burst.is_ending:
                connection.state.take_unfinished()
                burst.abandon()
            raise
        return results

    def _chunks(self, connection: Any) -> Iterator[list[tuple[CombinedCall, Encoded]]]:
        """Yield calls with their values encoded: all of them, unless they are large.

        So that a value that cannot be sent is noticed before anything is sent, and of a large
        burst the server runs one chunk while the next is encoded.
        """
        chunk: list[tuple[CombinedCall, Encoded]] = []
        size = 0
        for call in self._calls:
            encoded = dumped(connection, call.query, call.params, call.name)
            chunk.append((call, encoded))
            size += sum([len(value) for value in encoded.values if value])
            if size > _CHUNK:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk

    @property
    def _timeout(self) -> float:
        timeouts = [call.query.guards.timeout or 0 for call in self._calls]
        longest = max(timeouts, default=0)
        return longest / 1000 + MARGIN if longest else 0.0


# A call with such a result raises an error for some numbers of rows.
_JUDGED = frozenset({"one", "optional"})


def require_combinable(query: Any) -> None:
    """Refuse a query that must be sent alone.

    Raises:
        ParameterError: a COPY, or one whose guards hold for a whole transaction.
    """
    if query.is_copy:
        raise ParameterError(
            f"{query.label}: a COPY cannot be part of a batch, or run for many rows; call it alone"
        )
    if query.guards.is_alone:
        raise ParameterError(
            f"{query.label}: read only and isolation are properties of a transaction; it cannot be "
            "part of a batch, or run for many rows"
        )


def _between(earlier: Any, later: Any) -> tuple[SetupStatement, ...]:
    """Return what ends the timeouts of a statement, and sets those of the next one."""
    if earlier == later:
        return ()
    return tuple(each for each in (earlier and RESTORE, later) if each)
