"""Tells whether a server is gone, with its folder, after the process that started it was killed."""

import fcntl
from contextlib import suppress
from pathlib import Path
from typing import Self


class ServerLeft:
    """A server that somebody else started in a folder; make it while the server runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = (folder / "log").open("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._log.close()

    def is_running(self) -> bool:
        """Tell whether one of its processes lives: all of them inherit the lock on their log."""
        with suppress(BlockingIOError):
            fcntl.flock(self._log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(self._log, fcntl.LOCK_UN)
            return False
        return True

    def is_gone(self) -> bool:
        """Tell whether nothing is left of it."""
        return not self.folder.exists() and not self.is_running()
