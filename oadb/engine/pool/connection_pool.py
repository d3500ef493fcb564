"""The pool: how connections are leased, tested, counted and returned.

psycopg_pool opens and replaces connections. No caller is ever inside of it, where one that is
interrupted would lose a connection; see upkeep. This module adds what measurements show to matter:
callers are served in their order, dead connections are detected without a round trip, an outage is
distinguished from exhaustion, and a forked child has its own connections.
"""

import math
import threading
from time import monotonic
from typing import Any, NoReturn

from psycopg.pq import TransactionStatus

from oadb.engine.config import Config
from oadb.engine.driver import Driver
from oadb.engine.failures import RetryBudget
from oadb.engine.pool.commits import Commits
from oadb.engine.pool.connections import cut_off, give_up, looks_alive
from oadb.engine.pool.exhaustion import Exhaustion, wait_failed
from oadb.engine.pool.forking import expect_forks, keep_forever
from oadb.engine.pool.hint_sender import HintSender
from oadb.engine.pool.holders import Holders
from oadb.engine.pool.idle_stack import IdleStack
from oadb.engine.pool.leases import UNCONFIRMED, Leases
from oadb.engine.pool.note_writer import NoteWriter
from oadb.engine.pool.outage import Outage
from oadb.engine.pool.pool_stats import PoolStats
from oadb.engine.pool.upkeep import POLLING_INTERVAL, Upkeep
from oadb.engine.pool.watchdog import watchdog
from oadb.engine.telling import Teller
from oadb.engine.url_schemes import LocalServer
from oadb.errors import UnavailableError
from oadb.security.vault import Vault

# Seconds that a call waits for a server that refuses connections: enough for a restart, and much
# less than DB_POOL_TIMEOUT, so that callers learn of an outage early.
PATIENCE = 5.0

# Seconds between checks for an outage by callers that wait far behind.
_RARELY = 2.0

# Attempts for each connection that the retry budget holds at first, and at most.
_RESERVE = 4

_NO_TRANSACTION = TransactionStatus.IDLE


