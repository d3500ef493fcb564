"""News of connections: for observers, and what psycopg_pool logs of them."""

import logging
from typing import Any

from oadb.engine.observing import ConnectionChange
from oadb.engine.pool.connections import AsyncPooledConnection, PooledConnection
from oadb.engine.telling import Teller


class ConnectionNews:
    """Tells observers of the connections of a pool; without observers it does nothing."""

    def __init__(self, teller: Teller | None) -> None:
        self.tell = None if teller is None else teller.connection
        self.is_closed = False
        """Whether the pool is; then no connection is replaced."""

    def ended(self, connection: Any, reason: str) -> None:
        """Tell that a connection is closed, to be replaced unless the pool is closed."""
        if self.tell is None:
            return
        if self.is_closed:
            self.tell(ConnectionChange("closed", "pool closed"))
        elif connection.state.overdue:
            self.tell(ConnectionChange("replaced", "overdue"))
        else:
            self.tell(ConnectionChange("replaced", reason))

    def unused(self) -> None:
        """Tell that a connection beyond DB_POOL_SIZE is closed because nobody used it."""
        if self.tell is not None:
            self.tell(ConnectionChange("closed", "unused"))


def _is_news(record: logging.LogRecord) -> bool:
    """Leave out psycopg_pool's warning of each connection that it gets back to replace it."""
    return not isinstance(record.args, tuple) or not any(
        isinstance(value, PooledConnection | AsyncPooledConnection) for value in record.args
    )


logging.getLogger("psycopg.pool").addFilter(_is_news)
