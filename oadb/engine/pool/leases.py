"""Who has which connection, for what and since when; and who forgot to give one back."""

import inspect
import logging
import traceback
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from time import monotonic
from types import CodeType
from typing import Any

logger = logging.getLogger("oadb.pool")

Callers = list[tuple[CodeType, int]]
"""Frames of a stack, the innermost first: code and line."""

_STACK_DEPTH = 8


class Leases:
    """The connections that are out of the pool."""

    def __init__(self) -> None:
        self._open: dict[Any, tuple[str, float]] = {}
        self._forgotten: deque[tuple[Any, Callers]] = deque()
        self.leaked = 0

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._open)

    def __contains__(self, connection: Any) -> bool:
        """Say whether *connection* is out, and with this process."""
        return connection in self._open

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the connections."""
        return iter(list(self._open))

    def begin(self, connection: Any, label: str) -> None:
        """Note that *connection* is out for *label*."""
        self._open[connection] = (label, monotonic())

    def end(self, connection: Any) -> None:
        """Note that *connection* is back."""
        self._open.pop(connection, None)

    def watch(self, holder: object, connection: Any, origin: Callers) -> Callable[[], Any]:
        """Have *connection* found by ``forgotten`` if *holder* dies without giving it back.

        Returns what to call once it was given back.
        """
        # The finaliser may run anywhere, even inside the pool's own lock: it only takes a note.
        final = weakref.finalize(holder, self._forgotten.append, (connection, origin))
        final.atexit = False
        return final.detach

    def forgotten(self) -> Any:
        """Return a connection whose holder is gone, after logging where it was taken, or None."""
        if not self._forgotten:
            return None
        connection, origin = self._forgotten.popleft()
        label, since = self._open.pop(connection, ("a block", monotonic()))
        self.leaked += 1
        logger.error(
            "%s was left open and garbage collected after %.1f s; "
            "its connection is closed and replaced. It was opened at:\n%s",
            label, monotonic() - since, _formatted(origin),
        )  # fmt: skip
        return connection

    def longest(self) -> str:
        """Name the lease that has lasted longest."""
        leases = list(self._open.values())
        if not leases:
            return ""
        label, since = min(leases, key=lambda lease: lease[1])
        return f", longest by {label} for {monotonic() - since:.1f} s"


def callers() -> Callers:
    """Note who called: cheaply, as it is hardly ever needed."""
    frame, found = inspect.currentframe(), Callers()
    while frame is not None and len(found) < _STACK_DEPTH:
        found.append((frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return found


def _formatted(origin: Callers) -> str:
    """Return *origin* as a traceback shows it; source files are read only now."""
    frames = [
        traceback.FrameSummary(code.co_filename, line, code.co_name)
        for code, line in reversed(origin)
    ]
    return "".join(traceback.format_list(frames))
