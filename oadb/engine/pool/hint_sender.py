"""Hints: notifications without content, sent apart from the transaction that is their reason.

A follower that is told reads what changed. Nobody waits for a hint, and one that fails undoes
nothing: a full notification queue refuses a COMMIT that notifies, which must not be a change.
"""

import logging
import math
import threading
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any, Protocol

import psycopg

from oadb.engine import wire
from oadb.engine.driver import Driver
from oadb.engine.pool.connections import give_up

logger = logging.getLogger("oadb.hints")

# Seconds between two notifications of one process, and how often a busy pool is asked.
_PAUSE, _TRIES = 0.1, 20

_NOTIFY = b"select pg_catalog.pg_notify($1, '')"

# Looks where the oldest listener is. A queue that was full stays so until somebody asks.
_MAKE_ROOM = wire.SetupStatement(b"select pg_catalog.pg_notification_queue_usage()")


class Lender(Protocol):
    """The part of a pool that hints need; see Pool."""

    lease_seconds: float

    def take(self, label: str, limit: float, seconds: float) -> Any:
        """Lease an idle connection, or return None."""

    def release(self, connection: Any) -> None:
        """Return a connection."""


class HintSender:
    """Notifies channels on idle connections of a pool, at most ten times a second."""

    def __init__(self, pool: Lender, driver: Driver) -> None:
        self._pool = pool
        self._driver = driver
        self._lock = threading.Lock()
        self._due: set[str] = set()
        self._sends: Callable[[], bool] | None = None
        self._last = -math.inf
        self._has_failed = False

    def send(self, channels: Iterable[str]) -> None:
        """Have *channels* notified soon. Returns at once, and raises nothing."""
        with self._lock:
            self._due.update(channels)
            if not self._due or (self._sends is not None and self._sends()):
                return
            self._sends = None
            try:
                self._sends = self._driver.apart(self._run())
            except RuntimeError:  # the interpreter or the loop is ending
                self._due.clear()

    async def _run(self) -> None:
        while True:
            await self._driver.sleep(max(0.0, self._last + _PAUSE - monotonic()))
            with self._lock:
                channels, self._due = self._due, set()
                if not channels:
                    self._sends = None
                    return
            self._last = monotonic()
            await self._try(channels)

    async def _try(self, channels: Iterable[str]) -> None:
        """Notify *channels*, unless the pool is busy for a second; an error is logged once."""
        connection = await self._take()
        if connection is None:
            return
        try:
            notify = [wire.SetupStatement(_NOTIFY, (each.encode(),)) for each in channels]
            exchange = wire.set_up(connection.pgconn, [_MAKE_ROOM, *notify])
            await self._driver.run_exchange(connection, exchange)
        except psycopg.Error as error:
            if not self._has_failed:
                logger.warning("no hints are sent, readers find changes by themselves: %s", error)
            self._has_failed = True
        except BaseException:
            # Cancelled, because the loop is ending: it would not run a task that clears up.
            give_up(connection)
            raise
        else:
            self._has_failed = False
        self._pool.release(connection)

    async def _take(self) -> Any:
        """Lease a connection that nobody uses; callers of the pool come first."""
        for _ in range(_TRIES):
            connection = self._pool.take("a hint", math.inf, self._pool.lease_seconds)
            if connection is not None:
                return connection
            await self._driver.sleep(_PAUSE / 2)
        return None
