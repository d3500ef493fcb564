"""Ends of a process: rows that were taken are stored before it ends, within a few seconds.

At the end of the interpreter, at the end of a child of multiprocessing (which runs no atexit
functions), and at SIGTERM inside of ``drain_on_sigterm``. A forked child begins with empty queues.
"""

import atexit
import logging
import os
import sys
from time import monotonic
from typing import Protocol

logger = logging.getLogger("oadb.log_writer")

# Seconds by which open writers may delay the end of the process; the total is below 5.
AT_EXIT = 3.0

# Finalizers of multiprocessing run in descending order: after those of a service, which may log.
_LAST = -1000

_LOST = "%d log rows were not stored before the process ended"


class OpenWorker(Protocol):
    """A worker that may have rows in its queues."""

    def start_afresh(self) -> None:
        """Forget what belongs to the parent process."""

    def flush(self) -> None:
        """Make the queued rows due."""

    def drain(self, deadline_seconds: float) -> int:
        """Store the rows that are queued now; return how many are left."""
        ...

    def take_no_more(self) -> None:
        """Take no more rows; those in the queues become due."""

    def close(self, deadline_seconds: float) -> int:
        """Store the rows in the queues; return how many are left."""
        ...


open_workers: set[OpenWorker] = set()
"""Workers that are not closed."""

# The process that has a finalizer.
_finalized = 0


def close_all(seconds: float = AT_EXIT) -> None:
    """Close the open workers; log how many rows were not stored."""
    end = monotonic() + seconds
    workers = [*open_workers]
    for worker in workers:
        worker.take_no_more()  # all first, so that they share the time
    for worker in workers:
        if left := worker.close(max(end - monotonic(), 0.0)):
            logger.warning(_LOST, left)


def drain_all(seconds: float) -> None:
    """Store the rows that are queued now; log how many were not stored."""
    end = monotonic() + seconds
    workers = [*open_workers]
    for worker in workers:
        worker.flush()
    for worker in workers:
        if left := worker.drain(max(end - monotonic(), 0.0)):
            logger.warning("SIGTERM: %d log rows are not stored yet", left)


def end_with_process() -> None:
    """Have the open workers closed at the end of this process if it runs no atexit functions."""
    global _finalized  # noqa: PLW0603  # once in a process
    if "multiprocessing.process" not in sys.modules or _finalized == os.getpid():
        return
    from multiprocessing import parent_process, util  # noqa: PLC0415  # takes 7 ms; loaded already

    if parent_process() is not None:
        util.Finalize(None, close_all, exitpriority=_LAST)
    _finalized = os.getpid()


def _start_all_afresh() -> None:
    for worker in open_workers:
        worker.start_afresh()


atexit.register(close_all)
os.register_at_fork(after_in_child=_start_all_afresh)
