"""The pool: how connections are leased, tested, counted and returned.

psycopg_pool opens and replaces connections. This module adds what measurements show to matter: dead
connections are detected without a round trip and replaced without a pause, their age is checked
when they are leased, an outage is distinguished from exhaustion, and a forked child has its own.
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

# Seconds that a call waits for a server that refuses connections: enough for a restart, and much
# less than DB_POOL_TIMEOUT, so that callers learn of an outage early.
PATIENCE = 5.0

# Seconds between checks for an outage while waiting for a connection.
_POLLING_INTERVAL = 0.25

# Seconds after which an unused connection beyond DB_POOL_SIZE is closed, one at a time.
_OVERFLOW_IDLE = 30.0

# Seconds between checks for the first connection of a new pool.
_OPENING_INTERVAL = 0.002

# Callers that may wait for each connection; one more is refused at once.
_QUEUE_PER_CONNECTION = 4

_CLOSED = "this database was closed: close() was called"

_NO_TRANSACTION = TransactionStatus.IDLE

_pools: weakref.WeakSet["Pool"] = weakref.WeakSet()
# Pools inherited through fork. Their sockets belong to the parent, whose sessions would end if they
# were closed, so they are kept forever.
_inherited: list[Any] = []


class Pool:
    """The connections of one process to one database, sync or async."""

    def __init__(self, config: Config, driver: Driver) -> None:
        self._config = config
        self._driver = driver
        self.vault = Vault(config.keyring)
        self._reset()
        _pools.add(self)

    def abandon_inherited(self) -> None:
        """Drop, without closing them, the connections of the process that forked this one."""
        for connection in self.leases:
            cut_off(connection)
        _inherited.append((self._pool, self._idle, self.leases, self._server))
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._pool: Any = None
        self._server: LocalServer | None = None
        self._outage = Outage()
        self._idle = IdleStack(self._config.pool_size)
        self.leases = Leases()
        self._closed = False
        self._stale = 0

    async def open(self) -> None:
        """Open the pool, and check that it can connect.

        Raises:
            UnavailableError: the first attempt failed, with libpq's reason; or the pool is closed.
            ConfigError: the local server cannot be started here.
        """
        try:
            await self.release(await self.acquire("open", patience=0.0))
        except BaseException:
            await self.close()
            # It can be opened later.
            self._pool, self._closed, self._idle = None, False, IdleStack(self._config.pool_size)
            raise

    async def close(self) -> None:
        """Close every idle connection now, and each leased one when it is returned."""
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
        """Lease an idle connection at once, or return None if ``acquire`` must be awaited."""
        connection = self._idle.pop()
        if connection is None:
            return None
        if monotonic() < connection.state.expires and looks_alive(connection):
            self.leases.begin(connection, label)
            return connection
        self._idle.put_back(connection)  # acquire tests it
        return None

    async def acquire(self, label: str, patience: float = PATIENCE) -> Any:
        """Lease a living connection.

        Args:
            label: names the use of the connection in messages.
            patience: seconds to wait for a server that refuses connections.

        Raises:
            PoolTimeoutError: no connection became free in time, or too many callers wait for one.
            UnavailableError: no connection can be made, or the pool is closed.
        """
        pool = self._pool or await self._open_pool()
        started, dead = monotonic(), 0
        while True:
            connection = self._idle.pop() or await self._next(pool, started, patience)
            try:
                usable = await self._usable(connection)
            except BaseException:  # interrupted or cancelled while testing
                await self.put(connection)
                raise
            if usable:
                self.leases.begin(connection, label)
                return connection
            self._stale += 1
            await self._discard(pool, connection)
            dead += 1
            if dead > 2 * self._config.pool_max:
                # The server accepts connections and closes them: do not spin.
                await self._driver.sleep(_POLLING_INTERVAL)

    async def release(self, connection: Any) -> None:
        """Return a connection to the pool."""
        if not self.keep(connection):
            await self.put(connection)

    async def put(self, connection: Any) -> None:
        """Return a connection to psycopg_pool, which resets or replaces it."""
        await self._driver.call(self._pool.putconn, connection)

    def keep(self, connection: Any) -> bool:
        """Return a connection at once; False if ``put`` must be awaited."""
        self.leases.end(connection)
        is_idle = connection.pgconn.transaction_status == _NO_TRANSACTION
        return is_idle and self._idle.push(connection)

    def stats(self) -> PoolStats:
        """Return the state of the pool: connections now, and counts since it was opened."""
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

    async def _open_pool(self) -> Any:
        with self._lock:
            if self._closed:
                raise UnavailableError(_CLOSED)
            if self._pool is None:
                self._pool = self._new_pool()
            pool = self._pool
        await self._driver.call(pool.open)
        # Calling getconn before the first connection is made would make psycopg_pool open one more.
        outage, deadline = self._outage, monotonic() + PATIENCE
        while not outage.ever_connected and outage.since is None and monotonic() < deadline:
            await self._driver.sleep(_OPENING_INTERVAL)
        return pool

    def keywords(self) -> dict[str, str]:
        """Return libpq's keywords for a connection outside of the pool.

        Raises:
            UnavailableError: the pool is closed, or the local server does not start.
            ConfigError: the local server cannot be started here.
        """
        with self._lock:
            if self._closed:
                raise UnavailableError(_CLOSED)
            return self._resolve()

    def _resolve(self) -> dict[str, str]:
        """Return libpq's keywords; start the local server, if it is one. The lock must be held."""
        keywords, local = self._config.connection_keywords(), self._config.dsn.local
        if local is not None:
            self._server = self._server or local.start()
            keywords |= self._server.keywords
        return keywords

    def _new_pool(self) -> Any:
        config = self._config
        return self._driver.pool(
            connection_class=self._driver.connection_class,
            kwargs={
                **self._resolve(),
                "autocommit": True,
                "prepare_threshold": None,  # the engine prepares; see wire
                "prepares": config.pooler != "pgbouncer",
                "outage": self._outage,
                "recycle": config.pool_recycle_seconds,
            },
            min_size=config.pool_size,
            max_size=config.pool_max,
            max_lifetime=float("inf"),
            max_idle=_OVERFLOW_IDLE,
            # By default psycopg_pool backs off for 5 minutes, and serves its first caller 10 to
            # 21 s after the server is back. After it gives up, each call connects again.
            reconnect_timeout=2.0,
            open=False,
            name="oadb",
        )

    async def _next(self, pool: Any, started: float, patience: float) -> Any:
        """Take a connection, living or not, from the idle stack or psycopg_pool."""
        while True:
            while (leaked := self.leases.next_leaked()) is not None:
                await self._discard(pool, leaked)
            try:
                return await self._get(pool)
            except psycopg_pool.PoolTimeout:
                self._raise_if_useless(monotonic() - started, patience)
            except psycopg_pool.PoolClosed:
                raise UnavailableError(_CLOSED) from None

    async def _get(self, pool: Any) -> Any:
        waiter = self._idle.wait()
        try:
            return self._idle.pop() or await self._driver.call(pool.getconn, _POLLING_INTERVAL)
        finally:
            self._idle.end_wait(waiter)

    def _raise_if_useless(self, waited: float, patience: float) -> None:
        """Raise the reason if waiting longer is useless."""
        outage = self._outage
        refused = outage.since is not None and len(self.leases) < self._config.pool_max
        # Of an outage that is older than *patience*, later callers learn at once.
        if refused and max(waited, monotonic() - (outage.since or 0.0)) >= patience:
            raise UnavailableError(f"cannot connect to {self._config.dsn}: {outage.reason}")
        if waited >= self._config.pool_timeout_seconds:
            raise PoolTimeoutError(self._busy(f"no connection in {waited:.1f} s"))
        if self._idle.waiting >= self._config.pool_max * _QUEUE_PER_CONNECTION:
            raise PoolTimeoutError(self._busy(f"{self._idle.waiting} callers are waiting already"))

    def _busy(self, what: str) -> str:
        in_use = f"{len(self.leases)} of {self._config.pool_max} connections are in use"
        longest = self.leases.longest()
        advice = "raise DB_POOL_SIZE or DB_MAX_OVERFLOW, or hold connections for less time"
        return f"{what}: {in_use}{longest}; {advice}"

    async def _usable(self, connection: Any) -> bool:
        if monotonic() >= connection.state.expires:
            return False
        if not self._config.pool_pre_ping:
            return not connection.closed
        alive = looks_alive(connection)
        return await self._answers(connection) if alive is None else alive

    async def _answers(self, connection: Any) -> bool:
        """Test a connection on which data arrived unexpectedly, with a round trip."""
        try:
            await self._driver.call(connection.execute, b"")
        except psycopg.Error:
            return False
        return True

    async def _discard(self, pool: Any, connection: Any) -> None:
        """Close a connection; psycopg_pool opens another for one that is returned closed."""
        await self._driver.call(connection.close)
        await self._driver.call(pool.putconn, connection)


def _abandon_all_inherited() -> None:
    for pool in list(_pools):
        pool.abandon_inherited()


os.register_at_fork(after_in_child=_abandon_all_inherited)
