"""Callers that read and write tables all the time, how long they wait for locks, what fails."""

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event, Lock
from time import monotonic

import psycopg

from oadb.engine.binding.dumpers import Untyped
from oadb.engine.binding.queries import queries
from oadb.engine.direct_connection import DirectConnection
from oadb.engine.dsn import Dsn, connection_keywords
from oadb.engine.single_connection import SingleConnection

query = queries(__name__)

_NAME = "oadb rehearsal caller"
# Between two looks at waits, and between two calls of a caller.
_LOOK_SECONDS, _PAUSE = 0.005, 0.002
# Milliseconds that a call may take, and seconds that its caller waits for the answer at most.
_LIMIT, _PATIENCE = 10_000, 15.0
# Seconds for the first call of each caller.
_START = 20.0
# Seconds for callers to call again.
_SETTLE = 2.0


@dataclass(frozen=True, slots=True)
class CallText:
    """A statement that a caller runs; $1 in it is *rows*."""

    text: str
    rows: int


@dataclass(frozen=True, slots=True)
class SeenWait:
    """A session that waits for a lock."""

    pid: int
    since: datetime
    seconds: float


@dataclass(slots=True)
class CallerReport:
    """What callers did and saw so far.

    ``waits`` has the longest time that each wait was seen to take, in seconds; ``errors`` counts
    what the server answered otherwise than with rows.
    """

    calls: int = 0
    waits: dict[tuple[int, datetime], float] = field(
        default_factory=dict[tuple[int, datetime], float]
    )
    errors: Counter[str] = field(default_factory=Counter[str])

    @property
    def longest(self) -> float:
        """The longest wait, in seconds."""
        return max(self.waits.values(), default=0.0)


@query
def _list_waits(name: str) -> list[SeenWait]: ...


query.complete()


class CallerLoad:
    """Callers, which ``running`` starts and stops."""

    def __init__(self, dsn: Dsn, calls: Sequence[CallText]) -> None:
        """Start nothing yet."""
        self._keywords = connection_keywords(dsn, {"statement_timeout": _LIMIT})
        self._calls = calls
        self._ended, self._all_call = Event(), Event()
        self._lock = Lock()
        self._report = CallerReport()
        self._started = 0

    def take(self) -> CallerReport:
        """Return what callers did since the last time that this was asked."""
        with self._lock:
            taken, self._report = self._report, CallerReport()
            return taken

    def start(self, threads: ThreadPoolExecutor) -> None:
        """Start all callers, and wait until each has had an answer."""
        for call in self._calls:
            threads.submit(self._call, call)
        threads.submit(self._watch)
        if self._calls:
            self._all_call.wait(_START)

    def settle(self) -> None:
        """Wait until callers have called again, so that they have met what is there now."""
        due = monotonic() + _SETTLE
        with self._lock:
            wanted = self._report.calls + 3 * len(self._calls)
        while self._report.calls < wanted and monotonic() < due:
            self._ended.wait(_PAUSE)

    def stop(self) -> None:
        """Have the callers end after the call that they are in."""
        self._ended.set()

    def _call(self, call: CallText) -> None:
        connection: DirectConnection | None = None
        is_first = True
        while not self._ended.is_set():
            error: psycopg.Error | None = None
            try:
                if connection is None or connection.closed:
                    connection = self._connect(_NAME)
                with psycopg.RawCursor(connection) as cursor:
                    cursor.execute(call.text.encode(), [str(call.rows)])
            except psycopg.Error as raised:
                error = raised
            self._note(error)
            if is_first:
                is_first = False
                self._note_first()
            self._ended.wait(_PAUSE)
        if connection is not None:
            connection.close()

    def _note(self, error: psycopg.Error | None) -> None:
        with self._lock:
            self._report.calls += 1
            if error is not None:
                text = error.diag.message_primary or str(error)
                self._report.errors[text.partition("\n")[0]] += 1

    def _note_first(self) -> None:
        with self._lock:
            self._started += 1
            if self._started == len(self._calls):
                self._all_call.set()

    def _watch(self) -> None:
        with self._connect("oadb rehearsal watch") as connection:
            session = SingleConnection(connection, prepares=False)
            while not self._ended.wait(_LOOK_SECONDS):
                seen = _list_waits(session, _NAME)
                with self._lock:
                    self._report.waits |= {(each.pid, each.since): each.seconds for each in seen}

    def _connect(self, name: str) -> DirectConnection:
        keywords: Mapping[str, str] = {**self._keywords, "application_name": name}
        # Prepared, a statement would fail when the columns of its table change; oadb's do not.
        return DirectConnection.to(
            keywords, seconds=_PATIENCE, prepare_threshold=None, context=Untyped()
        )


@contextmanager
def running(dsn: Dsn, calls: Sequence[CallText]) -> Generator[CallerLoad]:
    """Run each statement over and over, each with a connection of its own, until the block ends."""
    load = CallerLoad(dsn, calls)
    with ThreadPoolExecutor(len(calls) + 1) as threads:
        try:
            load.start(threads)
            yield load
        finally:
            load.stop()
