"""Leases: the use of each connection and its start; leaks are detected and logged."""

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
    """The connections that are in use."""

    def __init__(self) -> None:
        self._open: dict[Any, tuple[str, float]] = {}
        self._leaks: deque[tuple[Any, Callers]] = deque()
        self.leaked = 0

    def __len__(self) -> int:
        """Return their number."""
        return len(self._open)

    def __contains__(self, connection: Any) -> bool:
        """Say whether this process has leased *connection*."""
        return connection in self._open

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the connections in use."""
        return iter(list(self._open))

    def begin(self, connection: Any, label: str) -> None:
        """Record that *connection* is used for *label*."""
        self._open[connection] = (label, monotonic())

    def end(self, connection: Any) -> None:
        """Record that *connection* was returned."""
        self._open.pop(connection, None)

    def watch(self, holder: object, connection: Any, origin: Callers) -> Callable[[], Any]:
        """Have ``next_leaked`` find *connection* if *holder* is collected without returning it.

        Returns:
            A function that ends the watch, to be called when the connection is returned.
        """
        # The finaliser may run anywhere, even while the pool's lock is held: it only appends.
        final = weakref.finalize(holder, self._leaks.append, (connection, origin))
        final.atexit = False
        return final.detach

    def next_leaked(self) -> Any:
        """Return a connection whose holder was collected, and log where it was leased; or None."""
        if not self._leaks:
            return None
        connection, origin = self._leaks.popleft()
        label, since = self._open.pop(connection, ("a block", monotonic()))
        self.leaked += 1
        logger.error(
            "%s was left open and garbage collected after %.1f s; "
            "its connection is closed and replaced. It was opened at:\n%s",
            label,
            monotonic() - since,
            _formatted(origin),
        )
        return connection

    def longest(self) -> str:
        """Return a phrase that names the longest lease."""
        leases = list(self._open.values())
        if not leases:
            return ""
        label, since = min(leases, key=lambda lease: lease[1])
        return f", longest by {label} for {monotonic() - since:.1f} s"


def callers() -> Callers:
    """Return the call stack. Cheap, because it is rarely shown."""
    frame, found = inspect.currentframe(), Callers()
    while frame is not None and len(found) < _STACK_DEPTH:
        found.append((frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return found


def _formatted(origin: Callers) -> str:
    """Return *origin* in the form of a traceback; only now are source files read."""
    frames = [
        traceback.FrameSummary(code.co_filename, line, code.co_name)
        for code, line in reversed(origin)
    ]
    return "".join(traceback.format_list(frames))
