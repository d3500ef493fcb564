"""A plain psycopg connection of the pool, for what declared queries cannot do.

    with db.connection() as connection:
        connection.execute("vacuum analyze shop.orders")

For tools, DDL, LISTEN, and libraries that want a connection. Whatever was done on it is over when
it is returned: it is always replaced, so that no setting, temporary table, lock or open transaction
reaches the next caller.
"""

import math
from datetime import timedelta
from types import TracebackType
from typing import Any

import psycopg
from psycopg.adapt import AdaptersMap

from oadb.engine.deadlines import expected, seconds_of
from oadb.engine.driver import drive
from oadb.engine.pool.callers import callers
from oadb.engine.pool.connection_pool import Pool
from oadb.engine.pool.leases import UNCONFIRMED

_LABEL = "a plain connection"


class AsyncPlainConnection:
    """A connection to enter; ``async with db.connection() as connection``."""

    def __init__(self, pool: Pool, deadline: timedelta | None) -> None:
        self._pool = pool
        self._seconds = None if deadline is None else seconds_of("connection", deadline)
        self._connection: Any = None

    async def __aenter__(self) -> psycopg.AsyncConnection[tuple[Any, ...]]:
        """Lease the connection.

        Raises:
            UnavailableError: no connection can be made, or became free (PoolTimeoutError).
        """
        limit = math.inf if self._seconds is None else expected(self._seconds)
        first = (_LABEL, limit, UNCONFIRMED)
        connection = self._pool.take(*first) or await self._pool.acquire(*first)
        self._hold = self._pool.leases.hold(self, connection, _LABEL, limit, callers())
        # Those of the pool send values without types, which only declared statements can rely on.
        connection._adapters = AdaptersMap(psycopg.adapters)
        self._connection = connection
        return connection  # type: ignore[no-any-return]  # of the pool's class

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Return the connection, to be replaced; an open transaction is rolled back."""
        self._pool.leases.let_go(self._hold)
        if self._pool.commits is not None:
            self._pool.commits.doubt()  # nobody knows what was done on it
        self._connection.state.is_spoiled = True
        self._pool.release(self._connection)


class PlainConnection:
    """A connection to enter; ``with db.connection() as connection``."""

    def __init__(self, inner: AsyncPlainConnection) -> None:
        self._inner = inner

    def __enter__(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Lease the connection; see AsyncPlainConnection."""
        connection: Any = drive(self._inner.__aenter__())
        return connection  # type: ignore[no-any-return]  # as above

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Return the connection, to be replaced; an open transaction is rolled back."""
        drive(self._inner.__aexit__(kind, error, trace))
