"""Listeners: notifications as they arrive. Any client of the database can send them.

    with db.listen("orders") as events:
        for event in events:
            match event:
                case Notification(): read_orders()
                case Listening(): read_orders()       # some may have been missed

PostgreSQL does not queue notifications for disconnected listeners. A listener that lost its
connection connects again until it is stopped, and yields Listening each time. Every 30 s the server
must answer within 10 s, because a proxy may keep a connection open whose server is gone. A pooler
that answers but does not pass notifications on is not detected.
"""

import logging
import os
import re
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, Self

import psycopg
from psycopg import generators
from psycopg.sql import SQL, Identifier
from psycopg.waiting import Wait

from oadb.engine import wire
from oadb.engine.bounded import at_most, bounded
from oadb.engine.config import Config
from oadb.engine.driver import Driver, drive
from oadb.engine.jitter import between
from oadb.engine.pool.connection_terms import ConnectionTerms
from oadb.engine.pool.connections import cut_off
from oadb.engine.pool.outage import Outage
from oadb.engine.wire import Exchange
from oadb.errors import ConfigError, ParameterError, UnavailableError

logger = logging.getLogger("oadb.listener")

# Seconds after which the server is checked, and seconds within which it must answer.
_SILENCE, _PATIENCE = 30.0, 10.0
# Seconds between attempts to connect: at least (stop() is checked as often), and at most.
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0

_CHANNEL = re.compile("[a-z_][a-z0-9_]{0,62}")

# The connections of all listeners. A forked child inherits them, but must not reach the server.
_connections: weakref.WeakSet[Any] = weakref.WeakSet()
os.register_at_fork(after_in_child=lambda: [*map(cut_off, list(_connections))])


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification, sent when its transaction was committed."""

    channel: str
    payload: str


@dataclass(frozen=True, slots=True)
class Listening:
    """Yielded after each connect: nothing is missed from here on, but caches may be stale."""


Event = Notification | Listening
Keywords = Callable[[], Mapping[str, str]]


class AsyncListener(AsyncIterator[Event]):
    """Yields events to one task, which may stop waiting (a timeout) and wait again without loss."""

    def __init__(self, config: Config, driver: Driver, keywords: Keywords, *channels: str) -> None:
        if config.is_pooled:
            raise ConfigError(
                f"DB_POOLER is {config.pooler}: LISTEN needs a direct connection to the server"
            )
        if not channels or not all(map(_CHANNEL.fullmatch, channels)):
            raise ParameterError(
                "channels: give at least one name of at most 63 characters of a-z, 0-9 and _, "
                "not beginning with a digit"
            )
        self._driver, self._keywords = driver, keywords
        self._statement = SQL("; ").join(SQL("listen {}").format(Identifier(c)) for c in channels)
        self._connection: Any = None
        self._process_id: int | None = None
        self._arrived: deque[Event] = deque()
        self._outage = Outage()
        self._answered_at = monotonic()
        self._stopped = False

    async def __aenter__(self) -> Self:
        """Connect and listen.

        Raises:
            UnavailableError: it cannot connect; the text has the reason.
        """
        try:
            await self._connect()
        except psycopg.Error as error:
            self._outage.failed(error)
            raise UnavailableError(f"cannot listen: {self._outage.reason}") from None
        self._process_id = os.getpid()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop()
        await self._driver.call(self._connection.close)

    async def __anext__(self) -> Event:
        """Wait for the next event, through outages as well.

        Raises:
            UnavailableError: the listener was not entered in this process.
        """
        if self._process_id != os.getpid():
            raise UnavailableError("enter the listener first, in this process: with db.listen(...)")
        while not self._stopped:
            if self._arrived:
                return self._arrived.popleft()
            # A check of the server that a cancelled caller left goes on.
            rest = self._connection.state.take_unfinished()
            try:
                await self._driver.run_exchange(self._connection, rest or self._wait())
            except psycopg.Error as error:
                await self._reconnect(error)
        raise StopAsyncIteration

    def stop(self) -> None:
        """End the iteration, from any thread: within 0.1 s, or after an attempt to connect."""
        self._stopped = True

    async def _connect(self) -> None:
        connection = await self._driver.call(
            self._driver.connection_class.connect,
            **self._keywords(),
            autocommit=True,
            prepare_threshold=None,
            terms=ConnectionTerms(self._outage),
        )
        _connections.add(connection)
        connection.add_notify_handler(self._enqueue)
        before = len(self._arrived)
        try:
            listen = wire.simple(connection.pgconn, self._statement.as_bytes())
            answer = bounded(listen, at_most(_PATIENCE, "the server"))
            await self._driver.run_exchange(connection, answer)
        except BaseException:  # interrupted or cancelled: it may not listen yet
            await self._driver.call(connection.close)
            raise
        self._arrived.insert(before, Listening())  # before what arrived with the answer
        self._connection = connection

    def _enqueue(self, notice: psycopg.Notify) -> None:
        self._arrived.append(Notification(notice.channel, notice.payload))

    def _wait(self) -> Exchange:
        """Wait for notifications; check the server if its last answer is too old."""
        pgconn = self._connection.pgconn
        while not self._arrived and not self._stopped:
            yield Wait.R  # or for 0.1 s; psycopg up to 3.2.9 does not say which it was
            # Not psycopg's notifies(): before 3.2.4 it loses notifications between two calls.
            pgconn.consume_input()
            while (notice := pgconn.notifies()) is not None:
                pgconn.notify_handler(notice)
            if monotonic() - self._answered_at >= _SILENCE:
                return (yield from self._check_server(pgconn))

    def _check_server(self, pgconn: Any) -> Exchange:
        """Make a round trip; raise as for a lost connection if it takes too long."""
        pgconn.send_query(b"")
        answer, end = generators.execute(pgconn), monotonic() + _PATIENCE
        with suppress(StopIteration):
            wanted = next(answer)
            while not self._stopped:
                if monotonic() >= end:
                    raise psycopg.OperationalError(f"no answer within {_PATIENCE:.0f} s")
                wanted = answer.send((yield wanted))
        self._answered_at = monotonic()

    async def _reconnect(self, error: psycopg.Error) -> None:
        """Connect again, until it succeeds or the listener is stopped."""
        await self._driver.call(self._connection.close)
        if self._outage.since is None:  # else a caller stopped waiting, and waits again
            self._outage.failed(error)
            logger.warning("not listening, connecting again: %s", self._outage.reason)
        pause = due = 0.0
        while not self._stopped:
            await self._driver.sleep(_SHORTEST_PAUSE)
            if monotonic() >= due:
                with suppress(psycopg.Error):
                    await self._connect()
                    logger.info("listening again")
                    return
                pause = min(2 * pause + _SHORTEST_PAUSE, _LONGEST_PAUSE)
                # Random, so that services do not all connect at once.
                due = monotonic() + between(pause / 2, pause)


class Listener(Iterator[Event]):
    """Yields events to one thread; any thread may stop it. See AsyncListener."""

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
        """End the iteration, from any thread; see AsyncListener.stop."""
        self._inner.stop()
