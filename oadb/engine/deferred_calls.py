"""Calls of a transaction that wait for its end, and are sent with COMMIT in one round trip.

They are writes without rows. The server runs them where they were called: a statement that the
transaction runs after them is sent behind them. Those of a nested transaction are sent with its
end; what is rolled back was not sent at all.
"""

import threading
from collections.abc import Callable, Coroutine
from typing import Any

from oadb.engine.batches import BatchedCalls, Pending
from oadb.engine.combined_calls import CombinedCalls
from oadb.errors import ParameterError


class DeferredCalls(BatchedCalls):
    """The calls that wait; the first argument of a declared write. Threads may share them."""

    def __init__(self) -> None:
        super().__init__(takes_reads_only=False)
        self._lock = threading.Lock()

    def _run(self, query: Any, params: tuple[Any, ...]) -> Pending[Any]:
        """Add a call.

        Raises:
            ParameterError: a query whose rows, or their number, are to be looked at before COMMIT.
            TransactionError: the calls were sent.
        """
        if query.is_judged or query.result.cardinality not in {"affected", "nothing"}:
            raise ParameterError(
                f"{query.label}: only a write without rows can wait for COMMIT; call it"
            )
        with self._lock:
            return super()._run(query, params)

    def _operate(self, label: str, work: Callable[[Any], Coroutine[Any, Any, Any]]) -> Pending[Any]:  # noqa: ARG002  # as of the others
        """Refuse an operation.

        Raises:
            ParameterError: always.
        """
        raise ParameterError(f"{label}: an operation cannot wait for COMMIT; await it")

    def combined(self) -> CombinedCalls | None:
        """Return all of them, to be sent now; none is added from here on. None: there are none."""
        with self._lock:
            calls: list[Any] = [*self._end(None)]
        if not calls:
            return None
        return CombinedCalls(calls[0].name if len(calls) == 1 else "a batch", calls)
