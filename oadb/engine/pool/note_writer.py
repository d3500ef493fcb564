"""Notes: writes that nobody waits for, such as that a session was seen.

A note is written at once, but apart from the call that makes it, in a transaction of its own. So it
is no part of the caller's transaction, and stays when that is rolled back; and as it locks one row,
no two of them can wait for each other.

One that fails is kept, and written again after a pause, unless its values are at fault. It may run
late, or twice: its statement must be repeatable, and carry the time of what it notes. Of several
notes with one key, the last counts. What cannot be written, or does not fit into the queue, is
counted and logged.
"""

import atexit
import logging
import math
import threading
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol

import psycopg

from oadb.engine import execution, failures
from oadb.engine.driver import Driver, drive
from oadb.engine.observing import RowsDropped, RowsWritten, WriteFailed
from oadb.engine.pool.connections import give_up
from oadb.engine.pool.note_blocks import by_itself
from oadb.engine.telling import Teller
from oadb.engine.wire import SetupStatement
from oadb.errors import Error, UnavailableError

logger = logging.getLogger("oadb.notes")

MOST = 10_000
"""Notes that wait at most; further ones are dropped."""

# Seconds between two bursts, how often a busy pool is asked before a note queues with the callers,
# and how long to pause after failures: twice as long after each.
_PAUSE, _TRIES, _LONGEST_PAUSE = 0.05, 20, 30.0

# Seconds for the notes that are left when a pool is closed, or the process ends.
_CLOSING = 2.0

# Seconds between two looks, while pausing, whether the pool was closed; and for that, whether the
# thread or task has ended.
_SLICE, _POLLING_INTERVAL = 0.02, 0.002


class Lessor(Protocol):
    """The part of a pool that notes need; see Pool."""

    lease_seconds: float
    teller: Teller | None

    def take(self, label: str, limit: float, seconds: float) -> Any:
        """Lease an idle connection, or return None."""

    async def acquire(self, label: str, limit: float, seconds: float) -> Any:
        """Lease a connection, and wait for it with the other callers."""

    def release(self, connection: Any) -> None:
        """Return a connection."""


_writers: weakref.WeakSet["NoteWriter"] = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class Note:
    """A call of a declared statement that is to be written apart.

    Attributes:
        key: Of the notes of a statement with one key, the last counts.
        identity: What restricts it to the rows of the user of its maker.
    """

    query: Any
    values: tuple[Any, ...]
    key: Hashable
    identity: tuple[SetupStatement, ...] = ()


