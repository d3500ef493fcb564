"""The worker: a queue, the thread that stores its rows, and what happens at fork and at exit."""

import atexit
import os
import threading
from collections.abc import Iterable
from time import monotonic

from oadb.engine.database import Database
from oadb.errors import BusyError, OutcomeUnknownError, ParameterError, UnavailableError
from oadb.logs.redaction import Redaction
from oadb.logs.writing.delivery import Delivery, Ledger, logger
from oadb.logs.writing.limits import Limits, require
from oadb.logs.writing.log_tables import LogTable
from oadb.logs.writing.queue import Queue, Receipt

# Seconds by which closing writers may delay the end of the interpreter; the total is below 5.
_AT_EXIT = 3.0

# Workers that are not closed: at the end of the process, their rows are stored.
_open_workers: set["Worker"] = set()


class Worker:
    """What LogWriter and AsyncLogWriter share; only ``close`` and ``wait_for_room`` block."""

    def __init__(
        self,
        db: Database,
        ledger: Ledger,
        tables: Iterable[LogTable],
        limits: Limits,
        fields: Iterable[str],
    ) -> None:
        self._db = db
        self._ledger = ledger
        self._limits = limits
        self._tables = {each.row: each for each in tables}
        self._redaction = Redaction(fields)
        self.start_afresh()
        _open_workers.add(self)

    def start_afresh(self) -> None:
        """Start with an empty queue and without a thread; a forked child does so again."""
        self.queue = Queue(self._limits, [each.name for each in self._tables.values()])
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def offer(self, row: object, receipt: Receipt | None = None) -> bool:
        """Redact a row, and queue it if there is room; *receipt* resolves when it is stored.

        Raises:
            ParameterError: *row* belongs to no log table.
        """
        table = self._tables.get(type(row))
        if table is None:
            raise ParameterError(self._not_a_row(row))
        kept, size = table.redacted(row, self._redaction)
        if self._thread is None:
            self.start()
        return self.queue.offer(table.name, kept, size, receipt)

    def drop(self, row: object) -> None:
        """Count a row that was not queued."""
        self.queue.drop(self._tables[type(row)].name)

    def start(self) -> None:
        """Start the thread, unless it is running."""
        with self._starting:
            if self._thread is None:
                tables = {each.name: each for each in self._tables.values()}
                delivery = Delivery(self.queue, tables, self._db, self._ledger)
                thread = threading.Thread(target=delivery.run, name="oadb logs", daemon=True)
                thread.start()
                self._thread = thread

    def close(self, deadline_seconds: float) -> int:
        """Store the rows in the queue; return how many are not known to be stored.

        Args:
            deadline_seconds: 0 to 3600.
        """
        require("deadline_seconds", deadline_seconds, 0, 3600)
        self.queue.close()
        _open_workers.discard(self)
        if self._thread is not None:
            self._thread.join(deadline_seconds)
        return self.queue.give_up()

    def _not_a_row(self, row: object) -> str:
        known = ", ".join(f"{each.name}.{each.row.__name__}" for each in self._tables.values())
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


def _close_all() -> None:
    end = monotonic() + _AT_EXIT
    workers = [*_open_workers]
    for worker in workers:
        worker.queue.close()  # all first, so that they share the time
    for worker in workers:
        left = worker.close(max(end - monotonic(), 0.0))
        if left:
            logger.warning("%d log rows were not stored before the process ended", left)


def _start_all_afresh() -> None:
    for worker in _open_workers:
        worker.start_afresh()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_start_all_afresh)