class Pool:
    """The connections of one process to one database, sync or async."""

    def __init__(self, config: Config, driver: Driver, teller: Teller | None = None) -> None:
        self._config = config
        self._driver = driver
        self.teller = teller
        self.vault = Vault(config.keyring, config.totp_window, config.breached)
        self.call_seconds = config.call_seconds
        self.commits = Commits() if config.read_hosts else None
        self.seeks_primary = config.dsn.seeks_primary
        self.begins_with_limits = config.pooler == "pgbouncer-prepared"
        # How long the lease of a call may last, before it is confirmed where there is no limit.
        self.lease_seconds = UNCONFIRMED if math.isinf(self.call_seconds) else self.call_seconds
        self.needs_blocks = False  # whether it takes an identity in transaction blocks alone: Citus
        self._reset()
        expect_forks(self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse to be pickled: no other process can use these connections."""
        raise TypeError("a Database cannot be pickled or copied; make one in each process")

    def abandon_inherited(self) -> None:
        """Drop, without closing them, the connections of the process that forked this one."""
        for connection, _ in self.leases.open():
            cut_off(connection)
        keep_forever(self._upkeep, self._server)
        self._reset()

    def _reset(self, *, closed: bool = False, server: LocalServer | None = None) -> None:
        self._lock = threading.Lock()
        self._server = server
        takes_any = "target_session_attrs" in self._config.dsn.keywords
        self._outage = Outage(takes_any, self.seeks_primary)
        self.holders = Holders(self._driver, self._config.second_connection)
        self.leases = Leases(self.holders)
        self._table = self.leases.table
        self._idle = IdleStack(self.leases)
        self._exhaustion = Exhaustion(self._config, self.leases, self._outage)
        kept = (self._config, self._driver, self._outage, self.leases, self._idle, self.teller)
        self._upkeep = Upkeep(*kept)
        self.hints = HintSender(self, self._driver)
        self.notes = NoteWriter(self, self._driver)
        self._budget = RetryBudget(_RESERVE * self._config.pool_max)
        self._closed = closed
        self._stale = self._calls = 0
        self._home: Any = None

    async def open(self) -> None:
        """Open the pool, and check that it can connect.

        Raises:
            UnavailableError: the first attempt failed, with libpq's reason; or the pool is closed.
            ConfigError: the local server cannot be started here.
        """
        try:
            self.release(await self.acquire("open", patience=0.0))
        except BaseException:
            try:
                await self.close()
            finally:  # it can be opened later
                self._reset()
            raise

    async def close(self) -> None:
        """Close every idle connection now, and each leased one when it is returned."""
        self._come_home()
        await self.notes.close()
        with self._lock:
            self._closed = True
            server, self._server = self._server, None
        await self._driver.finish(self._upkeep.close())
        if server is not None:
            await self._driver.offload(server.stop)

    def take(self, label: str, limit: float, seconds: float) -> Any:
        """Lease an idle connection at once, or return None if ``acquire`` must be awaited.

        Args:
            label: names the use of the connection in messages.
            limit: when the lease must end (monotonic clock).
            seconds: how long it may last.
        """
        home, connection = self._driver.home, None
        if home is None or home() is self._home:
            connection = self._idle.pop()
        if connection is None:
            return None
        now, state = monotonic(), connection.state
        if now < state.expires and looks_alive(connection):
            end = now + seconds
            state.limit = limit = end if end < limit else limit  # noqa: FURB136  # min() is slower
            self._table[connection] = (label, now, limit)
            return connection
        self._idle.put_back(connection)  # acquire tests it
        return None

    async def acquire(
        self,
        label: str,
        limit: float = math.inf,
        seconds: float = math.inf,
        patience: float | None = None,
    ) -> Any:
        """Lease a living connection; see ``take``.

        Args:
            patience: seconds to wait for a server that refuses connections; None: as usual.

        Raises:
            PoolTimeoutError: no connection became free in time, or too many callers wait for one.
            UnavailableError: no connection can be made, or the pool is closed.
        """
        started = monotonic()
        if patience is None:
            patience = 0.0 if self._config.is_replica else PATIENCE
        try:
            return await self._acquire(label, started, limit, seconds, patience)
        except UnavailableError as error:
            if self.teller is not None:
                waited = monotonic() - started
                self.teller.wait_failed(wait_failed(label, waited, error, self._idle.waiting))
            raise

    async def _acquire(
        self, label: str, started: float, limit: float, seconds: float, patience: float
    ) -> Any:
        dead = 0
        self._prepare()
        while True:
            connection = self._idle.pop() or await self._queue(
                label, started, limit, patience, dead
            )
            self.leases.begin(connection, label, min(limit, monotonic() + seconds))
            try:
                if await self._upkeep.is_usable(connection):
                    return connection
            except BaseException:  # interrupted or cancelled while testing
                self.release(connection)
                raise
            self._stale += 1
            self._upkeep.replace(connection)
            dead += 1
            if dead > 2 * self._config.pool_max:
                # The server accepts connections and closes them: do not spin.
                await self._driver.sleep(POLLING_INTERVAL)

    def release(self, connection: Any) -> None:
        """Return a connection. One that is not idle is cleared or replaced by the pool itself."""
        lease = self._table.get(connection)
        if lease is None:
            return  # the watchdog took it back
        self._table[connection] = None
        self._calls += 1
        is_idle = connection.pgconn.transaction_status == _NO_TRANSACTION
        if is_idle and not (connection.state.is_spoiled or self._closed):
            self._idle.push(connection)
        else:
            self._upkeep.clear(connection, lease[0])

    def may_retry(self) -> bool:
        """Take an attempt from the retry budget, if there is one left."""
        return self._budget.spend(self._calls)

    def stats(self) -> PoolStats:
        """Return the state of the pool: connections now, and counts since it was opened."""
        pool = self._upkeep.pool
        counted: dict[str, int] = pool.get_stats() if pool is not None else {}
        return PoolStats(
            size=counted.get("pool_size", 0),
            idle=counted.get("pool_available", 0) + len(self._idle),
            leased=len(self.leases),
            waiting=self._idle.waiting,
            most=self._config.pool_max,
            stale_replaced=self._stale,
            overdue=self._upkeep.overdue,
            leaked=self.leases.leaked,
            lost=self._upkeep.lost,
            **self.notes.counts(),
        )

    def keywords(self) -> dict[str, str]:
        """Return libpq's keywords for a connection outside of the pool.

        Raises:
            UnavailableError: the pool is closed, or the local server does not start.
            ConfigError: the local server cannot be started here.
        """
        with self._lock:
            self._require_open()
            return self._resolve()

    def _require_open(self) -> None:
        if self._closed:
            raise UnavailableError("this database was closed: close() was called")

    def _resolve(self) -> dict[str, str]:
        """Return libpq's keywords; start the local server, if it is one. The lock must be held."""
        keywords, local = self._config.connection_keywords(), self._config.dsn.local
        if local is not None:
            self._server = self._server or local.start()
            keywords |= self._server.keywords
        return keywords

    def _prepare(self) -> None:
        """Make a pool of psycopg_pool, unless there is one for this event loop."""
        self._come_home()
        with self._lock:
            self._require_open()
            if self._upkeep.pool is None:
                self._upkeep.prepare(self._resolve())
                watchdog.watch(self._upkeep)

    def _come_home(self) -> None:
        """Begin anew if this is another event loop, unless the one before still runs."""
        home = self._driver.home() if self._driver.home is not None else None
        if home is self._home:
            return
        if self._home is not None and not self._home.is_closed():
            raise UnavailableError(
                "this AsyncDatabase is used by another event loop; make one for each loop"
            )
        for connection in self.leases.connections:
            give_up(connection)
        before = self.notes
        self._reset(closed=self._closed, server=self._server)
        self._home = home
        self.notes.take_over(before)

    async def _queue(
        self, label: str, started: float, limit: float, patience: float, dead: int
    ) -> Any:
        """Wait in the queue for a connection, living or not; *dead* ones were given before."""
        self._exhaustion.check_queue(self._idle.waiting)
        # Callers far behind look for an outage less often: thousands would keep a processor busy.
        interval = min(POLLING_INTERVAL * (1 + self._idle.waiting // 50), _RARELY)
        waiter = self._driver.waiter()
        self._idle.enqueue(waiter, label, first=dead > 0)
        try:
            while True:
                self._upkeep.fetch()
                seconds = min(self._idle.interval(waiter, interval), limit - monotonic())
                if self._idle.look(waiter, connection := await waiter.wait(seconds)):
                    return connection
                self._require_open()
                self._exhaustion.check(monotonic() - started, limit, patience)
        except BaseException:
            self._idle.leave(waiter, label)
            if (connection := waiter.withdraw()) is not None:
                self.release(connection)
            raise
