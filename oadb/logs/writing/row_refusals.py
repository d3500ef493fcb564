"""Which errors are the fault of rows, so that these are parked instead of sent again forever.

An invalid value is the row's fault at once. Of most other errors, such as those of triggers, only
repetition tells: after five equal ones in a row, the rows that get them are looked for. Errors of
the server, of the table and of privileges never are the fault of a row.
"""

from dataclasses import dataclass, field

import psycopg

from oadb.validation.bad_rows import is_partition_missing, is_row_fault

# Equal errors in a row after which rows are at fault: within a second of the first one.
_ENOUGH = 5

# Connections, read-only servers, privileges, transactions rolled back, resources, locks, shutdown
# and timeouts, disks, damaged data; a missing table or schema.
_NEVER = ("08", "25", "26", "28", "3D", "3F", "40", "53", "55", "57", "58", "XX", "42501", "42P01")


@dataclass(slots=True)
class Refusals:
    """How the attempts to store one batch were refused."""

    is_searching: bool = False
    """Whether the refused rows have to be found."""
    states: set[str] = field(default_factory=set[str])
    """SQLSTATEs that were repeated until rows are at fault."""
    _last: str | None = None
    _times: int = 0

    def note(self, error: Exception) -> None:
        """Count a failed attempt."""
        if self.is_fault_of_rows(error):
            self.is_searching = True
            return
        state = _repeatable(error)
        self._times = self._times + 1 if state is not None and state == self._last else 1
        self._last = state
        if state is not None and self._times >= _ENOUGH:
            self.states.add(state)
            self.is_searching = True

    def is_fault_of_rows(self, error: Exception) -> bool:
        """Say whether the rows that get this error are to be parked."""
        if not isinstance(error, psycopg.Error):
            return False
        return is_row_fault(error) or error.sqlstate in self.states


def _repeatable(error: Exception) -> str | None:
    """Return the SQLSTATE of an error that is the fault of rows if it is repeated."""
    if not isinstance(error, psycopg.Error) or is_partition_missing(error):
        return None
    state = error.sqlstate
    return None if state is None or state.startswith(_NEVER) else state
