"""The watchdog: one thread per process that looks after the pools a few times a second.

It disconnects what is overdue and has each pool take back what it lost. It never waits for a pool,
an event loop, or the database, and it never touches libpq. It also starts the threads of pools: an
exception that is thrown into a caller while that starts a thread may hit the new thread instead,
before it runs, and the caller would wait for it forever.
"""

import logging
import os
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Protocol

logger = logging.getLogger("oadb.pool")

# Seconds between two looks, if nothing is due earlier.
_INTERVAL = 0.25


class Watched(Protocol):
    """What the watchdog looks after."""

    def inspect(self, now: float) -> float:
        """Act on what is overdue; return when something is due next (monotonic clock)."""
        ...


class Watchdog:
    """The thread, which starts with the first pool, and again in a forked child."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._watched: weakref.WeakSet[Watched] = weakref.WeakSet()
        self._work: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._next = 0.0

    def watch(self, watched: Watched) -> None:
        """Look after *watched* as long as it exists."""
        with self._lock:
            self._watched.add(watched)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="oadb watchdog", daemon=True)
                self._thread.start()

    def expect(self, due: float) -> None:
        """Look at *due* at the latest."""
        if due < self._next:
            self._work.put(None)

    def start(self, work: Callable[[], object]) -> None:
        """Run *work* in a thread of its own."""
        self._work.put(work)

    def _run(self) -> None:
        while True:
            self._look(monotonic())
            with suppress(Empty):
                while work := self._work.get(timeout=max(self._next - monotonic(), 0.001)):
                    threading.Thread(target=work, name="oadb pool", daemon=True).start()

    def _look(self, now: float) -> None:
        self._next = now + _INTERVAL
        for watched in [*self._watched]:
            try:
                self._next = min(self._next, watched.inspect(now))
            except Exception:
                logger.exception("the watchdog failed, and goes on")


watchdog = Watchdog()
os.register_at_fork(after_in_child=watchdog._reset)  # threads are not inherited
