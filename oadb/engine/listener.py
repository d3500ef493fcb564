"""NOTIFY as it is heard, so that a cache can drop exactly the entry that changed.

    with db.listen("oadb_changes") as events:
        for event in events:
            match event:
                case Notification(payload=key): cache.pop(key, None)
                case Listening(): cache.clear()

PostgreSQL keeps nothing for who is away: a listener connects again for ever, and says Listening
each time. Every 30 s the server must answer within 10 s: a proxy may hold a connection open whose
server is gone. Not seen: a pooler that answers but keeps notifications to itself.
"""

import logging
import os
import re
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from random import uniform
from time import monotonic
from typing import Any, Self

import psycopg
from psycopg import generators
from psycopg.sql import SQL, Identifier
from psycopg.waiting import Wait

from oadb.engine.config import Config
from oadb.engine.driver import Driver, drive
from oadb.engine.pool.connections import Outage, cut_off
from oadb.engine.wire import Exchange
from oadb.errors import ConfigError, ParameterError, UnavailableError

logger = logging.getLogger("oadb.listener")

# Seconds after which the server is asked for a sign of life, and those it may take to give it.
_SILENCE, _PATIENCE = 30.0, 10.0
# Seconds between two attempts to connect, at least (stop() is looked for as often) and at most.
_LOOK, _LONGEST_PAUSE = 0.1, 5.0

_CHANNEL = re.compile("[a-z_][a-z0-9_]{0,62}")

# Those of all listeners. A child of fork inherits them: it must not reach their server.
_connections: weakref.WeakSet[Any] = weakref.WeakSet()
os.register_at_fork(after_in_child=lambda: [*map(cut_off, list(_connections))])


@dataclass(frozen=True, slots=True)
class Notification:
    """One NOTIFY, after its transaction was committed."""

    channel: str
    payload: str


@dataclass(frozen=True, slots=True)
class Listening:
    """Said at every connection: nothing is missed from here on; what was cached may be stale."""


Event = Notification | Listening
Keywords = Callable[[], Mapping[str, str]]


class AsyncListener(AsyncIterator[Event]):
    """Events for one task; one that gives up waiting (a timeout) may wait again and loses none."""

    def __init__(self, config: Config, driver: Driver, keywords: Keywords, *channels: str) -> None:
        if config.pooler == "pgbouncer":
            raise ConfigError("DB_POOLER is pgbouncer: LISTEN needs a direct connection beside it")
        if not channels or not all(map(_CHANNEL.fullmatch, channels)):
            raise ParameterError("channels: one or more, each up to 63 of a-z, _ and, later, 0-9")
        self._driver, self._keywords = driver, keywords
        self._statement = SQL("; ").join(SQL("listen {}").format(Identifier(c)) for c in channels)
        self._connection: Any = None
        self._process: int | None = None
        self._arrived: deque[Event] = deque()
        self._outage = Outage()
        self._answered = monotonic()
        self._stopped = False

    async def __aenter__(self) -> Self:
        """Connect and listen. Raises UnavailableError with the reason if that cannot be done."""
        try:
            await self._connect()
        except psycopg.Error as error:
            self._outage.failed(error)
            raise UnavailableError(f"cannot listen: {self._outage.reason}") from None
        self._process = os.getpid()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop()
        await self._driver.call(self._connection.close)

    async def __anext__(self) -> Event:
        """Wait for the next event; an outage is waited for as well."""
        if self._process != os.getpid():
            raise UnavailableError("enter the listener first, in this process: with db.listen(...)")
        while not self._stopped:
            if self._arrived:
                return self._arrived.popleft()
            try:
                await self._driver.converse(self._connection, self._arrival())
            except psycopg.Error as error:
                await self._reconnect(error)
        raise StopAsyncIteration

    def stop(self) -> None:
        """End the iteration, from any thread; seen within 0.1 s, or after an attempt to connect."""
        self._stopped = True

    async def _connect(self) -> None:
        connection = await self._driver.call(
            self._driver.connection_class.connect,
            **self._keywords(),
            autocommit=True,
            prepare_threshold=None,
            prepares=False,
            outage=self._outage,
            recycle=float("inf"),
        )
        _connections.add(connection)
        connection.add_notify_handler(self._note)
        before = len(self._arrived)
        try:
            await self._driver.call(connection.execute, self._statement)
        except BaseException:  # interrupted or cancelled: it may not be listening
            await self._driver.call(connection.close)
            raise
        self._arrived.insert(before, Listening())  # in front of what came with the answer
        self._connection = connection

    def _note(self, notice: psycopg.Notify) -> None:
        self._arrived.append(Notification(notice.channel, notice.payload))

    def _arrival(self) -> Exchange:
        """Wait for notifications, or after a long silence for a sign of life."""
        pgconn = self._connection.pgconn
        while not self._arrived and not self._stopped:
            yield Wait.R  # or 0.1 s; psycopg up to 3.2.9 does not say which
            # Not psycopg's notifies(): before 3.2.4 it loses what arrives between two calls.
            pgconn.consume_input()
            while (notice := pgconn.notifies()) is not None:
                pgconn.notify_handler(notice)
            if monotonic() - self._answered >= _SILENCE:
                return (yield from self._sign_of_life(pgconn))

    def _sign_of_life(self, pgconn: Any) -> Exchange:
        """Make a round trip. Raises psycopg.OperationalError if it takes too long."""
        pgconn.send_query(b"")
        answer, end = generators.execute(pgconn), monotonic() + _PATIENCE
        with suppress(StopIteration):
            wanted = next(answer)
            while not self._stopped:
                if monotonic() >= end:
                    raise psycopg.OperationalError(f"no answer within {_PATIENCE:.0f} s")
                wanted = answer.send((yield wanted))
        self._answered = monotonic()

    async def _reconnect(self, error: psycopg.Error) -> None:
        """Connect again, however long that takes."""
        await self._driver.call(self._connection.close)
        if self._outage.since is None:  # else a caller gave up in the middle and came again
            self._outage.failed(error)
            logger.warning("not listening, and connecting again: %s", self._outage.reason)
        pause = due = 0.0
        while not self._stopped:
            await self._driver.sleep(_LOOK)
            if monotonic() >= due:
                with suppress(psycopg.Error):
                    await self._connect()
                    logger.info("listening again")
                    return
                pause = min(2 * pause + _LOOK, _LONGEST_PAUSE)
                # Random, so that services do not come back all at once.
                due = monotonic() + uniform(pause / 2, pause)  # noqa: S311


class Listener(Iterator[Event]):
    """Events for one thread; any other may stop it. See AsyncListener."""

    def __init__(self, inner: AsyncListener) -> None:
        self._inner = inner

    def __enter__(self) -> Self:
        drive(self._inner.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        drive(self._inner.__aexit__())

    def __next__(self) -> Event:
        try:
            return drive(self._inner.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None

    def stop(self) -> None:
        """End the iteration, from any thread."""
        self._inner.stop()
