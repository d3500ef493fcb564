"""The pool's edge: how a connection is taken, judged, counted and given back.

psycopg_pool keeps the connections. What it leaves open, and measurements show to matter, is
closed here: dead connections are found without a round trip and replaced without a pause, age
is checked when a connection is taken, an outage is told from exhaustion, a fork starts afresh.
"""

import os
import threading
import weakref
from time import monotonic
from typing import Any

import psycopg
import psycopg_pool
from psycopg.pq import TransactionStatus

from oadb.engine.config import Config
from oadb.engine.driver import Driver
from oadb.engine.pool.connections import Outage, cut_off, looks_alive
from oadb.engine.pool.idle_stack import IdleStack
from oadb.engine.pool.leases import Leases
from oadb.engine.pool.pool_stats import PoolStats
from oadb.engine.url_schemes import LocalServer
from oadb.errors import PoolTimeoutError, UnavailableError
from oadb.security.vault import Vault

# How long a call waits for a server that refuses connections, seconds: enough for a restart,
# short enough that callers hear of an outage long before DB_POOL_TIMEOUT.
PATIENCE = 5.0

# Seconds between two looks at the state of things while waiting for a connection.
_LOOK = 0.25

# Seconds after which a connection beyond DB_POOL_SIZE that nobody used is closed, one at a time.
_OVERFLOW_IDLE = 30.0

# Seconds between two looks for the first connection of a new pool.
_INSTANT = 0.002

# Callers that may wait for each connection, before a further one is turned away at once.
_QUEUE_PER_CONNECTION = 4

_CLOSED = "this database was closed: close() was called"

_AT_REST = TransactionStatus.IDLE

_pools: weakref.WeakSet["Pool"] = weakref.WeakSet()
# Pools inherited through fork. Their sockets belong to the parent; closing one would end the
# parent's session, so they are kept for ever.
_inherited: list[Any] = []


