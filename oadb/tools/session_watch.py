"""Watches a session that may rightly wait long for one answer, such as that of a migration.

A limit would cut a long but healthy statement. Instead, while an answer is awaited, another
connection asks what the server process does. That is logged, so that nobody waits without knowing
why. The wait ends when an answer cannot come any more: the server does not answer the other
connection either, or the process does not exist, or it is idle (it did not get the statement, or
its answer was lost), and all of that for half a minute. A process that was stopped in the middle of
a statement looks like one that works hard; it is waited for up to a day.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg

from oadb.engine.binding.dumpers import Untyped
from oadb.engine.binding.queries import queries
from oadb.engine.direct_connection import DirectConnection
from oadb.engine.single_connection import SingleConnection

logger = logging.getLogger("oadb.tools")

# In libpq's errors of connecting, a report of the server has its severity before it, in the
# language of the server, and two spaces: "FATAL:  sorry, too many clients already".
_REPORT = re.compile(r":  \S")

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class SessionState:
    """What a session does: its state, what it waits for, and the processes that block it."""

    state: str | None
    wait_event_type: str | None
    wait_event: str | None
    blockers: list[int]


@query
def get_process_id() -> int: ...


@query
def _find_session(pid: int) -> SessionState | None: ...


query.complete()


@dataclass(frozen=True, slots=True)
class Pace:
    """When a watch looks, in seconds.

    At *first* without an answer, then after pauses twice as long each time, at most *longest*; in
    doubt every *doubtful*. It gives up after *patience* of doubt, or *most* in all. The other
    connection must answer within *probe*.
    """

    first: float = 15.0
    longest: float = 60.0
    doubtful: float = 5.0
    patience: float = 30.0
    probe: float = 5.0
    most: float = 86400.0


@dataclass(slots=True)
class SessionWatch:
    """Looks at the session of a DirectConnection; see its ``look``.

    ``keywords`` are libpq's, for the other connection; ``pid`` is the id of the server process.
    ``subject`` names in the log what is awaited.
    """

    keywords: Mapping[str, str]
    pid: int
    subject: str
    pace: Pace = field(default_factory=Pace)
    doubtful_since: float | None = None
    pause: float = 0.0

    def __call__(self, waited: float) -> float:
        """Look at the session, and return the seconds until the next look.

        Raises:
            psycopg.OperationalError: it is useless to wait longer.
        """
        if waited == 0.0:
            self.doubtful_since, self.pause = None, self.pace.first
            return self.pause
        found, is_doubtful = self._find()
        text = f"no answer for {waited:.0f} s: {found}"
        self._note_doubt(waited, is_doubtful)
        doubt = 0.0 if self.doubtful_since is None else waited - self.doubtful_since
        if doubt >= self.pace.patience or waited >= self.pace.most:
            raise psycopg.OperationalError(f"{text}; the connection was closed")
        logger.warning("%s: %s", self.subject, text)
        return self.pace.doubtful if is_doubtful else self.pause

    def _note_doubt(self, waited: float, is_doubtful: bool) -> None:
        if not is_doubtful:
            self.doubtful_since = None
            self.pause = min(2 * self.pause, self.pace.longest)
        elif self.doubtful_since is None:
            self.doubtful_since = waited

    def _find(self) -> tuple[str, bool]:
        """Return what the session does, and whether it is doubtful that it will answer."""
        try:
            with DirectConnection.to(
                self.keywords, seconds=self.pace.probe, context=Untyped()
            ) as connection:
                found = _find_session(SingleConnection(connection), self.pid)
        except psycopg.Error as error:
            reason = " ".join(str(error).split())
            if error.sqlstate is not None or _REPORT.search(str(error)):
                return f"the server is there, and refuses to say more: {reason}", False
            return f"the server does not answer another connection either: {reason}", True
        process = f"server process {self.pid}"
        if found is None:
            return f"{process} does not exist any more", True
        if found.state is not None and found.state.startswith("idle"):
            why = "it did not get the statement, or its answer was lost"
            return f"{process} is {found.state}: {why}", True
        return f"{process} is {found.state or 'there'}{_obstacle(found)}", False


def _obstacle(found: SessionState) -> str:
    waits = f", waits for {found.wait_event_type} {found.wait_event}" if found.wait_event else ""
    blockers = ", ".join(map(str, found.blockers))
    return f"{waits}, blocked by server process {blockers}" if blockers else waits