class NoteWriter:
    """Writes notes on connections of a pool, one after another."""

    def __init__(self, pool: Lessor, driver: Driver) -> None:
        self._pool = pool
        self._driver = driver
        self._lock = threading.Lock()
        self._due: dict[Hashable, Note] = {}
        self._writing = 0
        self._runs: Callable[[], bool] | None = None
        self._last = -math.inf
        self._failures = 0
        self._is_closed = False
        self._failed = self._dropped = 0
        _writers.add(self)

    @property
    def is_blocking(self) -> bool:
        """Whether it needs no event loop."""
        return self._driver.home is None

    @property
    def queued(self) -> int:
        """Notes that are not known to be written."""
        return len(self._due) + self._writing

    def counts(self) -> dict[str, int]:
        """Return what PoolStats says of notes."""
        return {
            "notes_queued": self.queued,
            "notes_failed": self._failed,
            "notes_dropped": self._dropped,
        }

    def put(self, note: Note) -> None:
        """Have a note written soon. Returns at once, and raises nothing."""
        key = (note.query, note.key)
        with self._lock:
            is_taken = not self._is_closed and (key in self._due or len(self._due) < MOST)
            if is_taken:
                self._due[key] = note
                self._ensure_running()
        if not is_taken:
            self._drop(note)

    async def close(self) -> None:
        """Write what is due, within 2 s, and take no more; log how much could not be written."""
        with self._lock:
            was_closed, self._is_closed = self._is_closed, True
        if was_closed:
            return
        end = monotonic() + _CLOSING
        while monotonic() < end and (note := self._next()) is not None:
            if not await self._write(note, end):
                await self._driver.sleep(_PAUSE)
        while monotonic() < end and self._runs is not None and self._runs():
            await self._driver.sleep(_POLLING_INTERVAL)
        if left := self.queued:
            logger.warning("notes that were not written when their Database was closed: %d", left)

    def take_over(self, before: "NoteWriter") -> None:
        """Write what another one, whose event loop has ended, has left."""
        for note in [*before._due.values()]:  # of the same class
            self.put(note)

    def _ensure_running(self) -> None:
        if self._runs is None or not self._runs():
            work = self._run()
            try:
                self._runs = self._driver.apart(work)
            except RuntimeError:  # the interpreter or the loop is ending
                work.close()
                self._runs = None

    async def _run(self) -> None:
        """Write notes, until none is due for a while."""
        while True:
            due = self._last + self._pause
            while (left := due - monotonic()) > 0 and not self._is_closed:
                await self._driver.sleep(min(left, _SLICE))
            note = None if self._is_closed else self._next(ends=True)
            if note is None:
                return
            while note is not None and await self._write(note):
                note = self._next()
            self._last = monotonic()

    @property
    def _pause(self) -> float:
        return min(_PAUSE * 2.0 ** min(self._failures, 10), _LONGEST_PAUSE)

    def _next(self, *, ends: bool = False) -> Note | None:
        """Return the oldest note that is due; None: there is none.

        Args:
            ends: whether the caller writes no more if there is none.
        """
        with self._lock:
            if self._due:
                self._writing += 1
                return self._due.pop(next(iter(self._due)))
            if ends:
                self._runs = None
            return None

    async def _write(self, note: Note, limit: float = math.inf) -> bool:
        """Write a note, or put it back; return whether it is over: written, or refused for good.

        Args:
            limit: when to give up (monotonic clock).
        """
        started = monotonic()
        try:
            error = await self._attempt(note, limit)
        except BaseException:
            self._settle(note, is_over=False)
            raise
        is_over = error is None or _is_at_fault(error)
        self._settle(note, is_over=is_over)
        if error is None:
            self._tell_written(note, monotonic() - started)
        else:
            self._tell_failed(note, error, is_over=is_over)
        return is_over

    async def _attempt(self, note: Note, limit: float) -> Exception | None:
        """Write a note; return what has prevented it, without row data."""
        label = note.query.label
        try:
            connection = await self._lease(label, limit)
        except Error as error:
            return error
        try:
            prelude, then = by_itself(note, connection.state.limits)
            given = (note.query, note.values, prelude)
            await execution.run(self._driver, connection, *given, then=then)
        except psycopg.Error as error:
            connection.state.is_spoiled |= failures.is_unusable(error, connection)
            return failures.scrubbed(error, label, note.query.place_at)
        except Error as error:
            return error
        except BaseException:
            # Cancelled, because the loop is ending: it would not run a task that clears up.
            give_up(connection)
            raise
        finally:
            self._pool.release(connection)
        return None

    async def _lease(self, label: str, limit: float) -> Any:
        """Lease a connection that nobody uses; queue with the callers if there is none for long."""
        seconds = self._pool.lease_seconds
        for _ in range(_TRIES):
            connection = self._pool.take(label, limit, seconds)
            if connection is not None:
                return connection
            if monotonic() >= limit:
                break
            await self._driver.sleep(_PAUSE)
        return await self._pool.acquire(label, limit, seconds)

    def _settle(self, note: Note, *, is_over: bool) -> None:
        """Count an attempt that has ended; put the note back unless it is over."""
        with self._lock:
            self._writing -= 1
            if is_over:
                self._failures = 0
            else:
                self._failures += 1
                self._due.setdefault((note.query, note.key), note)

    def _tell_written(self, note: Note, seconds: float) -> None:
        if self._pool.teller is not None:
            written = RowsWritten(note.query.label, 1, 0, seconds, 0, self.queued)
            self._pool.teller.rows_written(written)

    def _tell_failed(self, note: Note, error: Exception, *, is_over: bool) -> None:
        self._failed += 1
        if is_over:
            logger.error("%s is written apart, and was refused: %s", note.query.label, error)
        elif self._failures == 1:  # of an outage, once
            text = "%s is written apart, and could not be; it is tried again: %s"
            logger.warning(text, note.query.label, error)
        if self._pool.teller is not None:
            state = error.sqlstate if isinstance(error, psycopg.Error) else None
            told = WriteFailed(note.query.label, type(error).__name__, state, self.queued)
            self._pool.teller.write_failed(told)

    def _drop(self, note: Note) -> None:
        if not self._dropped:
            text = "%s is written apart, and was dropped: %d notes wait, or the Database is closed"
            logger.warning(text, note.query.label, self.queued)
        self._dropped += 1
        if self._pool.teller is not None:
            self._pool.teller.rows_dropped(RowsDropped(note.query.label, 1))


def _is_at_fault(error: Exception) -> bool:
    """Say whether a note would fail again: its values, or what it returns, are not as declared."""
    if isinstance(error, psycopg.Error):
        return failures.is_data_error(error)
    return not isinstance(error, UnavailableError)


def _close_all() -> None:
    """Write what is left at the end of the process; event loops have ended by then."""
    for each in [*_writers]:
        if each.is_blocking:
            drive(each.close())


atexit.register(_close_all)
