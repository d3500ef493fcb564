"""In development, with OADB_RELOAD=1: a changed SQL file is read again at the next call.

A file that no longer fits its declarations is a DeclarationError at the call, until it fits again.
Nothing is kept of a statement of before: each connection prepares the new one.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from oadb.engine.binding.declarations import Declaration
from oadb.errors import DeclarationError

_VARIABLE = "OADB_RELOAD"
_log = logging.getLogger("oadb.reload")


class Reloader:
    """The declarations of one module, as its SQL file stands now.

    Args:
        bound: reads the file and returns the declarations by name, bound to it.
    """

    def __init__(self, file: Path, bound: Callable[[], Mapping[str, Declaration]]) -> None:
        self._file, self._bound = file, bound
        self._lock = threading.Lock()
        self._read_at = self._stamp()
        self._latest: Mapping[str, Declaration] = {}
        self._fault = ""

    def attach(self, declarations: Iterable[Declaration]) -> None:
        """Let calls of *declarations* run what the file has."""
        for declared in declarations:
            current = _Current(self, declared)
            declared.arguments = current.arguments
            vars(declared)["chosen"] = current.chosen
            vars(declared)["latest"] = current.latest
            declared.choice = declared.choice or _ALWAYS

    def latest(self, declared: Declaration) -> Declaration | None:
        """Return the declaration that is bound to the file as it stands; None: the first one.

        Raises:
            DeclarationError: the file does not fit the declarations.
        """
        with self._lock:
            stamp = self._stamp()
            if stamp != self._read_at:
                self._read_at = stamp
                self._read_again()
            if self._fault:
                raise DeclarationError(self._fault)
            return self._latest.get(declared.__name__)

    def _read_again(self) -> None:
        try:
            self._latest, self._fault = self._bound(), ""
        except DeclarationError as error:
            self._fault = str(error)
        else:
            _log.info("%s was read again", self._file)

    def _stamp(self) -> tuple[int, int]:
        try:
            found = self._file.stat()
        except OSError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_size)


class _Current:
    """Stands in for the methods of a declaration that calls use."""

    def __init__(self, reloader: Reloader, declared: Declaration) -> None:
        self._reloader, self._declared = reloader, declared
        self._arguments, self._chosen = declared.arguments, declared.chosen
        self._first_choice = declared.choice

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        latest = self._reloader.latest(self._declared)
        return self._arguments(args, kwargs) if latest is None else latest.arguments(args, kwargs)

    def latest(self) -> Declaration:
        return self._reloader.latest(self._declared) or self._declared

    def chosen(self, values: tuple[Any, ...]) -> Declaration:
        latest = self._reloader.latest(self._declared)
        if latest is not None:
            return latest.chosen(values)
        return self._declared if self._first_choice is None else self._chosen(values)


# A choice that is there, so that each call asks which declaration to run.
_ALWAYS: Any = object()


def reloader(file: Traversable, bound: Callable[[], Mapping[str, Declaration]]) -> Reloader | None:
    """Return what reads a file again when it changes; None if it is off, or in an archive."""
    if os.environ.get(_VARIABLE) != "1" or not isinstance(file, Path):
        return None
    _log.warning("%s is read again when it changes (%s=1): for development only", file, _VARIABLE)
    return Reloader(file, bound)
