"""Followers: copies of rows in memory, which are read again when the rows change.

A subclass defines how to read the copy. Follower and AsyncFollower do so after a notification, and
at an interval, in case one was missed or this process cannot listen. If reading fails, the copy
stays, with its age and the error. A forked child keeps the copy, but does not follow.
"""

import asyncio
import logging
import math
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from time import monotonic
from typing import Generic, Self, TypeVar

from oadb.engine.binding.operations import operation
from oadb.engine.database import AsyncDatabase, Database
from oadb.engine.executors import AsyncExecutor
from oadb.engine.listener import Event, Listener
from oadb.errors import ConfigError, ParameterError, UnavailableError

logger = logging.getLogger("oadb.following")

# Seconds until a failed reading is tried again; twice as long each time, up to the interval.
_FIRST_PAUSE = 0.5

# Seconds until a listener that could not connect tries again.
_LISTENING_PAUSE = 5.0

# Seconds that closing waits for each thread to end.
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

    @abstractmethod
    def _concerns(self, event: Event) -> bool:
        """Say whether an event may mean that the rows have changed."""

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
        self._woken = threading.Event()
        self._closing = threading.Event()
        self._listener: Listener | None = None
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        """Read the copy for the first time, which may raise, and begin to follow."""
        operation(self._renew)(self._db)
        with suppress(ConfigError):  # PgBouncer passes no notifications on
            self._listener = self._db.listen(self._channel)
        self._threads = [
            threading.Thread(target=target, name=f"oadb {self._what}", daemon=True)
            for target in (self._keep, self._listen)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop following; the copy stays."""
        self._closing.set()
        self._woken.set()
        if self._listener is not None:
            self._listener.stop()
        for thread in self._threads:
            thread.join(_PATIENCE)

    def _keep(self) -> None:
        while not self._closing.is_set():
            self._woken.wait(self._pause)
            self._woken.clear()
            if not self._closing.is_set():
                operation(self._try_to_renew)(self._db)

    def _listen(self) -> None:
        while self._listener is not None and not self._closing.is_set():
            try:
                with self._listener as events:
                    for _ in filter(self._concerns, events):
                        self._woken.set()
            except UnavailableError as error:
                logger.warning("polling every %g s only: %s", self._interval, error)
                self._closing.wait(_LISTENING_PAUSE)


class AsyncFollower(Following[AsyncDatabase]):
    """A copy that is followed by tasks of its own; see Follower."""

    def __init__(self, db: AsyncDatabase, what: str, channel: str, interval: float) -> None:
        super().__init__(db, what, channel, interval)
        self._woken = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Read the copy for the first time, which may raise, and begin to follow."""
        await self._renew(self._db)
        self._tasks = [asyncio.create_task(self._keep()), asyncio.create_task(self._listen())]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop following; the copy stays."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause):
                    await self._woken.wait()
            self._woken.clear()
            await self._try_to_renew(self._db)

    async def _listen(self) -> None:
        with suppress(ConfigError):  # PgBouncer passes no notifications on
            listener = self._db.listen(self._channel)
            while True:
                try:
                    async with listener as events:
                        async for event in events:
                            if self._concerns(event):
                                self._woken.set()
                except UnavailableError as error:
                    logger.warning("polling every %g s only: %s", self._interval, error)
                    await asyncio.sleep(_LISTENING_PAUSE)
