"""The handler of SIGTERM, for services that do not end by themselves when they get it.

The handler itself only starts a thread and returns: it may interrupt the main thread anywhere, even
where that holds the lock of a queue. The thread stores the rows, and then sends the signal once
more, which the handler passes on to the one before it.
"""

import _thread
import os
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

from oadb.errors import ParameterError
from oadb.logs.writing.exits import AT_EXIT, close_all, drain_all
from oadb.logs.writing.limits import require

Handler = Callable[[int, FrameType | None], object] | int
"""As signal.getsignal returns it."""


class _Handler:
    """Stores rows at SIGTERM, then passes the signal on."""

    def __init__(self, previous: Handler, seconds: float) -> None:
        self.previous = previous
        self._seconds = seconds
        # The processes in which rows are being stored, and have been.
        self._storing = self._stored = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal, in the main thread."""
        process = os.getpid()
        if self._stored == process:
            self._storing = self._stored = 0
            self._pass_on(number, frame)
        elif self._storing != process:
            self._storing = process
            # threading.Thread takes a lock that the main thread may hold.
            _thread.start_new_thread(self._store, ())

    def _store(self) -> None:
        try:
            if self.previous == signal.SIG_DFL:
                close_all(self._seconds)  # the process ends: what comes now cannot be stored
            else:
                drain_all(self._seconds)
        finally:
            self._stored = os.getpid()
            os.kill(os.getpid(), signal.SIGTERM)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        if callable(self.previous):
            self.previous(number, frame)
        elif self.previous == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)


@contextmanager
def drain_on_sigterm(*, deadline_seconds: float = AT_EXIT) -> Generator[None]:
    """Store the rows that all writers of this process took before SIGTERM ends it.

    At SIGTERM a thread stores the rows, while the service goes on. Then the handler that was there
    before is called; if there was none, the writers were closed, and the process ends as it would
    have. Children that are forked meanwhile do the same. On leaving, the handler before is
    restored. asyncio's ``add_signal_handler`` replaces this one: call ``drain`` or ``close`` there.

    Args:
        deadline_seconds: 0 to 3600; rows not stored by then are logged as lost.

    Raises:
        ParameterError: *deadline_seconds* is out of its range; not in the main thread; or the
            present handler is not of Python.
    """
    require("deadline_seconds", deadline_seconds, 0, 3600)
    previous = signal.getsignal(signal.SIGTERM)
    if previous is None:
        raise ParameterError(
            "drain_on_sigterm: the handler of SIGTERM is not of Python; call drain()"
        )
    handler = _Handler(previous, deadline_seconds)
    try:
        signal.signal(signal.SIGTERM, handler)
    except ValueError:
        raise ParameterError("drain_on_sigterm: it must be entered in the main thread") from None
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is handler:
            signal.signal(signal.SIGTERM, previous)
