"""Which errors are the fault of rows, so that these are parked instead of sent again forever.

An invalid value is the row's fault at once. Of most other errors, such as those of triggers, only
repetition tells: after five equal ones in a row, the rows that get them are looked for. Errors of
the server, of the table and of privileges never are the fault of a row.

Of an error of a worker of a Citus cluster only the text is left: no SQLSTATE and no name of a
function. It is in English, because ``oadb distribute`` refuses workers whose messages are not.
"""

import re
from dataclasses import dataclass, field

import psycopg

from oadb.validation.bad_rows import is_of_worker, is_partition_missing, is_row_fault

# Equal errors in a row after which rows are at fault: within a second of the first one.
_ENOUGH = 5

# Connections, read-only servers, privileges, transactions rolled back, resources, locks, shutdown
# and timeouts, disks, damaged data; a missing table or schema.
_NEVER = ("08", "25", "26", "28", "3D", "3F", "40", "53", "55", "57", "58", "XX", "42501", "42P01")

# A class of its own for what a worker says, and what it says when it is not the fault of a row.
_OF_A_WORKER = "XX000 of a worker"
_OUTAGE = re.compile(
    "no space|out of memory|input/output|read-only|terminating|shutting down|canceling|deadlock"
    "|too many|permission denied|does not exist|starting up|no partition of",
    re.IGNORECASE,
)


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
        return is_row_fault(error) or _repeatable(error) in self.states


def _repeatable(error: Exception) -> str | None:
    """Return the SQLSTATE of an error that is the fault of rows if it is repeated."""
    if not isinstance(error, psycopg.Error) or is_partition_missing(error):
        return None
    if is_of_worker(error):
        return None if _OUTAGE.search(error.diag.message_primary or "") else _OF_A_WORKER
    state = error.sqlstate
    return None if state is None or state.startswith(_NEVER) else state
