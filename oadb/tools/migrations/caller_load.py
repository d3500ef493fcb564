"""Callers that read and write tables all the time, how long they wait for locks, what fails."""

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random
from threading import Event, Lock

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


@dataclass(frozen=True, slots=True)
class CallerStatement:
    """A statement that callers run, in a transaction that is rolled back.

    Attributes:
        name: What reports call it.
        values: Of $1 and those behind it, as texts.
        weight: How often it is called, in proportion to the others.
    """

    name: str
    text: bytes
    values: tuple[str | None, ...]
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class SeenWait:
    """A caller that waits for a lock which no caller holds, and the beginning of its statement."""

    pid: int
    since: datetime
    seconds: float
    statement: str


@dataclass(frozen=True, slots=True)
class StatementWaits:
    """How often calls of a statement were seen to wait, and for how many seconds at most."""

    name: str
    count: int
    longest: float


@dataclass(slots=True)
class CallerReport:
    """What callers did and saw so far.

    ``waits`` has each wait as it was last seen; ``errors`` counts what the server answered
    otherwise than with rows, with the name of the statement in front.
    """

    calls: int = 0
    waits: dict[tuple[int, datetime], SeenWait] = field(
        default_factory=dict[tuple[int, datetime], SeenWait]
    )
    errors: Counter[str] = field(default_factory=Counter[str])

    @property
    def longest(self) -> float:
        """The longest wait, in seconds."""
        return max((each.seconds for each in self.waits.values()), default=0.0)

    def by_statement(self) -> list[StatementWaits]:
        """Return the statements whose calls waited, the longest first."""
        found: dict[str, list[float]] = {}
        for each in self.waits.values():
            found.setdefault(each.statement, []).append(each.seconds)
        waits = [StatementWaits(name, len(each), max(each)) for name, each in found.items()]
        return sorted(waits, key=lambda each: (-each.longest, each.name))


@query
def _list_waits(name: str) -> list[SeenWait]: ...


query.complete()


class CallerLoad:
    """Callers, which ``running`` starts and stops."""

    def __init__(self, dsn: Dsn, callers: Sequence[Sequence[CallerStatement]]) -> None:
        """Start nothing yet."""
        self._keywords = connection_keywords(dsn, {"statement_timeout": _LIMIT})
        self._callers = callers
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
        for number, statements in enumerate(self._callers):
            threads.submit(self._call, statements, Random(number))  # noqa: S311  # no secret
        threads.submit(self._watch)
        if self._callers:
            self._all_call.wait(_START)

    def call_each(self) -> None:
        """Call each statement once, so that all have met what is there now."""
        if not self._callers:
            return
        with self._connect(_NAME) as connection:
            for statement in self._callers[0]:
                if not connection.closed:
                    self._note(statement, _refusal(connection, statement))

    def stop(self) -> None:
        """Have the callers end after the call that they are in."""
        self._ended.set()

    def _call(self, statements: Sequence[CallerStatement], chance: Random) -> None:
        connection: DirectConnection | None = None
        weights = [each.weight for each in statements]
        is_first = True
        while not self._ended.is_set():
            [statement] = chance.choices(statements, weights)
            try:
                if connection is None or connection.closed:
                    connection = self._connect(_NAME)
                error = _refusal(connection, statement)
            except psycopg.Error as refused:
                error = refused
            self._note(statement, error)
            if is_first:
                is_first = False
                self._note_first()
            self._ended.wait(_PAUSE)
        if connection is not None:
            connection.close()

    def _note(self, statement: CallerStatement, error: psycopg.Error | None) -> None:
        with self._lock:
            self._report.calls += 1
            if error is not None:
                self._report.errors[f"{statement.name}: {first_line(error)}"] += 1

    def _note_first(self) -> None:
        with self._lock:
            self._started += 1
            if self._started == len(self._callers):
                self._all_call.set()

    def _watch(self) -> None:
        with self._connect("oadb rehearsal watch") as connection:
            session = SingleConnection(connection, prepares=False)
            while not self._ended.wait(_LOOK_SECONDS):
                seen = _list_waits(session, _NAME)
                with self._lock:
                    self._report.waits |= {
                        (each.pid, each.since): self._named(each) for each in seen
                    }

    def _named(self, seen: SeenWait) -> SeenWait:
        """Return a wait with the name of its statement, of which the server tells the beginning."""
        text = seen.statement.encode()
        names = (each.name for each in self._callers[0] if each.text.startswith(text))
        return replace(seen, statement=next(names, "another statement"))

    def _connect(self, name: str) -> DirectConnection:
        keywords: Mapping[str, str] = {**self._keywords, "application_name": name}
        # Prepared, a statement would fail when the columns of its table change; oadb's do not.
        return DirectConnection.to(
            keywords, seconds=_PATIENCE, prepare_threshold=None, context=Untyped()
        )


def _refusal(connection: DirectConnection, statement: CallerStatement) -> psycopg.Error | None:
    """Run a statement and undo it; return the error of the server, if there is one."""
    try:
        with connection.transaction(force_rollback=True), psycopg.RawCursor(connection) as cursor:
            cursor.execute(statement.text, statement.values)
    except psycopg.Error as error:
        return error
    return None


def refusals(
    dsn: Dsn, statements: Sequence[CallerStatement], seconds: float
) -> dict[str, psycopg.Error]:
    """Run each statement once, and undo it; return the errors, by the names of the statements.

    Args:
        seconds: how long each may take.

    Raises:
        psycopg.Error: no connection.
    """
    keywords = connection_keywords(dsn, {"statement_timeout": round(seconds * 1000)})
    found: dict[str, psycopg.Error] = {}
    with DirectConnection.to(
        keywords, seconds=_PATIENCE, prepare_threshold=None, context=Untyped()
    ) as connection:
        for statement in statements:
            error = _refusal(connection, statement)
            if error is not None:
                found[statement.name] = error
    return found


def first_line(error: psycopg.Error) -> str:
    """Return what the server says, in one line."""
    return (error.diag.message_primary or str(error)).partition("\n")[0]


@contextmanager
def running(dsn: Dsn, callers: Sequence[Sequence[CallerStatement]]) -> Generator[CallerLoad]:
    """Have callers run statements until the block ends, each with a connection of its own.

    Args:
        callers: the statements of each, by the same names in the same order.
    """
    load = CallerLoad(dsn, callers)
    with ThreadPoolExecutor(len(callers) + 1) as threads:
        try:
            load.start(threads)
            yield load
        finally:
            load.stop()
