"""The queue of a log table: bounded by rows and bytes, and reopened at half of its bounds.

Rows count until they are stored, so that the bounds include the batch that is being stored.
"""

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from operator import itemgetter
from time import monotonic, monotonic_ns
from uuid import UUID, uuid4

from oadb.errors import UnavailableError
from oadb.logs.redaction import Values
from oadb.logs.writing.limits import Limits
from oadb.logs.writing.row_refusals import Refusals
from oadb.logs.writing.writer_stats import LogTableStats, WriterCounts

Receipt = Future[str | None]
"""For a caller that waits until its row is stored; the result is why it was rejected, or None."""

Entry = tuple[int, Values, int, Receipt | None]
"""Time of a row (nanoseconds of the monotonic clock), its values, their size, its receipt."""

_CLOSED = "logs: this writer was closed before it stored the row"

_SIZE = itemgetter(2)

# Most rows and bytes of a batch; its last row may exceed the bytes.
_BATCH_ROWS, _BATCH_BYTES = 5000, 8 * 1024 * 1024

# Seconds after which an attempt without an answer is an error in the statistics.
_SILENCE = 5.0


@dataclass(slots=True)
class LogBatch:
    """Rows of a table, stored in one transaction that also records how many were dropped."""

    entries: list[Entry]
    drops: int
    batch_id: UUID = field(default_factory=uuid4)
    rejects: list[tuple[Entry, str]] = field(default_factory=list[tuple[Entry, str]])
    """Rows that the table refused, and why; known after an attempt."""
    refusals: Refusals = field(default_factory=Refusals)
    is_new: bool = True
    """Whether there was no attempt yet."""
    is_claimed: bool = False
    """Whether the last attempt claimed the id, so that no attempt before it was committed."""


