"""What the services of these tests do besides answering: errors, by a name in their paths."""

from oadb.errors import BusyError, NoRowError, PoolTimeoutError, UnavailableError

SLOWLY = 0.03
"""Seconds that a slow request takes, in which its client leaves."""

ERRORS = {
    "busy": BusyError("full"),
    "no_row": NoRowError("none"),
    "pool": PoolTimeoutError("none free"),
    "unavailable": UnavailableError("gone"),
    "bug": ZeroDivisionError("a bug"),
}