class Pool:
    """Connections to one database, for one process, in either colour."""

    def __init__(self, config: Config, driver: Driver) -> None:
        self._config = config
        self._driver = driver
        self.vault = Vault(config.keyring)
        self._begin()
        _pools.add(self)

    def start_afresh(self) -> None:
        """Forget, without closing, what belongs to the process that we were forked from."""
        for connection in self.leases:
            cut_off(connection)
        _inherited.append((self._pool, self._idle, self.leases, self._server))
        self._begin()

    def _begin(self) -> None:
        """Start with nothing open."""
        self._lock = threading.Lock()
        self._pool: Any = None
        self._server: LocalServer | None = None
        self._outage = Outage()
        self._idle = IdleStack(self._config.pool_size)
        self.leases = Leases()
        self._closed = False
        self._stale = 0

    async def open(self) -> None:
        """Open the pool and prove that one connection can be had.

        Raises UnavailableError with libpq's reason at the first refusal, not after a timeout.
        """
        try:
            await self.release(await self.acquire("open", patience=0.0))
        except BaseException:
            await self.close()
            # It may be opened later.
            self._pool, self._closed, self._idle = None, False, IdleStack(self._config.pool_size)
            raise

    async def close(self) -> None:
        """Close every idle connection now, and each leased one when it comes back."""
        with self._lock:
            self._closed = True
            self._idle.close()
            pool, server, self._server = self._pool, self._server, None
        if pool is not None:
            await self._driver.call(pool.close)
            while (connection := self._idle.pop()) is not None:
                await self._driver.call(pool.putconn, connection)
        if server is not None:
            await self._driver.offload(server.stop)

    def take(self, label: str) -> Any:
        """Take an idle connection at once, or return None where ``acquire`` must be awaited."""
        connection = self._idle.pop()
        if connection is None:
            return None
        if monotonic() < connection.state.expires and looks_alive(connection):
            self.leases.begin(connection, label)
            return connection
        self._idle.put_back(connection)  # acquire will look closer
        return None

    async def acquire(self, label: str, patience: float = PATIENCE) -> Any:
        """Take a living connection; *label* says what for in messages.

        Raises PoolTimeoutError or UnavailableError.
        """
        pool = self._pool or await self._opened()
        started, dead = monotonic(), 0
        while True:
            connection = self._idle.pop() or await self._next(pool, started, patience)
            try:
                usable = await self._usable(connection)
            except BaseException:  # interrupted or cancelled while asking
                await self.put(connection)
                raise
            if usable:
                self.leases.begin(connection, label)
                return connection
            self._stale += 1
            await self._discard(pool, connection)
            dead += 1
            if dead > 2 * self._config.pool_max:
                # A server that accepts and hangs up: do not spin.
                await self._driver.sleep(_LOOK)

    async def release(self, connection: Any) -> None:
        """Give a connection back."""
        if not self.keep(connection):
            await self.put(connection)

    async def put(self, connection: Any) -> None:
        """Give back to psycopg_pool what ``keep`` would not take: it sees to its state."""
        await self._driver.call(self._pool.putconn, connection)

    def keep(self, connection: Any) -> bool:
        """Give a connection back at once, or return False where ``put`` must be awaited."""
        self.leases.end(connection)
        at_rest = connection.pgconn.transaction_status == _AT_REST
        return at_rest and self._idle.push(connection)

    def stats(self) -> PoolStats:
        """Return what the pool is doing now."""
        counted: dict[str, int] = self._pool.get_stats() if self._pool is not None else {}
        return PoolStats(
            size=counted.get("pool_size", 0),
            idle=counted.get("pool_available", 0) + len(self._idle),
            leased=len(self.leases),
            waiting=self._idle.waiting,
            most=self._config.pool_max,
            stale_replaced=self._stale,
            leaked=self.leases.leaked,
        )

    async def _opened(self) -> Any:
        with self._lock:
            if self._closed:
                raise UnavailableError(_CLOSED)
            if self._pool is None:
                self._pool = self._make()
            pool = self._pool
        await self._driver.call(pool.open)
        # Who asks psycopg_pool before its first connection is there makes it grow by one.
        outage, deadline = self._outage, monotonic() + PATIENCE
        while not outage.ever_connected and outage.since is None and monotonic() < deadline:
            await self._driver.sleep(_INSTANT)
        return pool

    def keywords(self) -> dict[str, str]:
        """Return libpq's keywords for a connection beside the pool."""
        with self._lock:
            if self._closed:
                raise UnavailableError(_CLOSED)
            return self._reach()

    def _reach(self) -> dict[str, str]:
        """Return libpq's keywords, of a local server once it runs; with the lock held."""
        keywords, local = self._config.connection_keywords(), self._config.dsn.local
        if local is not None:
            self._server = self._server or local.start()
            keywords |= self._server.keywords
        return keywords

    def _make(self) -> Any:
        config = self._config
        return self._driver.pool(
            connection_class=self._driver.connection_class,
            kwargs={
                **self._reach(),
                "autocommit": True,
                "prepare_threshold": None,  # we prepare ourselves; see wire
                "prepares": config.pooler != "pgbouncer",
                "outage": self._outage,
                "recycle": config.pool_recycle,
            },
            min_size=config.pool_size,
            max_size=config.pool_max,
            max_lifetime=float("inf"),
            max_idle=_OVERFLOW_IDLE,
            # psycopg_pool's default backs off for 5 minutes and then serves its first caller
            # 10 to 21 s after the server is back; giving up early lets each call try anew.
            reconnect_timeout=2.0,
            open=False,
            name="oadb",
        )

    async def _next(self, pool: Any, started: float, patience: float) -> Any:
        """Take a connection from psycopg's pool, living or not."""
        while True:
            while (forgotten := self.leases.forgotten()) is not None:
                await self._discard(pool, forgotten)
            try:
                return await self._get(pool)
            except psycopg_pool.PoolTimeout:
                self._keep_waiting(monotonic() - started, patience)
            except psycopg_pool.PoolClosed:
                raise UnavailableError(_CLOSED) from None

    async def _get(self, pool: Any) -> Any:
        waiter = self._idle.wait()
        try:
            return self._idle.pop() or await self._driver.call(pool.getconn, _LOOK)
        finally:
            self._idle.end_wait(waiter)

    def _keep_waiting(self, waited: float, patience: float) -> None:
        """Return if it is worth waiting on; raise what is the matter if not."""
        outage = self._outage
        refused = outage.since is not None and len(self.leases) < self._config.pool_max
        # An outage older than our patience is known: later callers hear of it at once.
        if refused and max(waited, monotonic() - (outage.since or 0.0)) >= patience:
            raise UnavailableError(f"cannot connect to {self._config.dsn}: {outage.reason}")
        if waited >= self._config.pool_timeout:
            raise PoolTimeoutError(self._busy(f"no connection in {waited:.1f} s"))
        if self._idle.waiting >= self._config.pool_max * _QUEUE_PER_CONNECTION:
            raise PoolTimeoutError(self._busy(f"{self._idle.waiting} callers wait already"))

    def _busy(self, what: str) -> str:
        in_use = f"{len(self.leases)} of {self._config.pool_max} connections are in use"
        longest = self.leases.longest()
        advice = "raise DB_POOL_SIZE or DB_MAX_OVERFLOW, or shorten what holds them"
        return f"{what}: {in_use}{longest}; {advice}"

    async def _usable(self, connection: Any) -> bool:
        if monotonic() >= connection.state.expires:
            return False
        if not self._config.pool_pre_ping:
            return not connection.closed
        alive = looks_alive(connection)
        return await self._answers(connection) if alive is None else alive

    async def _answers(self, connection: Any) -> bool:
        """Ask with a round trip, for a connection whose server has said something."""
        try:
            await self._driver.call(connection.execute, b"")
        except psycopg.Error:
            return False
        return True

    async def _discard(self, pool: Any, connection: Any) -> None:
        """Close a connection; given back closed, the pool opens another at once."""
        await self._driver.call(connection.close)
        await self._driver.call(pool.putconn, connection)


def _start_all_afresh() -> None:
    for pool in list(_pools):
        pool.start_afresh()


os.register_at_fork(after_in_child=_start_all_afresh)
