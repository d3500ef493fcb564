"""Connections of a pool: age, prepared statements, and a liveness test without a round trip."""

import math
import os
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import uniform
from time import monotonic
from typing import Any, Self

import psycopg
from psycopg import pq, waiting

from oadb.engine.binding.dumpers import Untyped
from oadb.engine.dsn import SESSION_FORMS
from oadb.engine.observing import ConnectionChange
from oadb.engine.pool.outage import Outage

# The peer has closed (RDHUP, Linux only), hung up, or the descriptor is invalid.
_GONE = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR | select.POLLNVAL

_OK = pq.ConnStatus.OK
_ACTIVE = pq.TransactionStatus.ACTIVE

# Seconds between two looks at signals while the server is awaited.
_INTERVAL = 0.1


@dataclass(slots=True)
class ConnectionState:
    """What the engine knows of a connection."""

    expires: float
    prepares: bool
    patience: float
    poll: select.poll
    descriptor: int
    """A duplicate of libpq's: shutting it down never hits a socket that libpq has closed."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while the duplicate is shut down or closed."""
    statements: dict[Any, Any] = field(default_factory=dict[Any, Any])
    streams: int = 0
    limit: float = math.inf
    """When its lease must end (monotonic clock)."""
    due: float = math.inf
    """When the server must have answered; infinite while nobody waits for it."""
    overdue: bool = False
    """Whether the watchdog has disconnected it."""
    is_spoiled: bool = False
    """Whether it must be replaced instead of used again."""
    interruption: BaseException | None = None
    """What interrupted its owner in the middle of an exchange with the server."""
    unfinished: Any = None
    """The rest of that exchange."""
    is_observed: bool = False
    """Whether the two that follow are noted."""
    answered: float = 0.0
    """When the server has answered last (monotonic clock)."""
    answer: Any = None
    """The last answer."""
    replayed: int = 0
    """Of a replica: the position in the log that its server is known to have replayed."""
    seeks_primary: bool = True
    """Whether another connection may be to a primary, should this one be to a standby."""

    def take_unfinished(self) -> Any:
        """Return the rest of an interrupted exchange, to be run, or None."""
        rest, self.unfinished, self.interruption = self.unfinished, None, None
        return rest

    def disconnect(self) -> None:
        """End every wait for the server, from any thread, without touching libpq."""
        self.is_spoiled = True
        with self.lock:
            if self.descriptor >= 0:
                with suppress(OSError):  # the server has disconnected it; it was cut off in a child
                    duplicate = socket.socket(fileno=self.descriptor)
                    try:
                        duplicate.shutdown(socket.SHUT_RDWR)
                    finally:
                        duplicate.detach()

    def close(self) -> None:
        """Close the duplicate."""
        with self.lock:
            descriptor, self.descriptor = self.descriptor, -1
            if descriptor >= 0:
                os.close(descriptor)

    def __del__(self) -> None:
        self.close()  # of a connection that its event loop left open


@dataclass(frozen=True, slots=True)
class ConnectionTerms:
    """How connections are made and used.

    ``recycle`` is the seconds after which one expires, about; ``patience`` the seconds within which
    the server must answer; either may be infinite. ``tell`` hears of each.
    """

    outage: Outage
    recycle: float = math.inf
    patience: float = math.inf
    prepares: bool = True
    tell: Callable[[ConnectionChange], None] | None = None

    def accept(self, pgconn: Any) -> ConnectionState:
        """Return the state of a new connection.

        Raises:
            psycopg.OperationalError: it is to a standby, after a primary; or values have another
                form in it than oadb reads; it is closed.
        """
        _require_forms(pgconn)
        self.outage.check_role(pgconn)
        self.outage.ended()
        poll = select.poll()
        poll.register(pgconn.socket, select.POLLIN | _GONE)
        # A little early, at random: connections made together must not expire together.
        expires = monotonic() + self.recycle * uniform(0.95, 1.0)  # noqa: S311  # not secret
        state = ConnectionState(expires, self.prepares, self.patience, poll, os.dup(pgconn.socket))
        state.seeks_primary = self.outage.seeks_primary
        if self.tell is not None:
            state.is_observed = True
            self.tell(ConnectionChange("opened", "wanted"))
        return state


def _require_forms(pgconn: Any) -> None:
    """Compare what the server reports of a session. Through a pooler, nothing else has set it."""
    for name in ("client_encoding", "DateStyle", "IntervalStyle", "standard_conforming_strings"):
        wanted = SESSION_FORMS.get(name, "UTF8")
        reported = pgconn.parameter_status(name.encode())
        if reported is not None and reported.partition(b",")[0] != wanted.encode():
            pgconn.finish()
            raise psycopg.OperationalError(
                f"{name} of the session is {reported.decode()!r}, and oadb needs {wanted}: alter "
                f"role ... set {name} = '{wanted}', or the same for the database"
            )


