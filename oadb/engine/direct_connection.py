"""Connections outside of a pool, for tools: every wait for the server has a bound.

All of oadb connects here, in the pool, or in a listener; a test looks for other places.
"""

import select
from collections.abc import Mapping
from typing import Any, Self

import psycopg
from psycopg import waiting
from psycopg.abc import AdaptContext
from psycopg.pq import TransactionStatus

from oadb.engine.bounded import Look, at_most, bounded

# Seconds between two looks at signals and at the time while the server is awaited.
_INTERVAL = 0.1

# Seconds to connect to a host, if the URL does not say.
_CONNECT_TIMEOUT = "3"


def is_usable(connection: psycopg.Connection[Any]) -> bool:
    """Say whether a kept connection is idle and, as far as the socket tells, has its server."""
    if connection.closed or connection.info.transaction_status != TransactionStatus.IDLE:
        return False
    told = select.poll()  # a server that ends a session has sent something
    told.register(connection, select.POLLIN)
    return not told.poll(0)


class DirectConnection(psycopg.Connection[tuple[object, ...]]):
    """A connection that is used by one thread.

    A wait that is interrupted (Ctrl-C, SIGTERM) or overdue ends at once and closes the connection,
    which rolls back its transaction.
    """

    look: Look
    """Looks at the time of each wait, and may be replaced between two of them."""
    process: int
    """The id of the server process, as libpq knows it."""

    @classmethod
    def to(
        cls,
        keywords: Mapping[str, str],
        *,
        seconds: float,
        prepare_threshold: int | None = 5,
        context: AdaptContext | None = None,
    ) -> Self:
        """Connect, in autocommit mode.

        Args:
            keywords: libpq's.
            seconds: how long the server may take for each answer.
            context: how values are sent; Untyped for declared queries.

        Raises:
            psycopg.OperationalError: it cannot connect.
        """
        options: dict[str, Any] = {"connect_timeout": _CONNECT_TIMEOUT, **keywords}
        connection = cls.connect(
            **options, autocommit=True, prepare_threshold=prepare_threshold, context=context
        )
        connection.process = connection.info.backend_pid
        connection.limit(seconds)
        return connection

    def limit(self, seconds: float) -> None:
        """Wait at most *seconds* for each answer from now on."""
        self.look = at_most(seconds, f"server process {self.process}")

    def wait(self, gen: Any, *_: Any, **__: Any) -> Any:
        """Run an exchange with the server to its end.

        Raises:
            psycopg.OperationalError: the server has not answered in time.
        """
        pgconn = self.pgconn
        try:
            return waiting.wait(bounded(gen, self.look), pgconn.socket, _INTERVAL)
        except BaseException:
            if pgconn.transaction_status == TransactionStatus.ACTIVE:
                pgconn.finish()
            raise