class Queue:
    """Queued rows of one table; any thread offers rows, one takes batches."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._max_rows, self._max_bytes = limits.max_rows, limits.max_bytes
        # Only these numbers of rows wake the consumer: otherwise it sleeps until a batch is due.
        self._waking = frozenset({1, limits.flush_rows})
        # Reentrant: a signal handler may write a row while its thread holds the lock.
        lock = threading.RLock()
        self._lock = lock
        self._changed = threading.Condition(lock)
        self._room = threading.Condition(lock)
        self._settled = threading.Condition(lock)
        self._entries: deque[Entry] = deque()
        self._drops = self._awaited = 0
        self._in_hand: LogBatch | None = None
        self._attempt_since = 0.0
        self._flushed_to = 0
        self._batch_rows = _BATCH_ROWS
        self._counts = WriterCounts()
        self._open = True
        self._full_since: float | None = None
        self._closing = self._given_up = False

    # For producers ------------------------------------------------------------------------------

    def offer(self, values: Values, size: int, receipt: Receipt | None = None) -> bool:
        """Queue a row if there is room; say whether it was queued."""
        with self._lock:
            counts = self._counts
            if counts.bytes + size > self._max_bytes:
                self._fill()
            if not self._open:
                return False
            self._entries.append((monotonic_ns(), values, size, receipt))
            counts.bytes += size
            counts.rows = rows = counts.rows + 1
            if receipt is not None:
                self._awaited += 1
                self._changed.notify()
            elif rows in self._waking:
                self._changed.notify()
            if rows >= self._max_rows:
                self._fill()
            return True

    def wait_for_room(self, seconds: float) -> bool:
        """Wait for room in the queue; say whether there is."""
        with self._lock:
            self._room.wait_for(lambda: self._open or self._closing, seconds)
            return self._open

    @property
    def is_closed(self) -> bool:
        """Whether the queue takes no more rows."""
        return self._closing

    @property
    def patience(self) -> float:
        """Seconds for which ``offer`` may still wait for room."""
        since = self._full_since
        if since is None or self._closing:
            return 0.0
        return max(since + self._limits.wait_seconds - monotonic(), 0.0)

    def drop(self) -> None:
        """Count a row that was not queued."""
        with self._lock:
            if self._closing:
                self._counts.refused += 1
                return
            self._counts.dropped += 1
            self._drops += 1
            self._changed.notify()

    def flush(self) -> int:
        """Make the queued rows due; return their mark, for ``wait_until_stored``."""
        with self._lock:
            self._flushed_to = mark = monotonic_ns()
            self._changed.notify()
            return mark

    def wait_until_stored(self, mark: int, seconds: float) -> int:
        """Wait for the rows up to *mark*; return how many are not known to be stored."""
        with self._lock:
            self._settled.wait_for(lambda: self._given_up or self._oldest(mark + 1) > mark, seconds)
            held = self._in_hand.entries if self._in_hand else []
            return sum(_stamp(entry) <= mark for each in (held, self._entries) for entry in each)

    def stats(self) -> LogTableStats:
        """Return the state and the counters of the queue."""
        with self._lock:
            now = monotonic_ns()
            is_full, oldest = self._full_since is not None, self._oldest(now)
            waited = monotonic() - self._attempt_since if self._in_hand else 0.0
            silent = waited > _SILENCE
            unanswered = f"no answer from the database for {waited:.0f} s" if silent else None
            age = (now - oldest) / 1e9
            return self._counts.snapshot(age, is_full=is_full, unanswered=unanswered)

    # For the consumer ---------------------------------------------------------------------------

    def take(self) -> LogBatch | None:
        """Wait for the next batch; None once the queue is closed and empty, or given up."""
        with self._lock:
            while not self._given_up:
                due = self._seconds_until_due()
                if due is None and self._closing:
                    break
                if due is not None and due <= 0:
                    self._in_hand = self._next_batch()
                    self._attempt_since = monotonic()
                    if self._in_hand is not None:
                        return self._in_hand
                else:
                    self._changed.wait(due)
            return None

    def settle(self, batch: LogBatch) -> None:
        """Remove a stored batch, and resolve the receipts of its rows."""
        reasons = {id(entry): reason for entry, reason in batch.rejects}
        with self._lock:
            self._in_hand = None
            self._batch_rows = min(2 * self._batch_rows, _BATCH_ROWS)
            self._forget(batch.entries)
            self._counts.succeed(len(batch.entries), len(reasons))
        for entry in batch.entries:
            _, _, _, receipt = entry
            if receipt is not None:
                receipt.set_result(reasons.get(id(entry)))

    def retry(self, error: str, seconds: float) -> bool:
        """Record a failed attempt, and wait; False if there must not be another attempt."""
        with self._lock:
            self._counts.retries += 1
            self._counts.last_error = error
            self._attempt_since = monotonic() + seconds
            return not self._changed.wait_for(lambda: self._given_up, seconds)

    def halve(self, batch: LogBatch) -> None:
        """Put the second half of a batch back, because all of it would take too long.

        Only if no attempt at the batch can have been committed.
        """
        with self._lock:
            half = (len(batch.entries) + 1) // 2
            for entry in reversed(batch.entries[half:]):
                self._entries.appendleft(entry)
                self._awaited += entry[3] is not None
            del batch.entries[half:]
            self._batch_rows = max(half, 1)

    # Closing ------------------------------------------------------------------------------------

    def close(self) -> None:
        """Take no more rows; those that are queued become due."""
        with self._lock:
            self._closing, self._open = True, False
            self._changed.notify_all()
            self._room.notify_all()

    def give_up(self) -> int:
        """End the storing of rows; return how many are not known to be stored."""
        with self._lock:
            self._given_up = True
            self._changed.notify_all()
            self._settled.notify_all()
            for *_, receipt in self._entries:
                if receipt is not None and not self._is_withdrawn(receipt):
                    receipt.set_exception(UnavailableError(_CLOSED))
            return self._counts.rows

    # With the lock held -------------------------------------------------------------------------

    def _fill(self) -> None:
        if self._open:
            self._open, self._full_since = False, monotonic()
            self._changed.notify()

    def _forget(self, entries: Sequence[Entry]) -> None:
        """Remove entries; reopen the queue at half of its bounds."""
        counts, limits = self._counts, self._limits
        counts.remember_most()  # before they become less
        counts.rows -= len(entries)
        counts.bytes -= sum(map(_SIZE, entries))
        self._settled.notify_all()
        at_half = counts.rows <= limits.max_rows // 2 and counts.bytes <= limits.max_bytes // 2
        if self._full_since is not None and at_half:
            self._full_since, self._open = None, not self._closing
            self._room.notify_all()

    def _oldest(self, default: int) -> int:
        """Return the time of the oldest row that is not known to be stored."""
        if self._in_hand is not None and self._in_hand.entries:
            return _stamp(self._in_hand.entries[0])
        return _stamp(self._entries[0]) if self._entries else default

    def _seconds_until_due(self) -> float | None:
        """Return the seconds until a batch is due; None: nothing is queued. No batch is taken."""
        if not self._entries:
            return 0.0 if self._drops else None
        if not self._open or self._awaited or len(self._entries) >= self._limits.flush_rows:
            return 0.0
        oldest = _stamp(self._entries[0])
        if oldest <= self._flushed_to:
            return 0.0
        return self._limits.flush_seconds - (monotonic_ns() - oldest) / 1e9

    def _next_batch(self) -> LogBatch | None:
        """Take rows; None if all were withdrawn."""
        entries = self._taken()
        drops, self._drops = self._drops, 0
        return LogBatch(entries, drops) if entries or drops else None

    def _taken(self) -> list[Entry]:
        entries: list[Entry] = []
        total = 0
        while self._entries and len(entries) < self._batch_rows and total < _BATCH_BYTES:
            entry = self._entries.popleft()
            _, _, size, receipt = entry
            if receipt is not None and self._is_withdrawn(receipt):
                self._forget([entry])
            else:
                entries.append(entry)
                total += size
        return entries

    def _is_withdrawn(self, receipt: Receipt) -> bool:
        self._awaited -= 1
        # It runs already if its batch was halved.
        return not receipt.running() and not receipt.set_running_or_notify_cancel()


def _stamp(entry: Entry) -> int:
    return entry[0]
