"""Errors that the services of these tests raise, by a name in their paths."""

from oadb.errors import BusyError, NoRowError, PoolTimeoutError, UnavailableError

ERRORS = {
    "busy": BusyError("full"),
    "no_row": NoRowError("none"),
    "pool": PoolTimeoutError("none free"),
    "unavailable": UnavailableError("gone"),
    "bug": ZeroDivisionError("a bug"),
}