class PooledConnection(psycopg.Connection[Any]):
    """A connection of a Database, of which every wait has a bound.

    An interrupted wait (Ctrl-C, an exception thrown into the thread) ends at once and leaves the
    connection in the middle of an exchange. Nothing can use it then, until the pool has cleared it.
    """

    state: ConnectionState

    @classmethod
    def connect(  # type: ignore[override]  # only the pool and listeners call it
        cls, conninfo: str = "", *, terms: ConnectionTerms, **options: Any
    ) -> Self:
        """Connect, and record the attempt."""
        try:
            connection = super().connect(conninfo, context=Untyped(), **options)
            connection.state = terms.accept(connection.pgconn)
        except psycopg.Error as error:
            terms.outage.failed(error)
            raise
        return connection

    def close(self) -> None:
        """Close it; only its owner may."""
        super().close()
        self.state.close()

    def wait(self, gen: Any, *_: Any, **__: Any) -> Any:
        """Run an exchange with the server to its end."""
        state, pgconn = self.state, self.pgconn
        if state.interruption is not None:
            raise state.interruption
        due = monotonic() + state.patience
        state.due = due if due < state.limit else state.limit  # noqa: FURB136  # min() is slower
        try:
            answer = waiting.wait(gen, pgconn.socket, _INTERVAL)
        except BaseException as error:
            note_interruption(state, pgconn, gen, error)
            raise
        else:
            if state.is_observed:
                state.answered, state.answer = monotonic(), answer
            return answer
        finally:
            state.due = math.inf


class AsyncPooledConnection(psycopg.AsyncConnection[Any]):
    """A connection of an AsyncDatabase; see PooledConnection. Cancelling a wait ends it at once."""

    state: ConnectionState

    @classmethod
    async def connect(  # type: ignore[override]  # as above
        cls, conninfo: str = "", *, terms: ConnectionTerms, **options: Any
    ) -> Self:
        """Connect, and record the attempt."""
        try:
            connection = await super().connect(conninfo, context=Untyped(), **options)
            connection.state = terms.accept(connection.pgconn)
        except psycopg.Error as error:
            terms.outage.failed(error)
            raise
        return connection

    async def close(self) -> None:
        """Close it; only its owner may."""
        await super().close()
        self.state.close()

    async def wait(self, gen: Any, *_: Any, **__: Any) -> Any:
        """Run an exchange with the server to its end."""
        state, pgconn = self.state, self.pgconn
        if state.interruption is not None:
            raise state.interruption
        due = monotonic() + state.patience
        state.due = due if due < state.limit else state.limit  # noqa: FURB136  # min() is slower
        try:
            answer = await waiting.wait_async(gen, pgconn.socket, _INTERVAL)
        except BaseException as error:
            note_interruption(state, pgconn, gen, error)
            raise
        else:
            if state.is_observed:
                state.answered, state.answer = monotonic(), answer
            return answer
        finally:
            state.due = math.inf


class _Disconnected:
    """Stands in for the libpq connection of a connection that was given up."""

    status = pq.ConnStatus.BAD
    transaction_status = pq.TransactionStatus.UNKNOWN
    pipeline_status = pq.PipelineStatus.OFF
    error_message = b""

    @property
    def socket(self) -> int:
        raise psycopg.OperationalError("the connection was closed by the pool")

    def finish(self) -> None:
        """Do nothing."""

    def __getattr__(self, name: str) -> Any:
        raise psycopg.OperationalError("the connection was closed by the pool")


def note_interruption(state: ConnectionState, pgconn: Any, gen: Any, error: BaseException) -> None:
    """Keep the rest of an exchange that ended in its middle, unless the connection is lost."""
    if pgconn.status == _OK and pgconn.transaction_status == _ACTIVE and not state.is_spoiled:
        state.interruption, state.unfinished = error, gen


def give_up(connection: Any) -> None:
    """Disconnect a connection whose owner may still use it, from any thread.

    Its libpq connection is not closed here, which would crash an owner that is using it: it is
    freed when nobody refers to it any more. The owner's next call on it fails.
    """
    connection.state.disconnect()
    connection.state.close()
    connection.pgconn = _Disconnected()


def looks_alive(connection: Any) -> bool | None:
    """Poll the socket, without a round trip: False if the server has closed it, else True.

    A server that ends a session leaves a message and an end of file in the buffer of the socket.
    After a message alone (a notice, or the end of file has not arrived yet) the answer is None:
    only a round trip can tell.
    """
    if connection.pgconn.status != _OK:
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
        for descriptor in (connection.pgconn.socket, connection.state.descriptor):
            os.dup2(nowhere, descriptor, inheritable=False)
        os.close(nowhere)
