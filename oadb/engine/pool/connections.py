"""Connections of a pool: age, prepared statements, and a liveness test without a round trip."""

import math
import os
from time import monotonic
from typing import Any, Self

import psycopg
from psycopg import pq, waiting

from oadb.engine.binding.dumpers import Untyped
from oadb.engine.pool.connection_terms import GONE, ConnectionState, ConnectionTerms
from oadb.engine.pool.socket_reader import SocketReader
from oadb.engine.wire import SetupStatement

_OK = pq.ConnStatus.OK
_ACTIVE = pq.TransactionStatus.ACTIVE

# Seconds between two looks at signals while the server is awaited.
_INTERVAL = 0.1


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
            limits: tuple[SetupStatement, ...] = ()
            if terms.renamed is not None:
                examined = terms.renamed.examine(connection)
                limits = waiting.wait(examined, connection.pgconn.socket, _INTERVAL)
            connection.state = terms.accept(connection.pgconn, limits)
        except psycopg.Error as error:
            terms.outage.failed(error)
            raise
        return connection

    def close(self) -> None:
        """Close it; only its owner may."""
        super().close()
        self.state.close()

    def wait(  # type: ignore[override]  # intervals are those of the pool
        self, gen: Any, prepared: Any = None, values: Any = (), /, **_: Any
    ) -> Any:
        """Run an exchange with the server to its end.

        Args:
            prepared: a statement that the server has parsed, to be sent with *values* before.
        """
        state, pgconn = self.state, self.pgconn
        if state.interruption is not None:
            raise state.interruption
        due = monotonic() + state.patience
        state.due = due if due < state.limit else state.limit  # noqa: FURB136  # min() is slower
        try:
            if prepared is not None:
                prepared.send(pgconn, values)
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

    def exchange(self, gen: Any, prepared: Any = None, values: Any = ()) -> Any:
        """Run an exchange as ``wait`` does, after those of threads that share the connection."""
        with self.lock:
            return self.wait(gen, prepared, values)


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
            limits: tuple[SetupStatement, ...] = ()
            if terms.renamed is not None:
                examined = terms.renamed.examine(connection)
                limits = await waiting.wait_async(examined, connection.pgconn.socket, _INTERVAL)
            connection.state = terms.accept(connection.pgconn, limits)
            if not terms.ticks:
                connection.state.reader = SocketReader(connection.state.descriptor)
        except psycopg.Error as error:
            terms.outage.failed(error)
            raise
        return connection

    async def close(self) -> None:
        """Close it; only its owner may."""
        await super().close()
        self.state.close()

    async def wait(  # type: ignore[override]  # as above
        self, gen: Any, prepared: Any = None, values: Any = (), /, **_: Any
    ) -> Any:
        """Run an exchange with the server to its end; see PooledConnection."""
        state, pgconn = self.state, self.pgconn
        if state.interruption is not None:
            raise state.interruption
        due = monotonic() + state.patience
        state.due = due if due < state.limit else state.limit  # noqa: FURB136  # min() is slower
        try:
            if prepared is not None:
                prepared.send(pgconn, values)
            if state.reader is None:
                answer = await waiting.wait_async(gen, pgconn.socket, _INTERVAL)
            else:
                answer = await state.reader.run(gen)
        except BaseException as error:
            note_interruption(state, pgconn, gen, error)
            raise
        else:
            if state.is_observed:
                state.answered, state.answer = monotonic(), answer
            return answer
        finally:
            state.due = math.inf

    async def exchange(self, gen: Any, prepared: Any = None, values: Any = ()) -> Any:
        """Run an exchange as ``wait`` does, after those of tasks that share the connection."""
        async with self.lock:
            return await self.wait(gen, prepared, values)


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
    return False if events[0][1] & GONE else None


def cut_off(connection: Any) -> None:
    """Disconnect a connection inherited through fork from its server, without ending the session.

    The session is the parent's: nothing that the child does, even closing, may reach the server.
    """
    if not connection.closed:
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for descriptor in (connection.pgconn.socket, connection.state.descriptor):
            os.dup2(nowhere, descriptor, inheritable=False)
        os.close(nowhere)
