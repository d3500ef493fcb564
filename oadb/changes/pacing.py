"""When a follower reads: soon after a hint, but at a bounded rate, and otherwise after a pause.

A hint is a notification. Any client of the database can send one, with any content and as often as
it likes: its content is not looked at, and many of them cause ten reads a second at most.
"""

import asyncio
import logging
import math
import threading
from contextlib import suppress
from time import monotonic

from oadb.engine.database import AsyncDatabase, Database
from oadb.engine.listener import Listener
from oadb.errors import ConfigError, UnavailableError

logger = logging.getLogger("oadb.following")

SHORTEST_PAUSE = 0.1
"""Seconds from one read to the next, if hints arrive."""

# Seconds until a listener that could not connect tries again.
_LISTENING_PAUSE = 5.0

# Seconds that closing waits for a thread to end.
_PATIENCE = 5.0

_WITHOUT_HINTS = "no hints are heard, reading at intervals only: %s"


class _Clock:
    """When the next read is due."""

    def __init__(self) -> None:
        self._last = -math.inf

    def rest(self, pause: float) -> float:
        """Return the seconds until *pause* has passed since the last read; at least 0."""
        return max(0.0, self._last + pause - monotonic())

    def note(self) -> None:
        """Note that a read begins."""
        self._last = monotonic()


class Pacing:
    """Has a thread wait for its next read; a thread of its own listens to hints."""

    def __init__(self, db: Database, channel: str) -> None:
        self._db = db
        self._channel = channel
        self._clock = _Clock()
        self._hinted = threading.Event()
        self._ended = threading.Event()
        self._listener: Listener | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to listen, unless the database is behind PgBouncer; a read was just done."""
        self._clock.note()
        with suppress(ConfigError):  # PgBouncer passes no notifications on
            self._listener = self._db.listen(self._channel)
            self._thread = threading.Thread(
                target=self._listen, args=(self._listener,), name="oadb hints", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """End a wait and all later ones, from any thread, and the thread that listens."""
        self._ended.set()
        self._hinted.set()
        if self._listener is not None:
            self._listener.stop()

    def join(self) -> None:
        """Wait until the thread that listens has ended."""
        if self._thread is not None:
            self._thread.join(_PATIENCE)

    def wait(self, pause: float) -> bool:
        """Wait for a hint, or until *pause* has passed since the last read.

        Returns:
            Whether to read now; False once it was stopped.
        """
        self._ended.wait(self._clock.rest(min(SHORTEST_PAUSE, pause)))
        self._hinted.wait(min(self._clock.rest(pause), threading.TIMEOUT_MAX))
        self._hinted.clear()
        self._clock.note()
        return not self._ended.is_set()

    def _listen(self, listener: Listener) -> None:
        while not self._ended.is_set():
            try:
                with listener as events:
                    for _ in events:  # also when it has connected: one may have been missed
                        self._hinted.set()
            except UnavailableError as error:
                logger.warning(_WITHOUT_HINTS, error)
                self._ended.wait(_LISTENING_PAUSE)


class AsyncPacing:
    """Has a task wait for its next read; a task of its own listens to hints. See Pacing."""

    def __init__(self, db: AsyncDatabase, channel: str) -> None:
        self._db = db
        self._channel = channel
        self._clock = _Clock()
        self._hinted = asyncio.Event()
        self._has_ended = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen, unless the database is behind PgBouncer; a read was just done."""
        self._clock.note()
        self._task = asyncio.create_task(self._listen())

    def stop(self) -> None:
        """End a wait and all later ones, in the thread of the event loop."""
        self._has_ended = True
        self._hinted.set()

    async def join(self) -> None:
        """End the task that listens."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def wait(self, pause: float) -> bool:
        """Wait for a hint, or until *pause* has passed since the last read; see Pacing."""
        await asyncio.sleep(self._clock.rest(min(SHORTEST_PAUSE, pause)))
        with suppress(TimeoutError):
            async with asyncio.timeout(self._clock.rest(pause)):
                await self._hinted.wait()
        self._hinted.clear()
        self._clock.note()
        return not self._has_ended

    async def _listen(self) -> None:
        with suppress(ConfigError):  # PgBouncer passes no notifications on
            listener = self._db.listen(self._channel)
            while True:
                try:
                    async with listener as events:
                        async for _ in events:
                            self._hinted.set()
                except UnavailableError as error:
                    logger.warning(_WITHOUT_HINTS, error)
                    await asyncio.sleep(_LISTENING_PAUSE)
