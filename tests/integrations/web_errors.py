"""What the services of these tests do besides answering: errors, by a name in their paths."""

from oadb.errors import BusyError, NoRowError, PoolTimeoutError, UnavailableError

SLOWLY = 0.03
"""Seconds that a slow request takes, in which its client leaves."""

# Classes: an error that is raised again keeps the frames of each time.
ERRORS = {
    "busy": BusyError,
    "no_row": NoRowError,
    "pool": PoolTimeoutError,
    "unavailable": UnavailableError,
    "bug": ZeroDivisionError,
}
