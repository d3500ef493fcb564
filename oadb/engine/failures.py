"""What a psycopg error means: whether the work may be done again, and what may be shown of it.

Decided by SQLSTATE and by stage, never by exception class: a pool timeout, a full disk and our
own statement_timeout are all psycopg.OperationalError.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import uniform
from time import monotonic
from typing import Any

import psycopg
from psycopg.pq import DiagnosticField

from oadb.engine.pool.connections import is_broken
from oadb.errors import OutcomeUnknownError, UnavailableError

# The server ended the session: shutdown, crash of a neighbour, not yet ready, and class 08.
_SESSION_ENDED = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03", "25P04"})
# The server undid the statement or the transaction for certain, and it may succeed again:
# serialization failure, deadlock.
_UNDONE = frozenset({"40001", "40P01"})
# The server is read only, which it is after a failover to a standby: look for the primary.
_READ_ONLY = "25006"
# The server has forgotten a prepared statement.
_FORGOTTEN = "26000"
# The function of the server that reports "cached plan must not change result type"; its name,
# unlike that text, is the same in every language.
_STALE_PLAN = "RevalidateCachedQuery"

# A value has the wrong form, breaks a rule of its table, or is larger than a limit of the server,
# such as that of an index.
_DATA_ERRORS = ("22", "23", "54")

PlaceAt = Callable[[int], str]

_ATTEMPTS = 5
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 1.0

# Kept from the server's report. Left out: detail, context, hint and internal query, which can
# quote whole rows.
_SHOWN = (
    DiagnosticField.SEVERITY,
    DiagnosticField.SEVERITY_NONLOCALIZED,
    DiagnosticField.SQLSTATE,
    DiagnosticField.SCHEMA_NAME,
    DiagnosticField.TABLE_NAME,
    DiagnosticField.COLUMN_NAME,
    DiagnosticField.DATATYPE_NAME,
    DiagnosticField.CONSTRAINT_NAME,
    DiagnosticField.STATEMENT_POSITION,
    DiagnosticField.SOURCE_FUNCTION,
)


def is_lost(error: psycopg.Error, connection: Any) -> bool:
    """Say whether the connection, not the statement, failed."""
    state = error.sqlstate or ""
    return state in _SESSION_ENDED or state.startswith("08") or is_broken(connection)


def is_stale(error: psycopg.Error) -> bool:
    """Say whether what the session had prepared is out of date; the statement did not run."""
    return error.sqlstate == _FORGOTTEN or (
        error.sqlstate == "0A000" and error.diag.source_function == _STALE_PLAN
    )


def is_misfit(error: psycopg.Error) -> bool:
    """Say whether the session must be replaced before the statement can run; it did not run."""
    return error.sqlstate == _READ_ONLY or is_stale(error)


def was_undone(error: psycopg.Error) -> bool:
    """Say whether the server undid the work for certain and it may succeed if done again."""
    return error.sqlstate in _UNDONE


def is_data_error(error: psycopg.Error) -> bool:
    """Say whether a row is at fault: no later attempt to store it would end otherwise."""
    return (error.sqlstate or "").startswith(_DATA_ERRORS)


@dataclass(slots=True)
class Retry:
    """Attempts at one piece of work: at most 5, within *patience* seconds, with random pauses."""

    patience: float
    started: float = field(default_factory=monotonic)
    attempts: int = 1

    def next_pause(self, error: Exception) -> float | None:
        """Return seconds to wait before the next attempt, or None when it is time to give up."""
        if monotonic() - self.started > self.patience:
            return None
        if isinstance(error, psycopg.Error) and is_stale(error):
            # Not counted: a migration makes every connection stale, and each is replaced once.
            return 0.0
        if self.attempts >= _ATTEMPTS:
            return None
        longest = min(_FIRST_PAUSE * 2**self.attempts, _LONGEST_PAUSE)
        self.attempts += 1
        return uniform(longest / 2, longest)  # noqa: S311


def unavailable(label: str) -> UnavailableError:
    """Return the error for work that was lost with its connection and changed nothing."""
    return UnavailableError(
        f"{label}: the connection to the database was lost; nothing was changed"
    )


def outcome_unknown(label: str) -> OutcomeUnknownError:
    """Return the error for a write whose answer was lost."""
    return OutcomeUnknownError(
        f"{label}: the connection was lost after this was sent and before the database answered; "
        "look whether it happened before doing it again"
    )


def scrubbed(error: psycopg.Error, label: str, place_at: PlaceAt | None = None) -> Exception:
    """Return *error* for *label*, without row data; keep its class, and ``diag``.

    PostgreSQL quotes values in DETAIL and CONTEXT, and in the message itself where a value has
    the wrong form (class 22). *place_at* turns its position in the statement into file and line.
    """
    primary, position = error.diag.message_primary, error.diag.statement_position
    if primary is None:
        return type(error)(f"{label}: {_said_by_client(error)}")
    if error.diag.sqlstate and error.diag.sqlstate.startswith("22"):
        primary = _in_words(type(error).__name__)
    info: dict[int, bytes | None] = {name: _raw(error, name) for name in _SHOWN}
    info[DiagnosticField.MESSAGE_PRIMARY] = primary.encode()
    where = f" ({place_at(int(position))})" if position and place_at else ""
    return type(error)(f"{label}: {primary}{where}", info=info)


def _said_by_client(error: psycopg.Error) -> str:
    """Return what psycopg or libpq found on this side."""
    if isinstance(error, psycopg.DataError):
        # psycopg's own text quotes the value: a date beyond the year 9999, for one.
        return "it returns a value that Python cannot hold"
    return str(error)


def _raw(error: psycopg.Error, name: DiagnosticField) -> bytes | None:
    value = getattr(error.diag, name.name.lower(), None)
    return value.encode() if isinstance(value, str) else None


def _in_words(name: str) -> str:
    """Turn ``NumericValueOutOfRange`` into words."""
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()


def may_transact_again(error: Exception) -> bool:
    """Say whether a transaction that ended with *error* was undone and may be run again."""
    if isinstance(error, psycopg.Error):
        return was_undone(error) or is_misfit(error)
    return isinstance(error, UnavailableError)
