"""Database and AsyncDatabase: the executors that services hold.

    with Database.from_env() as db:
        user = users.find_by_email(db, "a@x.in")      # one statement, one round trip
        with db.transaction() as tx:
            users.create(tx, ...)

AsyncDatabase does all the work; a Database wraps one whose awaits complete at once.
"""

from datetime import timedelta
from types import TracebackType
from typing import Self, cast

from oadb.engine import readiness
from oadb.engine.acting import acting_as
from oadb.engine.blocking import PoolExecutor
from oadb.engine.config import Config
from oadb.engine.configured import Configured
from oadb.engine.deadlines import seconds_of
from oadb.engine.driver import AsyncioDriver, BlockingDriver, Driver, drive
from oadb.engine.listener import AsyncListener, Listener
from oadb.engine.plain_connection import AsyncPlainConnection, PlainConnection
from oadb.engine.pool.connection_pool import Pool
from oadb.engine.pool.pool_stats import PoolStats
from oadb.engine.pool_executors import AsyncPoolExecutor
from oadb.engine.provided import provided
from oadb.engine.readiness import Ping, Readiness
from oadb.engine.reads.read_sources import AsyncReadSource, ReadSource
from oadb.engine.reads.replica_set import replicas_of
from oadb.engine.telling import Observers, teller_of
from oadb.errors import ParameterError

_PING, _READY = timedelta(seconds=1), timedelta(seconds=5)


