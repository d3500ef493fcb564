"""The worker: a lane for each log table, which is a queue and the thread that stores its rows.

A table that fails or does not answer keeps its own thread and connection busy, and no other. The
thread of a lane starts with its first row. The lanes share a pool of one connection, which grows
while they store rows at the same time, to one for each of them.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from time import monotonic

from oadb import runtimes
from oadb.engine.database import Database
from oadb.engine.observing import RowsDropped
from oadb.engine.telling import Teller
from oadb.errors import BusyError, OutcomeUnknownError, ParameterError, UnavailableError
from oadb.logs.redaction import Redaction
from oadb.logs.writing import exits
from oadb.logs.writing.delivery import Delivery, Ledger
from oadb.logs.writing.limits import Limits, require
from oadb.logs.writing.log_tables import LogTable
from oadb.logs.writing.queue import Queue, Receipt
from oadb.logs.writing.writer_stats import LogStats, total


@dataclass(slots=True)
class Lane:
    """The rows of one table."""

    table: LogTable
    queue: Queue
    thread: threading.Thread | None = None
    started: threading.Event = field(default_factory=threading.Event)


class Worker:
    """What LogWriter and AsyncLogWriter share; ``close``, ``drain`` and ``wait_for_room`` block."""

    def __init__(
        self,
        db: Database,
        ledger: Ledger,
        tables: Iterable[LogTable],
        limits: Limits,
        fields: Iterable[str],
        teller: Teller | None = None,
    ) -> None:
        self._db = db
        self._ledger = ledger
        self._limits = limits
        self._teller = teller
        self._tables = tuple(tables)
        self._redaction = Redaction(fields)
        self.start_afresh()
        exits.open_workers.add(self)

    def start_afresh(self) -> None:
        """Start with empty queues and without threads; a forked child does so again."""
        self._lanes = {each.row: Lane(each, Queue(self._limits)) for each in self._tables}
        # Reentrant: a signal handler may write a row while its thread holds the lock.
        self._starting = threading.RLock()
        self._running = 0
        self._closed = False

    def offer(self, row: object, receipt: Receipt | None = None) -> bool:
        """Redact a row, and queue it if there is room; *receipt* resolves when it is stored.

        Raises:
            ParameterError: *row* belongs to no log table.
        """
        lane = self._lanes.get(type(row))
        if lane is None:
            raise ParameterError(self._not_a_row(row))
        kept, size = lane.table.redacted(row, self._redaction)
        if lane.thread is None:
            self._start(lane)
        return lane.queue.offer(kept, size, receipt)

    def queue_of(self, row: object) -> Queue:
        """Return the queue of a row that was offered."""
        return self._lanes[type(row)].queue

    def drop(self, row: object) -> None:
        """Count a row that was offered and not queued."""
        self.queue_of(row).drop()
        if self._teller is not None:
            self._teller.rows_dropped(RowsDropped(self._lanes[type(row)].table.name, 1))

    def stats(self) -> LogStats:
        """Return the state and the counters of all tables."""
        return total({each.table.name: each.queue.stats() for each in self._lanes.values()})

    def flush(self) -> None:
        """Make the queued rows due."""
        for lane in self._lanes.values():
            lane.queue.flush()

    def drain(self, deadline_seconds: float) -> int:
        """Store the rows that are queued now; return how many are not known to be stored.

        Args:
            deadline_seconds: 0 to 3600.
        """
        require("deadline_seconds", deadline_seconds, 0, 3600)
        end = monotonic() + deadline_seconds
        # All first, so that they share the time.
        marks = [(each.queue, each.queue.flush()) for each in self._lanes.values()]
        return sum(
            queue.wait_until_stored(mark, max(end - monotonic(), 0.0)) for queue, mark in marks
        )

    def take_no_more(self) -> None:
        """Take no more rows; those in the queues become due."""
        with self._starting:
            for lane in self._lanes.values():
                lane.queue.close()
            self._closed = True

    def close(self, deadline_seconds: float) -> int:
        """Store the rows in the queues; return how many are not known to be stored.

        Args:
            deadline_seconds: 0 to 3600.
        """
        require("deadline_seconds", deadline_seconds, 0, 3600)
        end = monotonic() + deadline_seconds
        self.take_no_more()
        exits.open_workers.discard(self)
        for lane in self._lanes.values():
            if lane.thread is not None and lane.started.wait(max(end - monotonic(), 0.0)):
                lane.thread.join(max(end - monotonic(), 0.0))
        self._close_database_at_end()
        return sum(each.queue.give_up() for each in self._lanes.values())

    def _start(self, lane: Lane) -> None:
        """Start the thread of a lane, unless another caller does.

        Raises:
            ConfigError: gevent or eventlet has patched the standard library too late.
            RuntimeError: the system has no room for a thread.
        """
        runtimes.require_early_patches()
        with self._starting:
            if lane.thread is not None:
                return
            name = f"oadb {lane.table.name}"
            lane.thread = threading.Thread(
                target=self._deliver, args=(lane,), name=name, daemon=True
            )
            self._running += 1
        # Without the lock: start() waits for the new thread, which takes it when it ends.
        try:
            lane.thread.start()
        except RuntimeError:
            with self._starting:
                lane.thread = None
                self._running -= 1
            raise
        exits.end_with_process()

    def _deliver(self, lane: Lane) -> None:
        lane.started.set()
        Delivery(lane.queue, lane.table, self._db, self._ledger, self._teller).run()
        with self._starting:
            self._running -= 1
        self._close_database_at_end()

    def _close_database_at_end(self) -> None:
        """Close the connections once the last thread has ended."""
        with self._starting:
            is_over = self._closed and not self._running
        if is_over:
            self._db.close()

    def _not_a_row(self, row: object) -> str:
        known = ", ".join(f"{each.name}.{each.row.__name__}" for each in self._tables)
        return f"logs: a row must be one of {known}, not {type(row).__name__}"


def raise_unless_stored(receipt: Receipt, timeout: float) -> None:
    """Check that a row was stored.

    Raises:
        OutcomeUnknownError: it is still being stored.
        UnavailableError: it was not stored in time; it is withdrawn.
        ParameterError: the table refused it.
    """
    if not receipt.done() and not receipt.cancel():
        raise OutcomeUnknownError(
            f"logs: after {timeout:g} s the row is still being stored; do not write it again"
        )
    if receipt.cancelled():
        raise UnavailableError(
            f"logs: the row was not stored within {timeout:g} s, and will not be"
        )
    if (reason := receipt.result()) is not None:
        raise ParameterError(
            f"logs: the table refused the row, which is now in log_rejects: {reason}"
        )


def refusal(queue: Queue, timeout: float) -> BusyError | UnavailableError:
    """Return the error for a row that was not queued."""
    if queue.is_closed:
        return UnavailableError("logs: this writer was closed; the row was not queued")
    return BusyError(f"logs: the queue was full for {timeout:g} s; the row was not queued")
