"""The worker: a queue, the thread that delivers what is in it, and what a fork or an exit does."""

import atexit
import os
import threading
from collections.abc import Iterable
from time import monotonic
from typing import NoReturn

from oadb.engine.database import Database
from oadb.errors import BusyError, OutcomeUnknownError, ParameterError, UnavailableError
from oadb.logs.redaction import Redaction
from oadb.logs.writing.delivery import Delivery, Ledger, logger
from oadb.logs.writing.limits import Limits, require
from oadb.logs.writing.log_tables import LogTable
from oadb.logs.writing.queue import Queue, Receipt

# Seconds that the end of the interpreter may be held up; with that of the rest below 5.
_AT_EXIT = 3.0

# Until they are closed: at the end of the process their rows are stored, whoever forgot them.
_working: set["Worker"] = set()


class Worker:
    """What LogWriter and AsyncLogWriter share; only ``close`` and ``wait_for_room`` wait."""

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
        _working.add(self)

    def start_afresh(self) -> None:
        """Begin with an empty queue and no thread, as the child of a fork does, too."""
        self.queue = Queue(self._limits, [each.name for each in self._tables.values()])
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def offer(self, row: object, receipt: Receipt | None = None) -> bool:
        """Redact a row, and take it if there is room; *receipt* hears when it is stored.

        Raises ParameterError for what is a row of no table.
        """
        table = self._tables.get(type(row)) or self._no_table(row)
        kept, size = table.redacted(row, self._redaction)
        if self._thread is None:
            self.start()
        return self.queue.offer(table.name, kept, size, receipt)

    def drop(self, row: object) -> None:
        """Count a row that found no room."""
        self.queue.drop(self._tables[type(row)].name)

    def start(self) -> None:
        """Start the thread, if it does not run."""
        with self._starting:
            if self._thread is None:
                tables = {each.name: each for each in self._tables.values()}
                delivery = Delivery(self.queue, tables, self._db, self._ledger)
                thread = threading.Thread(target=delivery.run, name="oadb logs", daemon=True)
                thread.start()
                self._thread = thread

    def close(self, deadline: float) -> int:
        """Store what is left, for so many seconds; return how many rows are not known to be."""
        require("deadline", deadline, 0, 3600)
        self.queue.close()
        _working.discard(self)
        if self._thread is not None:
            self._thread.join(deadline)
        return self.queue.give_up()

    def _no_table(self, row: object) -> NoReturn:
        known = ", ".join(f"{each.name}.{each.row.__name__}" for each in self._tables.values())
        raise ParameterError(f"a row of logs is one of {known}; not {type(row).__name__}")


def raise_unless_stored(receipt: Receipt, timeout: float) -> None:
    """Raise what became of a row that is not stored, or is not known to be."""
    if not receipt.done() and not receipt.cancel():
        raise OutcomeUnknownError(
            f"logs: the row is being stored, and that took longer than {timeout:g} s"
        )
    if receipt.cancelled():
        raise UnavailableError(
            f"logs: the row was not stored within {timeout:g} s, and will not be"
        )
    if (reason := receipt.result()) is not None:
        raise ParameterError(
            f"logs: the table does not take the row, it is in log_rejects: {reason}"
        )


def refusal(queue: Queue, timeout: float) -> BusyError | UnavailableError:
    """Return why a row was not even taken."""
    if queue.is_closed:
        return UnavailableError("logs: this writer was closed")
    return BusyError(f"logs: the queue is full, and was for {timeout:g} s; the row was not taken")


def _close_all() -> None:
    end = monotonic() + _AT_EXIT
    workers = [*_working]
    for worker in workers:
        worker.queue.close()  # all at once, so that they share the time
    for worker in workers:
        left = worker.close(max(end - monotonic(), 0.0))
        if left:
            logger.warning("%d rows of logs were not stored when the process ended", left)


def _start_all_afresh() -> None:
    for worker in _working:
        worker.start_afresh()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_start_all_afresh)
