"""The watchdog: one thread per process that looks after the pools a few times a second.

It disconnects what is overdue and has each pool take back what it lost. It never waits for a pool,
an event loop, or the database, and it never touches libpq. It also starts the threads of pools: an
exception that is thrown into a caller while that starts a thread may hit the new thread instead,
before it runs, and the caller would wait for it forever.
"""

import _thread
import logging
import math
import os
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from typing import Protocol

logger = logging.getLogger("oadb.pool")

# Seconds between two looks, if nothing is due earlier.
_INTERVAL = 0.25

# Seconds without a look after which the thread is taken for dead, and another one is started.
_SILENCE = 5.0

# Seconds until a thread that could not be started is tried again.
_AGAIN = 0.05


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
        self._work: SimpleQueue[Callable[[], object] | float] = SimpleQueue()
        self._lock = threading.Lock()
        self._generation = 0
        self._next = -math.inf

    def watch(self, watched: Watched) -> None:
        """Look after *watched* as long as it exists."""
        with self._lock:
            self._watched.add(watched)
        self._ensure_running()

    def expect(self, due: float) -> None:
        """Look at *due* at the latest."""
        if due < self._next:
            self._work.put(due)

    def start(self, work: Callable[[], object]) -> None:
        """Run *work* in a thread of its own."""
        self._work.put(work)
        self._ensure_running()

    def _ensure_running(self) -> None:
        """Start the thread, unless it has looked recently."""
        with self._lock:
            if monotonic() < self._next + _SILENCE:
                return
            self._generation += 1
            self._next = monotonic()
            # Not a Thread, whose start() would wait for the new thread.
            _thread.start_new_thread(self._run, (self._generation,))

    def _run(self, generation: int) -> None:
        threading.current_thread().name = "oadb watchdog"
        while generation == self._generation:
            if monotonic() >= self._next:
                self._look(monotonic())
            with suppress(Empty):
                work = self._work.get(timeout=max(self._next - monotonic(), 0.001))
                if isinstance(work, int | float):
                    self._next = min(self._next, work)
                else:
                    self._start(work)

    def _start(self, work: Callable[[], object]) -> None:
        try:
            threading.Thread(target=work, name="oadb pool", daemon=True).start()
        except RuntimeError as error:  # a limit of the system
            logger.warning("a thread of a pool cannot be started, trying again: %s", error)
            sleep(_AGAIN)
            self._work.put(work)

    def _look(self, now: float) -> None:
        self._next = now + _INTERVAL
        with self._lock:
            watched = [*self._watched]
        for each in watched:
            try:
                self._next = min(self._next, each.inspect(now))
            except Exception:
                logger.exception("the watchdog failed, and goes on")


watchdog = Watchdog()
os.register_at_fork(after_in_child=watchdog._reset)  # threads are not inherited
