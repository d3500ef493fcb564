"""Deadlines that callers give: within() and deadline=."""

import math
from datetime import timedelta
from time import monotonic
from typing import cast

from oadb.engine.pool.watchdog import watchdog
from oadb.errors import ParameterError


def positive(seconds: float) -> float:
    """Return *seconds*, the argument of within().

    Raises:
        ParameterError: not a finite number above 0.
    """
    if isinstance(seconds, bool) or not isinstance(cast("object", seconds), int | float):
        raise ParameterError(f"within: seconds must be a number, not {type(seconds).__name__}")
    if not 0 < seconds < math.inf:
        raise ParameterError("within: seconds must be above 0 and finite")
    return seconds


def seconds_of(label: str, deadline: timedelta) -> float:
    """Return the seconds of *deadline*, an argument of the method *label*.

    Raises:
        ParameterError: not a timedelta above 0.
    """
    if not isinstance(cast("object", deadline), timedelta) or deadline <= timedelta():
        raise ParameterError(f"{label}: deadline must be a timedelta above 0")
    return deadline.total_seconds()


def expected(seconds: float) -> float:
    """Return when *seconds* will have passed (monotonic clock), and have the watchdog look then."""
    due = monotonic() + seconds
    watchdog.expect(due)
    return due
