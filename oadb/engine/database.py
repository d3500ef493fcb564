"""Database and AsyncDatabase: the executors that services hold.

    with Database.from_env() as db:
        user = users.find_by_email(db, "a@x.in")      # one statement, one round trip
        with db.transaction() as tx:
            users.create(tx, ...)

All work is done by AsyncDatabase; a Database is one whose awaits complete at once.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from oadb.engine.acting import acting_as
from oadb.engine.config import Config
from oadb.engine.driver import AsyncioDriver, BlockingDriver, Driver, drive
from oadb.engine.listener import AsyncListener, Listener
from oadb.engine.pool.connection_pool import Pool
from oadb.engine.pool.pool_stats import PoolStats
from oadb.engine.pool_executors import AsyncPoolExecutor, PoolExecutor


class AsyncDatabase(AsyncPoolExecutor):
    """A database reached through a pool, for asyncio. One for each process, shared by its tasks."""

    def __init__(self, config: Config, driver: Driver | None = None) -> None:
        driver = AsyncioDriver() if driver is None else driver
        self._config = config
        super().__init__(Pool(config, driver), driver)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the configuration from the environment. Raises ConfigError, KeyRingError."""
        return cls(Config.from_env(environ))

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
        """Connect, and raise UnavailableError with the reason if that cannot be done.

        Optional: the first call opens the pool as well, and so does the first after a fork.
        """
        await self._pool.open()

    async def close(self) -> None:
        """Close the pool for good."""
        await self._pool.close()

    def as_user(self, user_id: int) -> AsyncPoolExecutor:
        """Return an executor that sees the rows of this user alone, whatever a statement says.

        It costs no further round trip. Row-level security does it, and the database refuses
        (InsufficientPrivilege) where that would not hold: see ``oadb doctor``. Raises
        ParameterError for an invalid id.
        """
        return AsyncPoolExecutor(self._pool, self._driver, (acting_as(user_id),))

    def listen(self, *channels: str) -> AsyncListener:
        """Return a listener to enter; its connection is its own, beside the pool.

        Raises ParameterError for a channel that has no plain name, and ConfigError behind
        PgBouncer, which passes no notifications on.
        """
        return AsyncListener(self._config, self._driver, self._pool.keywords, *channels)

    def stats(self) -> PoolStats:
        """Return what the pool is doing now."""
        return self._pool.stats()


class Database(PoolExecutor):
    """A database reached through a pool. One for each process, shared by its threads."""

    def __init__(self, config: Config) -> None:
        self._inner = AsyncDatabase(config, BlockingDriver())
        super().__init__(self._inner)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the configuration from the environment. Raises ConfigError, KeyRingError."""
        return cls(Config.from_env(environ))

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
        """Connect, and raise UnavailableError with the reason if that cannot be done.

        Optional: the first call opens the pool as well, and so does the first after a fork.
        """
        drive(self._inner.open())

    def close(self) -> None:
        """Close the pool for good."""
        drive(self._inner.close())

    def as_user(self, user_id: int) -> PoolExecutor:
        """Return an executor that sees the rows of this user alone; see AsyncDatabase.as_user."""
        return PoolExecutor(self._inner.as_user(user_id))

    def listen(self, *channels: str) -> Listener:
        """Return a listener to enter; see AsyncDatabase.listen."""
        return Listener(self._inner.listen(*channels))

    def stats(self) -> PoolStats:
        """Return what the pool is doing now."""
        return self._inner.stats()
