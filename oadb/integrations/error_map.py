"""Which status each error of oadb and of PostgreSQL is answered with."""

from collections.abc import Mapping

import psycopg

from oadb.engine.constraint_errors import constraint_of
from oadb.errors import (
    BusyError,
    ConflictError,
    NoRowError,
    OutcomeUnknownError,
    ParameterError,
    PoolTimeoutError,
    UnavailableError,
)
from oadb.integrations.problem_details import ProblemDetails, RequestRefusedError

_SOON, _LATER = 1, 5
"""Seconds after which to try again: when work ends, and when a server may be back."""

_BUSY = ProblemDetails(503, "busy", "The service is busy; try again.", retry_after=_SOON)
_UNAVAILABLE = ProblemDetails(
    503, "unavailable", "The service cannot answer now; nothing was changed.", retry_after=_LATER
)
_UNKNOWN = ProblemDetails(
    500, "outcome_unknown", "It is not known whether this was done; look before you repeat it."
)
_ABSENT = ProblemDetails(404, "absent", "What the request names does not exist.")

# The first that fits: PoolTimeoutError is an UnavailableError as well.
_ANSWERS = (
    (BusyError, _BUSY),
    (PoolTimeoutError, _BUSY),
    (UnavailableError, _UNAVAILABLE),
    (OutcomeUnknownError, _UNKNOWN),
    (NoRowError, _ABSENT),
)

INTERNAL = ProblemDetails(500, "internal", "The service has failed; nothing was changed.")
"""For errors that only operators can explain: they stand in the log."""

# By SQLSTATE: rolled back (serialization failure, deadlock), a lock or a result that did not come
# in time, resources of the server.
_PASSING = ("40001", "40P01", "55P03", "57014", "53")
# Unique and exclusion violations, and foreign keys: the row, or the one that it refers to, changed.
_CONFLICTS = ("23505", "23P01", "23503", "23001")
# Other constraints, invalid values, and limits of the server.
_INVALID = ("23", "22", "54")


def problem_of(error: Exception, sentences: Mapping[str, str]) -> ProblemDetails | None:
    """Return how to answer an error; None: it is not one of those that a client can act on.

    Args:
        sentences: what to say of violated constraints, by their names.
    """
    if isinstance(error, RequestRefusedError):
        return error.problem
    if isinstance(error, ConflictError):
        return _problem_of_field(409, "conflict", error, sentences)
    if isinstance(error, ParameterError):
        return _problem_of_field(422, "invalid", error, sentences)
    if isinstance(error, psycopg.Error):
        return _problem_of_statement(error, sentences)
    return next((answer for kind, answer in _ANSWERS if isinstance(error, kind)), None)


def _problem_of_field(
    status: int, reason: str, error: ParameterError | ConflictError, sentences: Mapping[str, str]
) -> ProblemDetails:
    detail = sentences.get(error.constraint, str(error))
    return ProblemDetails(status, reason, detail, error.constraint, field=error.field)


def _problem_of_statement(
    error: psycopg.Error, sentences: Mapping[str, str]
) -> ProblemDetails | None:
    state, constraint = error.sqlstate or "", constraint_of(error)
    if state.startswith(_PASSING):
        return _BUSY
    if state.startswith(_CONFLICTS):
        said = sentences.get(constraint, "This conflicts with what is stored.")
        return ProblemDetails(409, "conflict", said, constraint)
    if state.startswith(_INVALID):
        said = sentences.get(constraint, "A value is not allowed.")
        return ProblemDetails(422, "invalid", said, constraint)
    return None
