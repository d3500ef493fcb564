"""What is measured for observers; without one, nothing here runs.

A timed driver counts in the state of a connection what the server took; a CallWatch, which is as a
pool to one call, counts what the call got and waited for.
"""

from time import monotonic
from typing import Any

from oadb.engine.driver import AsyncioDriver, BlockingDriver, Driver
from oadb.engine.observing import ObservedQuery, StatementDone
from oadb.engine.pool.connection_pool import Pool
from oadb.engine.telling import Teller


class _Timed:
    """Counts in the state of a connection the time of exchanges, and the rows of the last one."""

    async def run_exchange(self, connection: Any, exchange: Any) -> Any:
        state = connection.state
        began = monotonic()
        try:
            result = await super().run_exchange(connection, exchange)  # type: ignore[misc]  # of the driver beside it
        finally:
            state.served += monotonic() - began
        state.rows = _rows_in(result)
        return result


class TimedBlockingDriver(_Timed, BlockingDriver):
    """A BlockingDriver that counts."""


class TimedAsyncioDriver(_Timed, AsyncioDriver):
    """An AsyncioDriver that counts."""


def timed(driver: Driver) -> Driver:
    """Return a driver of the same kind that counts."""
    return TimedBlockingDriver() if driver.home is None else TimedAsyncioDriver()


def _rows_in(result: Any) -> int:
    """Return the rows of a result, or else how many were written; None is that of a BEGIN."""
    if result is None:
        return 0
    if isinstance(result, list):
        return sum(map(_rows_in, result))
    return result.ntuples or result.command_tuples or 0


class CallWatch:
    """A pool to one call, which counts what the call gets from it."""

    __slots__ = ("_pool", "attempts", "lease_seconds", "leases", "may_retry", "rows", "served",
                 "waited")  # fmt: skip

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.lease_seconds = pool.lease_seconds
        self.leases = pool.leases
        self.may_retry = pool.may_retry
        self.served = self.waited = 0.0
        self.rows = self.attempts = 0

    def take(self, label: str, limit: float, seconds: float) -> Any:
        """See Pool.take."""
        connection = self._pool.take(label, limit, seconds)
        if connection is not None:
            self._begin(connection.state)
        return connection

    async def acquire(self, label: str, limit: float, seconds: float) -> Any:
        """See Pool.acquire."""
        began = monotonic()
        try:
            connection = await self._pool.acquire(label, limit, seconds)
        finally:
            self.waited += monotonic() - began
        self._begin(connection.state)
        return connection

    def _begin(self, state: Any) -> None:
        self.attempts += 1
        state.served = 0.0
        state.rows = 0

    def release(self, connection: Any) -> None:
        """See Pool.release."""
        self.served += connection.state.served
        self.rows = connection.state.rows
        self._pool.release(connection)


async def run(executor: Any, teller: Teller, query: Any, params: tuple[Any, ...]) -> Any:
    """Run a query on the pool of an executor, and tell what it took."""
    watch, started = CallWatch(executor._pool), monotonic()
    try:
        result = await executor._run(query, params, watch)
    except BaseException as error:
        teller.statement(_done(query, started, watch, error))
        raise
    if query.is_copy and isinstance(result, int):
        watch.rows = result
    teller.statement(_done(query, started, watch, None))
    return result


def _done(
    query: ObservedQuery, started: float, watch: CallWatch, error: BaseException | None
) -> StatementDone:
    return StatementDone(
        query,
        started,
        monotonic() - started,
        watch.waited,
        watch.served,
        watch.rows,
        None if error is None else type(error).__name__,
        sqlstate_of(error),
        max(watch.attempts - 1, 0),
        False,  # a keyword would cost a tenth of the call
    )


def sqlstate_of(error: BaseException | None) -> str | None:
    """Return the SQLSTATE of an error of the server; None of all others."""
    return getattr(error, "sqlstate", None)
