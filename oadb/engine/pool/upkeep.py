"""Upkeep of a pool, apart from its callers: fetches, clears, replaces and takes back connections.

Each of these runs in a task or thread of its own, so that an interrupted caller leaves nothing
half done. The watchdog calls ``inspect``, which acts on what is overdue or was lost.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic
from typing import Any

import psycopg
import psycopg_pool
from psycopg.pq import TransactionStatus

from oadb import runtimes
from oadb.engine import wire
from oadb.engine.config import Config
from oadb.engine.driver import Driver
from oadb.engine.pool.connection_news import ConnectionNews
from oadb.engine.pool.connection_terms import ConnectionTerms
from oadb.engine.pool.connections import give_up, looks_alive
from oadb.engine.pool.idle_stack import IdleStack
from oadb.engine.pool.interruptions import finish_interrupted
from oadb.engine.pool.leases import Leases
from oadb.engine.pool.outage import Outage
from oadb.engine.telling import Teller

logger = logging.getLogger("oadb.pool")

# Seconds between checks for an outage while waiting for a connection.
POLLING_INTERVAL = 0.25

# Seconds between checks for a connection that is being made or ended, and how long they go on.
_INTERVAL, _OPENING, _ENDING = 0.002, 5.0, 2.5

# Seconds to clear an interrupted connection.
_CLEARING = 2.0

# Seconds that the owner of a disconnected connection has to return it, and that the finalizers of
# a holder that was garbage collected have to end its transaction.
_GRACE = 0.5

# Seconds after which a connection that is neither idle nor leased counts as lost. A thread may be
# suspended for a while between taking a connection and recording that.
_IN_BETWEEN = 5.0

# Seconds after which unused connections beyond DB_POOL_SIZE are returned to psycopg_pool, and
# after which that closes one of them.
OVERFLOW_UNUSED = 30.0

_IN_TRANSACTION = {TransactionStatus.INTRANS, TransactionStatus.INERROR}


class Upkeep:
    """What a pool does apart from its callers."""

    def __init__(
        self,
        config: Config,
        driver: Driver,
        outage: Outage,
        leases: Leases,
        idle: IdleStack,
        teller: Teller | None = None,
    ) -> None:
        self._config = config
        self._driver = driver
        self._outage = outage
        self._leases = leases
        self._idle = idle
        self._news = ConnectionNews(teller)
        self.pool: Any = None
        self.overdue = self.lost = 0
        self._is_fetching = self._is_closed = False
        self._fetcher_runs: Callable[[], bool] = _does_not
        self._running: list[Callable[[], bool]] = []
        self._in_between: dict[Any, float] = {}
        self._unused: tuple[float, list[Any]] = (monotonic(), [])

    def prepare(self, keywords: Mapping[str, str]) -> None:
        """Make the pool of psycopg_pool, which is opened by the first fetch.

        Args:
            keywords: libpq's, for a connection.

        Raises:
            ConfigError: gevent or eventlet has patched the standard library too late.
        """
        runtimes.require_early_patches()
        config = self._config
        self.pool = self._driver.pool(
            connection_class=self._driver.connection_class,
            kwargs={
                **keywords,
                "autocommit": True,
                "prepare_threshold": None,  # the engine prepares; see wire
                "terms": ConnectionTerms.of(config, self._outage, self._news.tell),
            },
            min_size=config.pool_size,
            max_size=config.pool_max,
            max_lifetime=float("inf"),
            max_idle=OVERFLOW_UNUSED,
            # By default psycopg_pool backs off for 5 minutes, and serves its first caller 10 to
            # 21 s after the server is back; it waits a second after its first failure, but never
            # longer than this. After it gives up, callers that wait have it connect again.
            reconnect_timeout=0.5,
            open=False,
            name="oadb",
        )

    def fetch(self) -> None:
        """Have connections fetched from psycopg_pool, if there may be more and callers wait."""
        if self._wants_more() and not (self._is_fetching and self._fetcher_runs()):
            self._is_fetching = True
            self._fetcher_runs = self._apart(self._fetch(), lambda: None)

    async def is_usable(self, connection: Any) -> bool:
        """Say whether a leased connection has not expired and is alive; the lessee asks."""
        if monotonic() >= connection.state.expires:
            return False
        if not self._config.pool_pre_ping:
            return not connection.closed
        alive = looks_alive(connection)
        if alive is None:  # data arrived unexpectedly: only a round trip can tell
            try:
                await self._driver.call(connection.execute, b"")
            except psycopg.Error:
                return False
        return alive is not False

    def replace(self, connection: Any) -> None:
        """Have a leased connection closed, and another opened in its place."""
        expired = monotonic() >= connection.state.expires
        self._news.ended(connection, "expired" if expired else "lost")
        self._apart(self._replace(connection), lambda: self._abandon(connection))

    def clear(self, connection: Any, label: str) -> None:
        """Have a connection that is returned in the middle of something made idle, or replaced."""
        limit = monotonic() + _CLEARING
        self._leases.begin(connection, f"clearing up after {label}", limit)
        self._apart(self._clear(connection), lambda: self._abandon(connection))

    async def close(self) -> None:
        """Close the pool of psycopg_pool, every idle connection, and those that are cleared."""
        self._is_closed = self._news.is_closed = True
        if self.pool is not None:
            await self._driver.call(self.pool.close)
        await self._put_all()
        end = monotonic() + _ENDING
        # An event loop that is closed now would destroy the tasks that are left; threads go on.
        while self._driver.awaits and monotonic() < end and any(runs() for runs in self._running):
            await self._driver.sleep(_INTERVAL)

    def inspect(self, now: float) -> float:
        """Act on what is overdue or was lost; return when a lease is due. For the watchdog."""
        due = now + _GRACE
        for connection, (_, _, limit) in self._leases.open():
            end = min(connection.state.due, limit)
            if end > now:
                due = min(due, end)
            elif not connection.state.overdue:
                self.overdue += 1
                connection.state.overdue = True
                connection.state.disconnect()
            elif end + _GRACE < now:
                self._driver.post(self._take_back, connection)
        for leak in self._leases.leaks(now - _GRACE):
            self._leases.report(leak)
            self._driver.post(self._take_back, leak.connection)
        self._find_lost(now)
        if now - self._unused[0] > OVERFLOW_UNUSED:
            self._driver.post(self._return_unused, now)
        if self._is_closed and self._idle:
            self._driver.post(self._return_all)
        return due

    # Tasks and threads of the pool ---------------------------------------------------------------

    def _apart(self, work: Any, otherwise: Callable[[], None]) -> Callable[[], bool]:
        try:
            runs = self._driver.apart(work)
        except RuntimeError:  # the interpreter or the event loop is ending
            work.close()
            otherwise()
            return _does_not
        self._running = [*(each for each in self._running if each()), runs]
        return runs

    def _wants_more(self) -> bool:
        return bool(self._idle.waiting and self._leases.total < self._config.pool_max)

    async def _fetch(self) -> None:
        """Give callers connections of psycopg_pool, until none waits or there are no more."""
        try:
            await self._driver.call(self.pool.open)
            if self._is_closed:  # close() may have come before open()
                await self._driver.call(self.pool.close)
            while self._wants_more():
                await self._arrival()
                with suppress(psycopg_pool.PoolTimeout):
                    connection = await self._driver.call(self.pool.getconn, POLLING_INTERVAL)
                    self._leases.add(connection)
                    if self._is_closed:
                        self._news.ended(connection, "")
                        await self._replace(connection)
                    else:
                        self._idle.push(connection)
        except psycopg_pool.PoolClosed:
            pass  # callers find out
        finally:
            self._is_fetching = False

    async def _arrival(self) -> None:
        """Wait for a connection that psycopg_pool makes: getconn would have it make one more."""
        end = monotonic() + _OPENING
        while not (self._outage.since or self._is_closed) and monotonic() < end:
            counted = self.pool.get_stats()
            if counted["pool_available"] or counted["pool_size"] <= self._leases.total:
                return
            await self._driver.sleep(_INTERVAL)

    async def _clear(self, connection: Any) -> None:
        with suppress(psycopg.Error):
            await self._finish(connection)
        if self._leases.end(connection) is None:
            return  # the watchdog took it back
        is_idle = connection.pgconn.transaction_status == TransactionStatus.IDLE
        if is_idle and not (connection.state.is_spoiled or self._is_closed):
            self._idle.push(connection)
        else:
            self._news.ended(connection, "spoiled")
            await self._replace(connection)

    async def _finish(self, connection: Any) -> None:
        """End an interrupted exchange and an open transaction."""
        await finish_interrupted(self._driver, connection)
        if connection.pgconn.transaction_status in _IN_TRANSACTION:
            rollback = wire.simple(connection.pgconn, b"rollback")
            await self._driver.run_exchange(connection, rollback)

    async def _replace(self, connection: Any) -> None:
        await self._driver.call(connection.close)
        await self._put(connection)
        self.fetch()

    async def _put(self, connection: Any) -> None:
        self._leases.remove(connection)
        await self._driver.call(self.pool.putconn, connection)

    async def _put_all(self) -> None:
        for connection in self._idle.drain():
            self._news.ended(connection, "")
            await self._put(connection)

    # For the watchdog, in the thread or event loop of the pool -----------------------------------

    def _take_back(self, connection: Any) -> None:
        """Replace a leased connection whose owner does not return it."""
        if connection in self._leases:
            self._news.ended(connection, "taken back")
            self._abandon(connection)
            self._apart(self._put(connection), lambda: None)

    def _abandon(self, connection: Any) -> None:
        give_up(connection)
        self._leases.remove(connection)

    def _find_lost(self, now: float) -> None:
        """Replace connections that were interrupted between being idle and being leased."""
        between = [
            each
            for each in self._leases.connections
            if each not in self._leases and each not in self._idle
        ]
        self._in_between = {each: self._in_between.get(each, now) for each in between}
        for connection, since in self._in_between.items():
            if now - since > _IN_BETWEEN:
                self.lost += 1
                logger.error("a connection was lost by its caller; it is closed and replaced")
                self._leases.begin(connection, "nobody")
                self._driver.post(self._take_back, connection)

    def _return_unused(self, now: float) -> None:
        """Return connections beyond DB_POOL_SIZE to psycopg_pool, which closes them one by one."""
        _, before = self._unused
        self._unused = now, self._idle.unused(self._config.pool_size)
        for connection in self._unused[1]:
            if connection in before and self._idle.remove(connection):
                self._news.unused()
                self._apart(self._put(connection), lambda: None)

    def _return_all(self) -> None:
        """Return what became idle while the pool was being closed."""
        self._apart(self._put_all(), lambda: None)


def _does_not() -> bool:
    return False
