"""Connections as the pool keeps them: with their age, their cursors, and a free test of life."""

import os
import select
from dataclasses import dataclass, field
from random import uniform
from time import monotonic
from typing import Any, Self

import psycopg
from psycopg import pq

from oadb.engine.binding.values import Untyped

# The peer has closed (RDHUP, Linux only), hung up, or the descriptor is no good.
_GONE = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR | select.POLLNVAL


@dataclass(slots=True)
class Outage:
    """What the pool's last attempts to connect came to, shared with its callers."""

    since: float | None = None
    reason: str = ""
    ever_connected: bool = False

    def failed(self, error: psycopg.Error) -> None:
        """Note a failed attempt; the first of a row starts the outage."""
        self.reason = " ".join(str(error).split())
        if self.since is None:
            self.since = monotonic()

    def ended(self) -> None:
        """Note an attempt that succeeded."""
        self.since = None
        self.ever_connected = True


@dataclass(slots=True)
class ConnectionState:
    """What the engine keeps with a connection."""

    expires: float
    prepares: bool
    poll: select.poll
    statements: dict[Any, Any] = field(default_factory=dict[Any, Any])
    streams: int = 0


class PooledConnection(psycopg.Connection[Any]):
    """A connection of the pool of a Database."""

    state: ConnectionState

    @classmethod
    def connect(  # type: ignore[override]  # the pool alone connects, and gives these
        cls, conninfo: str = "", *, outage: Outage, recycle: float, prepares: bool, **options: Any
    ) -> Self:
        """Connect, and tell *outage* how it went."""
        try:
            connection = super().connect(conninfo, context=Untyped(), **options)
        except psycopg.Error as error:
            outage.failed(error)
            raise
        outage.ended()
        connection.state = new_state(connection.pgconn, recycle, prepares=prepares)
        return connection


class AsyncPooledConnection(psycopg.AsyncConnection[Any]):
    """A connection of the pool of an AsyncDatabase."""

    state: ConnectionState

    @classmethod
    async def connect(  # type: ignore[override]  # as above
        cls, conninfo: str = "", *, outage: Outage, recycle: float, prepares: bool, **options: Any
    ) -> Self:
        """Connect, and tell *outage* how it went."""
        try:
            connection = await super().connect(conninfo, context=Untyped(), **options)
        except psycopg.Error as error:
            outage.failed(error)
            raise
        outage.ended()
        connection.state = new_state(connection.pgconn, recycle, prepares=prepares)
        return connection


def looks_alive(connection: Any) -> bool | None:
    """Ask the socket, without a round trip: False if the server has gone, None if it spoke.

    A server that ends a connection leaves its last words and an end of file in the socket's
    buffer. Words alone (a notice, or an end of file still on its way) need a round trip to tell.
    """
    if connection.closed:
        return False
    events = connection.state.poll.poll(0)
    if not events:
        return True
    return False if events[0][1] & _GONE else None


def cut_off(connection: Any) -> None:
    """Make a connection inherited through fork lead nowhere: its session is the parent's.

    Whatever the child still does with it, closing it included, must not reach the server.
    """
    if not connection.closed:
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        os.dup2(nowhere, connection.pgconn.socket, inheritable=False)
        os.close(nowhere)


def is_broken(connection: Any) -> bool:
    """Say whether libpq has given the connection up."""
    return bool(connection.pgconn.status == pq.ConnStatus.BAD)


def new_state(pgconn: Any, recycle: float, *, prepares: bool) -> ConnectionState:
    """Return the state of a new connection that is to be replaced after *recycle* seconds."""
    poll = select.poll()
    poll.register(pgconn.socket, select.POLLIN | _GONE)
    # A little early and not all at once: connections made together must not expire together.
    expires = monotonic() + recycle * uniform(0.95, 1.0)  # noqa: S311
    return ConnectionState(expires, prepares, poll)
