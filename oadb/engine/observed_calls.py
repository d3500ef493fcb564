"""What is measured of a call for observers; without one, nothing here runs.

A connection notes when the server has answered last, and what; the rest is in its lease.
"""

from time import monotonic
from typing import Any

from oadb.engine.observing import ObservedQuery, StatementDone
from oadb.engine.pool.leases import Leases
from oadb.engine.telling import Teller

# The constructor of a named tuple takes four times as long.
_new = tuple.__new__


class ObservedCall:
    """One call on a pool, from its beginning to its end, with all attempts."""

    __slots__ = (
        "_attempts",
        "_query",
        "_rows",
        "_served",
        "_since",
        "_started",
        "_teller",
        "_waited",
        "error",
    )

    def __init__(self, teller: Teller, query: ObservedQuery) -> None:
        self._teller = teller
        self._query = query
        self._served = self._waited = 0.0
        self._rows = self._attempts = 0
        self.error: BaseException | None = None
        self._started = self._since = monotonic()

    def note(self, connection: Any, leases: Leases) -> None:
        """Note what an attempt took, before its connection is released."""
        self._attempts += 1
        state, lease = connection.state, leases.table.get(connection)
        if lease is None:  # the watchdog took it back
            return
        leased = lease[1]
        self._waited += leased - self._since
        answered = state.answered
        if answered < leased:
            answered = monotonic()
        self._served += answered - leased
        self._since = answered
        answer, state.answer = state.answer, None
        self._rows = rows_in(answer)

    def tell(self) -> None:
        """Tell of its end."""
        error = self.error
        if not self._attempts:  # it got no connection
            self._waited = monotonic() - self._started
        self._teller.statement(
            _new(
                StatementDone,
                (
                    self._query,
                    self._started,
                    monotonic() - self._started,
                    self._waited,
                    self._served,
                    self._rows,
                    None if error is None else type(error).__name__,
                    None if error is None else sqlstate_of(error),
                    self._attempts - 1 if self._attempts else 0,
                    False,
                ),
            )
        )


def rows_in(answer: Any) -> int:
    """Return the rows of an answer, or else how many were written."""
    try:
        return answer.ntuples or answer.command_tuples or 0
    except AttributeError:  # of several statements; of BEGIN; of what psycopg itself sends
        return sum(map(rows_in, answer)) if isinstance(answer, list) else 0


def sqlstate_of(error: BaseException | None) -> str | None:
    """Return the SQLSTATE of an error of the server; None of all others."""
    return getattr(error, "sqlstate", None)
