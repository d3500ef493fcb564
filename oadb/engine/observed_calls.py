"""What is measured of a call for observers; without one, nothing here runs.

A connection notes when the server has answered last, and what; the rest is in its lease.
"""

from collections.abc import Callable
from time import monotonic
from typing import Any

from oadb.engine.observing import ObservedQuery, StatementDone
from oadb.engine.pool.leases import Leases

# The constructor of a named tuple takes four times as long.
_new: Callable[[type[StatementDone], tuple[object, ...]], StatementDone] = getattr(tuple, "__new__")  # noqa: B009  # its own type is not complete


def measured(
    query: ObservedQuery,
    connection: Any,
    leases: Leases,
    started: float,
    before: StatementDone | None,
) -> StatementDone:
    """Return what an attempt of a call took, before its connection is released.

    Args:
        started: when the call began to wait (monotonic clock); 0 if it got a connection at once.
        before: what the attempts before it took.
    """
    state, ended = connection.state, monotonic()
    lease = leases.table.get(connection)
    leased = ended if lease is None else lease[1]  # None: the watchdog took it back
    answered, answer, state.answer = state.answered, state.answer, None
    served = (answered if answered > leased else ended) - leased
    rows = 0 if answer is None else rows_in(answer)
    if before is not None:
        return _added(before, ended, served, rows)
    if not started:
        started = leased
    return _new(
        StatementDone,
        (query, started, ended - started, leased - started, served, rows, None, None, 0, None),
    )


def _added(before: StatementDone, ended: float, served: float, rows: int) -> StatementDone:
    """Return what all attempts took; what they did not take of the server, they waited."""
    seconds, served = ended - before.started, before.server_seconds + served
    return before._replace(
        seconds=seconds,
        waiting_seconds=max(seconds - served - before.making_seconds, 0.0),
        server_seconds=served,
        rows=rows,
        retries=before.retries + 1,
    )


def failed(
    query: ObservedQuery, started: float, done: StatementDone | None, error: BaseException
) -> StatementDone:
    """Return what a call took that raised *error*; *done* None: it got no connection."""
    if done is None:
        ended = monotonic()
        started = started or ended
        waited = ended - started
        done = StatementDone(query, started, waited, waited, 0.0, 0, None, None, 0, None)
    return done._replace(error=type(error).__name__, sqlstate=sqlstate_of(error))


def rows_in(answer: Any) -> int:
    """Return the rows of an answer, or else how many were written."""
    if answer.__class__ is list:
        if len(answer) != 1:  # of several statements
            return sum(map(rows_in, answer))
        answer = answer[0]
    try:
        return answer.ntuples or answer.command_tuples or 0
    except AttributeError:  # of BEGIN; of what psycopg itself sends
        return 0


def sqlstate_of(error: BaseException | None) -> str | None:
    """Return the SQLSTATE of an error of the server; None of all others."""
    return getattr(error, "sqlstate", None)
