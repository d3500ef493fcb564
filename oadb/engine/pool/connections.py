"""Connections of a pool: age, prepared statements, and a liveness test without a round trip."""

import os
import select
from dataclasses import dataclass, field
from random import uniform
from time import monotonic
from typing import Any, Self

import psycopg
from psycopg import pq

from oadb.engine.binding.values import Untyped

# The peer has closed (RDHUP, Linux only), hung up, or the descriptor is invalid.
_GONE = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR | select.POLLNVAL


@dataclass(slots=True)
class Outage:
    """The result of the last attempts to connect, shared by the pool and its callers."""

    since: float | None = None
    reason: str = ""
    ever_connected: bool = False

    def failed(self, error: psycopg.Error) -> None:
        """Record a failed attempt; the first of several starts the outage."""
        self.reason = " ".join(str(error).split())
        if self.since is None:
            self.since = monotonic()

    def ended(self) -> None:
        """Record a successful attempt."""
        self.since = None
        self.ever_connected = True


@dataclass(slots=True)
class ConnectionState:
    """What the engine knows of a connection."""

    expires: float
    prepares: bool
    poll: select.poll
    statements: dict[Any, Any] = field(default_factory=dict[Any, Any])
    streams: int = 0


class PooledConnection(psycopg.Connection[Any]):
    """A connection of a Database."""

    state: ConnectionState

    @classmethod
    def connect(  # type: ignore[override]  # only the pool and listeners call it
        cls, conninfo: str = "", *, outage: Outage, recycle: float, prepares: bool, **options: Any
    ) -> Self:
        """Connect, and record the attempt in *outage*."""
        try:
            connection = super().connect(conninfo, context=Untyped(), **options)
        except psycopg.Error as error:
            outage.failed(error)
            raise
        outage.ended()
        connection.state = new_state(connection.pgconn, recycle, prepares=prepares)
        return connection


class AsyncPooledConnection(psycopg.AsyncConnection[Any]):
    """A connection of an AsyncDatabase."""

    state: ConnectionState

    @classmethod
    async def connect(  # type: ignore[override]  # as above
        cls, conninfo: str = "", *, outage: Outage, recycle: float, prepares: bool, **options: Any
    ) -> Self:
        """Connect, and record the attempt in *outage*."""
        try:
            connection = await super().connect(conninfo, context=Untyped(), **options)
        except psycopg.Error as error:
            outage.failed(error)
            raise
        outage.ended()
        connection.state = new_state(connection.pgconn, recycle, prepares=prepares)
        return connection


def looks_alive(connection: Any) -> bool | None:
    """Poll the socket, without a round trip: False if the server has closed it, else True.

    A server that ends a session leaves a message and an end of file in the buffer of the socket.
    After a message alone (a notice, or the end of file has not arrived yet) the answer is None:
    only a round trip can tell.
    """
    if connection.closed:
        return False
    events = connection.state.poll.poll(0)
    if not events:
        return True
    return False if events[0][1] & _GONE else None


def cut_off(connection: Any) -> None:
    """Disconnect a connection inherited through fork from its server, without ending the session.

    The session is the parent's: nothing that the child does, even closing, may reach the server.
    """
    if not connection.closed:
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        os.dup2(nowhere, connection.pgconn.socket, inheritable=False)
        os.close(nowhere)


def is_broken(connection: Any) -> bool:
    """Say whether libpq considers the connection lost."""
    return bool(connection.pgconn.status == pq.ConnStatus.BAD)


def new_state(pgconn: Any, recycle: float, *, prepares: bool) -> ConnectionState:
    """Return the state of a new connection, which expires after about *recycle* seconds."""
    poll = select.poll()
    poll.register(pgconn.socket, select.POLLIN | _GONE)
    # A little early, at random: connections made together must not expire together.
    expires = monotonic() + recycle * uniform(0.95, 1.0)  # noqa: S311  # not secret
    return ConnectionState(expires, prepares, poll)