class AsyncDatabase(Configured, AsyncReadSource, AsyncPoolExecutor):
    """A database behind a connection pool, for asyncio; the tasks of a process share one."""

    def __init__(
        self, config: Config, driver: Driver | None = None, *, observer: Observers = None
    ) -> None:
        if not isinstance(cast("object", config), Config):
            raise ParameterError(
                f"Database: config must be Config, not {type(config).__name__}; "
                "for a URL, call Database.from_url(url)"
            )
        driver = driver or AsyncioDriver()
        teller = teller_of(observer, "Database")
        self._config = config
        pool = Pool(config, driver, teller)
        AsyncPoolExecutor.__init__(self, pool, driver)
        self._replicas = replicas_of(config, driver, teller, pool)

    async def __aenter__(self) -> Self:
        """Open the pool."""
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the pool."""
        await self.close()

    async def open(self) -> None:
        """Open the pool, and check that it can connect.

        Optional: the first call opens the pool as well, also in a forked child.

        Raises:
            UnavailableError: it cannot connect, with the reason; or it was closed.
            ConfigError: the server of an ``embedded:`` URL cannot be started here.
        """
        await self._pool.open()

    async def close(self) -> None:
        """Close the pools for good. Connections in use are closed when they are returned."""
        if self._replicas is not None:
            await self._replicas.close()
        await self._pool.close()

    async def prove(self) -> None:
        """Check that the key ring fits the database; the first ring of a database is enrolled.

        Call it when a service starts, so that a wrong ring fails there. Otherwise the first call
        that needs a key does the same.

        Raises:
            KeyRingError: the ring does not fit; the text names the key, and nothing was written.
            ConfigError: no key ring is configured.
        """
        await provided("oadb.proof", "prove")(self)

    async def ping(self, *, deadline: timedelta = _PING) -> Ping:
        """Make one round trip, and say whether the database answered; for probes of liveness.

        Args:
            deadline: for all of it, with the wait for a connection.

        Raises:
            ParameterError: a *deadline* that is not above 0.
            ConfigError: the server of an ``embedded:`` URL cannot be started here.
        """
        return await readiness.ping(self._pool, self._driver, seconds_of("ping", deadline))

    async def ready(self, *, deadline: timedelta = _READY) -> Readiness:
        """Say whether this service can work: the database answers, and fits it.

        Migrations are applied, the keys of the database are in the ring, the role may do what a
        service does; and what packages check besides. Each finding says what to do. Writes nothing.

        Args:
            deadline: for each wait; what was not checked by then is not ready.

        Raises:
            ParameterError: a *deadline* that is not above 0.
            ConfigError: the server of an ``embedded:`` URL cannot be started here.
        """
        return await readiness.examine(self, self._config, seconds_of("ready", deadline))

    def as_user(self, user_id: int, *, ip: str | None = None) -> AsyncPoolExecutor:
        """Return an executor that sees the rows of this user only, whatever a statement says.

        Row-level security enforces it, without an additional round trip. Calls raise psycopg's
        InsufficientPrivilege if it does not bind the role of the service: see ``oadb doctor``; and
        for what belongs to no user, such as bans.

        Args:
            ip: the address of the client, for the audit.

        Raises:
            ParameterError: an invalid id or address.
            ConfigError: no installed package provides the identity query, or several do.
        """
        return AsyncPoolExecutor(self._pool, self._driver, acting_as(user_id, ip))

    def connection(self, *, deadline: timedelta | None = None) -> AsyncPlainConnection:
        """Return a plain psycopg connection of the pool to enter, in autocommit mode.

        For what declared queries cannot do: DDL, LISTEN, libraries that want a connection. It is
        replaced afterwards, so that nothing that was done on it reaches another caller. It has no
        identity: ``as_user`` does not offer it.

        Args:
            deadline: when it is disconnected at the latest. Each wait for the server ends within
                DB_CALL_DEADLINE.

        Raises:
            ParameterError: a *deadline* that is not above 0.
        """
        return AsyncPlainConnection(self._pool, deadline)

    def listen(self, *channels: str) -> AsyncListener:
        """Return a listener to enter. It has a connection of its own, outside of the pool.

        Args:
            channels: names of at most 63 characters of a-z, 0-9 and _, not beginning with a digit.

        Raises:
            ParameterError: no channel, or an invalid name.
            ConfigError: DB_POOLER is not none; PgBouncer passes no notifications on.
        """
        return AsyncListener(self._config, self._driver, self._pool.keywords, *channels)

    def stats(self) -> PoolStats:
        """Return the state of the pool: connections now, and counts since it was opened."""
        return self._pool.stats()


class Database(Configured, ReadSource, PoolExecutor):
    """A database behind a connection pool; the threads of a process share one."""

    def __init__(self, config: Config, *, observer: Observers = None) -> None:
        self._inner = self._source = AsyncDatabase(config, BlockingDriver(), observer=observer)
        PoolExecutor.__init__(self, self._inner)

    def __enter__(self) -> Self:
        """Open the pool."""
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the pool."""
        self.close()

    def open(self) -> None:
        """Open the pool, and check that it can connect.

        Optional: the first call opens the pool as well, also in a forked child.

        Raises:
            UnavailableError: it cannot connect, with the reason; or it was closed.
            ConfigError: the server of an ``embedded:`` URL cannot be started here.
        """
        drive(self._inner.open())

    def close(self) -> None:
        """Close the pools for good. Connections in use are closed when they are returned."""
        drive(self._inner.close())

    def prove(self) -> None:
        """Check that the key ring fits the database; see AsyncDatabase.prove.

        Raises:
            KeyRingError: the ring does not fit; the text names the key, and nothing was written.
            ConfigError: no key ring is configured.
        """
        drive(self._inner.prove())

    def ping(self, *, deadline: timedelta = _PING) -> Ping:
        """Make one round trip, and say whether the database answered; see AsyncDatabase.ping.

        Raises:
            ParameterError: a *deadline* that is not above 0.
        """
        return drive(self._inner.ping(deadline=deadline))

    def ready(self, *, deadline: timedelta = _READY) -> Readiness:
        """Say whether this service can work with its database; see AsyncDatabase.ready.

        Raises:
            ParameterError: a *deadline* that is not above 0.
        """
        return drive(self._inner.ready(deadline=deadline))

    def as_user(self, user_id: int, *, ip: str | None = None) -> PoolExecutor:
        """Return an executor that sees the rows of this user only; see AsyncDatabase.as_user.

        Raises:
            ParameterError: an invalid id.
            ConfigError: no installed package provides the identity query, or several do.
        """
        return PoolExecutor(self._inner.as_user(user_id, ip=ip))

    def connection(self, *, deadline: timedelta | None = None) -> PlainConnection:
        """Return a plain psycopg connection of the pool to enter; see AsyncDatabase.connection.

        Args:
            deadline: when it is disconnected at the latest.

        Raises:
            ParameterError: a *deadline* that is not above 0.
        """
        return PlainConnection(self._inner.connection(deadline=deadline))

    def listen(self, *channels: str) -> Listener:
        """Return a listener to enter; see AsyncDatabase.listen.

        Raises:
            ParameterError: no channel, or an invalid name.
            ConfigError: DB_POOLER is not none; PgBouncer passes no notifications on.
        """
        return Listener(self._inner.listen(*channels))

    def stats(self) -> PoolStats:
        """Return the state of the pool: connections now, and counts since it was opened."""
        return self._inner.stats()
