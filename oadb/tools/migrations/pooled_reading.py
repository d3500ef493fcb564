"""Reads the records of migrations through PgBouncer, which gives sessions to others in between."""

from collections.abc import Generator
from contextlib import contextmanager

import psycopg

from oadb.engine.binding.dumpers import Untyped
from oadb.engine.direct_connection import DirectConnection
from oadb.engine.dsn import Dsn, connection_keywords
from oadb.engine.pool.outage import explain_refusal
from oadb.engine.single_connection import SingleConnection
from oadb.errors import UnavailableError
from oadb.tools.migrations import history_schema
from oadb.tools.migrations import migration_history as history

# Seconds that the server may take for each answer.
_PATIENCE = 10.0


@contextmanager
def reading(dsn: Dsn) -> Generator[SingleConnection]:
    """Give a connection in a transaction for reading only, which leaves no setting behind.

    Raises:
        ConfigError: OADB_HISTORY_SCHEMA is not a plain name.
        UnavailableError: no connection to the server.
    """
    schema = history_schema.named()
    keywords = connection_keywords(dsn, None)
    try:
        connection = DirectConnection.to(
            keywords, seconds=_PATIENCE, prepare_threshold=None, context=Untyped()
        )
    except psycopg.OperationalError as error:
        raise UnavailableError(f"no connection to {dsn}: {explain_refusal(error)}") from None
    connection.read_only = True
    with connection, connection.transaction():
        session = SingleConnection(connection, prepares=False)
        if schema is not None:
            history.set_path(session, schema)
        yield session
