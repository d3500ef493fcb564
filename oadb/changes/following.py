"""Followers: copies of rows in memory, which are read again when the rows change.

A subclass defines how to read the copy. Follower and AsyncFollower do so after a hint, and at an
interval, because a hint may be missed; see pacing. If reading fails, the copy stays, with its age
and the error. A forked child keeps the copy, but does not follow.
"""

import asyncio
import logging
import math
import threading
from abc import ABC, abstractmethod
from time import monotonic
from typing import Generic, Self, TypeVar

from oadb.changes.pacing import AsyncPacing, Pacing
from oadb.engine.binding.operations import operation
from oadb.engine.database import AsyncDatabase, Database
from oadb.engine.executors import AsyncExecutor
from oadb.errors import ParameterError

logger = logging.getLogger("oadb.following")

# Seconds until a failed reading is tried again; twice as long each time, up to the interval.
_FIRST_PAUSE = 0.5

# Seconds that closing waits for the thread to end.
_PATIENCE = 5.0

AnyDatabase = TypeVar("AnyDatabase", bound=Database | AsyncDatabase)


class Following(ABC, Generic[AnyDatabase]):
    """A copy in memory and its age: the common part of Follower and AsyncFollower."""

    error: Exception | None
    """Why the copy could not be read the last time; None if it could."""

    def __init__(self, db: AnyDatabase, what: str, channel: str, interval: float) -> None:
        if not interval > 0:
            raise ParameterError(f"{what}: interval_seconds must be above 0")
        self.error = None
        self._db = db
        self._what = what
        self._channel = channel
        self._interval = self._pause = interval
        self._current_at = -math.inf

    @property
    def age_seconds(self) -> float:
        """Seconds since the copy last agreed with the database; at first infinite."""
        return monotonic() - self._current_at

    @abstractmethod
    async def _read(self, db: AsyncExecutor) -> None:
        """Read the copy from the database, and replace it as a whole."""

    async def _renew(self, db: AsyncExecutor) -> None:
        began_at = monotonic()
        await self._read(db)
        self._current_at = began_at

    async def _try_to_renew(self, db: AsyncExecutor) -> None:
        """Read the copy; if that fails, keep the previous one and log the error."""
        try:
            await self._renew(db)
        except Exception as error:  # noqa: BLE001  # any error may be gone at the next attempt
            self._pause = min(2 * self._pause if self.error else _FIRST_PAUSE, self._interval)
            if self.error is None:  # logged once, because an outage may last
                age = self.age_seconds
                logger.warning("%s are kept as they were %.0f s ago: %s", self._what, age, error)
            self.error = error
        else:
            self._pause, self.error = self._interval, None


class Follower(Following[Database]):
    """A copy that is followed by threads of its own, from entering it to leaving it."""

    def __init__(self, db: Database, what: str, channel: str, interval: float) -> None:
        super().__init__(db, what, channel, interval)
        self._pacing = Pacing(db, self._channel)
        self._thread = threading.Thread(target=self._keep, name=f"oadb {what}", daemon=True)

    def __enter__(self) -> Self:
        """Read the copy for the first time, which may raise, and begin to follow."""
        operation(self._renew)(self._db)
        self._pacing.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop following; the copy stays."""
        self._pacing.stop()
        self._pacing.join()
        self._thread.join(_PATIENCE)

    def _keep(self) -> None:
        while self._pacing.wait(self._pause):
            operation(self._try_to_renew)(self._db)


class AsyncFollower(Following[AsyncDatabase]):
    """A copy that is followed by tasks of its own; see Follower."""

    def __init__(self, db: AsyncDatabase, what: str, channel: str, interval: float) -> None:
        super().__init__(db, what, channel, interval)
        self._pacing = AsyncPacing(db, self._channel)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Read the copy for the first time, which may raise, and begin to follow."""
        await self._renew(self._db)
        self._pacing.start()
        self._task = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop following; the copy stays."""
        self._pacing.stop()
        await self._pacing.join()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep(self) -> None:
        while await self._pacing.wait(self._pause):
            await self._try_to_renew(self._db)
