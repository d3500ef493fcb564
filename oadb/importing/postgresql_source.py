"""PostgreSQL databases of OpenAlgo, read page by page in one read-only transaction."""

from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import cast

import psycopg
from psycopg import IsolationLevel, RawCursor
from psycopg.types.string import TextLoader

from oadb.engine import dsn
from oadb.engine.direct_connection import DirectConnection
from oadb.errors import ConfigError, LoadError
from oadb.importing.openalgo_tables import (
    COUNT,
    DOWNLOADS,
    PAGE_ROWS,
    READ,
    Row,
    position,
    statements,
)

# Read as text: that is what SQLite returns as well, and no value can fail to be converted.
_AS_TEXT = ("timestamp", "timestamptz", "json", "jsonb", "numeric")

_STATEMENTS = statements("postgresql")

# Seconds for a page, which is read by its primary key.
_PATIENCE = 60.0


class PostgresqlSource:
    """A PostgreSQL database in a read-only transaction."""

    def __init__(self, name: str, connection: DirectConnection) -> None:
        self.name, self._connection = name, connection
        connection.autocommit = False
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        (begun,) = connection.execute(_STATEMENTS["begin_reading"])
        self.settled: datetime | None = cast("datetime", begun[0])
        for kind in _AS_TEXT:
            connection.adapters.register_loader(kind, TextLoader)
        found = connection.execute(_STATEMENTS["list_tables"])
        self.tables: Mapping[str, bool] = {str(table): bool(has_id) for table, has_id in found}

    def page(self, table: str, after: int) -> list[Row]:
        """Return the first rows after an id; see ``sources.Source``.

        Raises:
            LoadError: the database failed, or the connection was lost.
        """
        try:
            return self._rows(READ[table], after, PAGE_ROWS)
        except psycopg.Error as error:
            raise LoadError(f"{self.name}: {position(table, after)}: {_message(error)}") from None

    def downloads(self) -> list[Row]:
        """Return when each broker's list was downloaded last; see ``sources.Source``."""
        if DOWNLOADS not in self.tables:
            return []
        try:
            return self._rows(_STATEMENTS["list_downloads"])
        except psycopg.Error as error:
            raise LoadError(f"{self.name}: {DOWNLOADS}: {_message(error)}") from None

    def _rows(self, sql: bytes, *params: int) -> list[Row]:
        with RawCursor(self._connection) as cursor:
            cursor.execute(sql, params)
            columns = [column.name for column in cursor.description or ()]
            return [dict(zip(columns, values, strict=True)) for values in cursor.fetchall()]

    def count(self, table: str) -> int | None:
        """Count the rows of a table that is not imported; see ``sources.Source``.

        Raises:
            LoadError: the database failed, or the connection was lost.
        """
        if table not in COUNT:
            return None
        try:
            ((found,),) = self._connection.execute(COUNT[table])
        except psycopg.Error as error:
            raise LoadError(f"{self.name}: {table}: {_message(error)}") from None
        return cast("int", found)


@contextmanager
def opened(url: str) -> Generator[PostgresqlSource]:
    """Connect to a PostgreSQL database.

    Raises:
        ConfigError: the URL is invalid.
        LoadError: the database refuses the connection, or does not answer.
    """
    try:
        target = dsn.parse(url)
    except ConfigError as error:
        raise ConfigError(str(error).replace("DATABASE_URL", "--postgresql")) from None
    keywords = dsn.connection_keywords(target, None)  # this may be a pooler
    with ExitStack() as stack:
        try:
            # No prepared statements, which a connection pooler may not support.
            connection = DirectConnection.to(keywords, seconds=_PATIENCE, prepare_threshold=None)
            server = PostgresqlSource(str(target), stack.enter_context(connection))
        except psycopg.Error as error:
            raise LoadError(f"{target}: {_message(error)}") from None
        yield server


def _message(error: psycopg.Error) -> str:
    """Return the message of the server, without the detail, which may quote a row."""
    return error.diag.message_primary or "it does not answer"
