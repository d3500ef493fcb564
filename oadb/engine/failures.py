"""What a psycopg error means: whether the work may be repeated, and what of the error is shown.

SQLSTATE and the stage of the call decide, never the exception class: a pool timeout, a full disk
and our own statement_timeout are all psycopg.OperationalError.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import psycopg
from psycopg import pq
from psycopg.pq import DiagnosticField

from oadb.engine.constraint_errors import refusal_of
from oadb.engine.jitter import between
from oadb.errors import OutcomeUnknownError, UnavailableError

# The server ended the session (shutdown, crash of another session, timeout) or is not ready yet.
_SESSION_ENDED = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03", "25P04"})
# The server rolled back the statement or the transaction, which may succeed when it is repeated:
# serialization failure, deadlock.
_ROLLED_BACK = frozenset({"40001", "40P01"})
# A report after which the session has ended, whatever its SQLSTATE is: a PANIC without space in
# the write-ahead log has that of a full disk.
_ENDS_SESSION = frozenset({"FATAL", "PANIC"})
# A schema, a table or a function does not exist.
UNMIGRATED = frozenset({"3F000", "42P01", "42883"})
# The server is read-only, as a standby is after a failover: connect to the primary.
_READ_ONLY = "25006"
# The server no longer has the prepared statement.
_NOT_PREPARED = "26000"
# The function of the server that reports "cached plan must not change result type". Its name,
# unlike that text, is the same in every language.
_STALE_PLAN = "RevalidateCachedQuery"

# A value is invalid, violates a constraint, or exceeds a limit of the server, such as that of a
# row in an index.
_DATA_ERRORS = ("22", "23", "54")

# Of the context of an error of COPY, in English: the line, and the column without its value.
_COPIED = re.compile(r"^COPY [^,\n]+, (line \d+(?:, column \w+)?)", re.MULTILINE)

PlaceAt = Callable[[int], str]

_ATTEMPTS = 5
# Attempts that each call earns for the budget of its pool: the ratio of gRPC's retry throttling
# (gRFC A6).
_BUDGET_SHARE = 0.1
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


def is_broken(connection: Any) -> bool:
    """Say whether libpq considers the connection lost."""
    return bool(connection.pgconn.status == pq.ConnStatus.BAD)


def is_lost(error: psycopg.Error, connection: Any) -> bool:
    """Say whether the connection failed, not the statement.

    An error without a SQLSTATE is no report of the server: libpq or psycopg could not send the
    statement or receive its answer, whatever words they use. The exception is a value that was
    received and that Python cannot hold.
    """
    state = error.sqlstate
    if state is None:
        return not isinstance(error, psycopg.DataError) or is_broken(connection)
    ends = error.diag.severity_nonlocalized in _ENDS_SESSION or state in _SESSION_ENDED
    return ends or state.startswith("08") or is_broken(connection)


def is_stale(error: psycopg.Error) -> bool:
    """Say whether the prepared statement is missing or out of date; the statement did not run."""
    return error.sqlstate == _NOT_PREPARED or (
        error.sqlstate == "0A000" and error.diag.source_function == _STALE_PLAN
    )


def is_unusable(error: psycopg.Error, connection: Any) -> bool:
    """Say whether nothing else can run on the connection after this error."""
    return is_lost(error, connection) or must_replace(error, connection)


def must_replace(error: psycopg.Error, connection: Any) -> bool:
    """Say whether the statement needs a new session; of a stale plan, have it prepared anew."""
    if is_stale(error):
        connection.state.renew_texts()
    return needs_new_session(error, seeks_primary=connection.state.seeks_primary)


def needs_new_session(error: psycopg.Error, *, seeks_primary: bool) -> bool:
    """Say whether the statement did not run, and can run in another session only.

    Args:
        seeks_primary: whether another session may be one of a primary, which takes writes.
    """
    return (error.sqlstate == _READ_ONLY and seeks_primary) or is_stale(error)


def was_rolled_back(error: psycopg.Error) -> bool:
    """Say whether the server rolled the work back, and it may succeed when it is repeated."""
    return error.sqlstate in _ROLLED_BACK


def is_data_error(error: psycopg.Error) -> bool:
    """Say whether a row is at fault, so that storing it again would fail again."""
    return (error.sqlstate or "").startswith(_DATA_ERRORS)


class RetryBudget:
    """Attempts that a pool may add because connections were lost: a share of its recent calls.

    Without it, each call of an outage would be made five times, by a service that is slow already.
    After a crash of the server each connection costs one attempt, which the reserve allows.
    """

    def __init__(self, reserve: int) -> None:
        self._reserve = self._left = float(reserve)
        self._counted = 0

    def spend(self, calls: int) -> bool:
        """Take one attempt, if there is one left.

        Args:
            calls: how many calls the pool has made so far.
        """
        earned = (calls - self._counted) * _BUDGET_SHARE
        self._counted = calls
        self._left = min(self._left + earned, self._reserve)
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


@dataclass(slots=True)
class Retry:
    """Attempts at a piece of work: at most 5 within *patience* seconds, after random pauses.

    Args:
        may_add: takes an attempt from the budget, for a connection that was lost.
    """

    patience: float
    may_add: Callable[[], bool]
    started: float = field(default_factory=monotonic)
    attempts: int = 1

    def next_pause(self, error: Exception) -> float | None:
        """Return the seconds to wait before the next attempt, or None to give up."""
        if monotonic() - self.started > self.patience:
            return None
        if isinstance(error, psycopg.Error) and is_stale(error):
            # Not counted: after a migration every connection is stale, and each is replaced once.
            return 0.0
        if self.attempts >= _ATTEMPTS:
            return None
        rolled_back = isinstance(error, psycopg.Error) and was_rolled_back(error)
        if not rolled_back and not self.may_add():
            return None
        longest = min(_FIRST_PAUSE * 2**self.attempts, _LONGEST_PAUSE)
        self.attempts += 1
        return between(longest / 2, longest)


def unavailable(label: str, *, overdue: bool = False) -> UnavailableError:
    """Return the error for a lost or overdue connection whose work changed nothing."""
    if overdue:
        return UnavailableError(
            f"{label}: the database did not answer before the deadline (DB_CALL_DEADLINE, within() "
            "or deadline=); nothing was changed"
        )
    return UnavailableError(
        f"{label}: the connection to the database was lost; nothing was changed"
    )


def outcome_unknown(label: str, *, overdue: bool = False) -> OutcomeUnknownError:
    """Return the error for a write whose answer was lost, or did not come in time."""
    what = (
        "the deadline passed (DB_CALL_DEADLINE, within() or deadline=)"
        if overdue
        else "the connection was lost"
    )
    return OutcomeUnknownError(
        f"{label}: {what} after this was sent and before the database answered; "
        "check whether it happened before you repeat it"
    )


def scrubbed(error: psycopg.Error, label: str, place_at: PlaceAt | None = None) -> Exception:
    """Return *error* without row data: of the same class, with ``diag``, and with *label*.

    A violated constraint becomes one of ``constraint_errors``.

    PostgreSQL quotes values in DETAIL and CONTEXT, and for invalid values (class 22) also in the
    message itself. Of the rows of a COPY the line is named, counted from 1.

    Args:
        place_at: returns file and line of a position in the statement.
    """
    primary, position = error.diag.message_primary, error.diag.statement_position
    if primary is None:
        return type(error)(f"{label}: {_client_message(error)}")
    if error.diag.sqlstate and error.diag.sqlstate.startswith("22"):
        primary = _in_words(type(error).__name__)
    info: dict[int, bytes | None] = {name: _raw(error, name) for name in _SHOWN}
    info[DiagnosticField.MESSAGE_PRIMARY] = primary.encode()
    if error.diag.sqlstate in UNMIGRATED:
        primary += "; if the database is not migrated, run oadb migrate"
        info[DiagnosticField.MESSAGE_PRIMARY] = primary.encode()
    where = f" ({place_at(int(position))})" if position and place_at else ""
    copied = _COPIED.search(error.diag.context or "")
    line = f"{copied[1]}: " if copied else ""
    refusal = refusal_of(error, label, line, info)
    if refusal is not None:
        return refusal
    return type(error)(f"{label}: {line}{primary}{where}", info=info)


def _client_message(error: psycopg.Error) -> str:
    """Return the text of an error of psycopg or libpq, without values."""
    if isinstance(error, psycopg.DataError):
        # psycopg's own text quotes the value, such as a date beyond the year 9999.
        return "it returns a value that Python cannot hold"
    return str(error)


def _raw(error: psycopg.Error, name: DiagnosticField) -> bytes | None:
    value = getattr(error.diag, name.name.lower(), None)
    return value.encode() if isinstance(value, str) else None


def _in_words(name: str) -> str:
    """Turn ``NumericValueOutOfRange`` into words."""
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()


def may_transact_again(error: Exception, *, seeks_primary: bool) -> bool:
    """Say whether a transaction that ended with *error* was rolled back and may be repeated."""
    if isinstance(error, psycopg.Error):
        again = needs_new_session(error, seeks_primary=seeks_primary)
        return again or was_rolled_back(error)
    return isinstance(error, UnavailableError)


def retry_or_fail(
    error: psycopg.Error, query: Any, connection: Any, retry: Retry
) -> tuple[float, Exception | None]:
    """Return the pause before another attempt, or the error to raise."""
    lost, overdue = is_lost(error, connection), connection.state.overdue
    if lost and not query.is_repeatable:
        return 0.0, outcome_unknown(query.label, overdue=overdue)
    if lost and overdue:
        return 0.0, unavailable(query.label, overdue=True)
    again = is_unusable(error, connection) or was_rolled_back(error)
    pause = retry.next_pause(error) if again and not query.is_copy else None
    if pause is not None:
        return pause, None
    if lost:
        return 0.0, unavailable(query.label)
    return 0.0, scrubbed(error, query.label, query.place_at)
