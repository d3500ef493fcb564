"""Where OpenAlgo's rows are read: SQLite files, PostgreSQL databases. Nothing is written there.

Each is read in one transaction that sees one state, a row at a time.
"""

import sqlite3
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import psycopg
from psycopg import IsolationLevel, RawServerCursor
from psycopg.conninfo import make_conninfo
from psycopg.types.string import TextLoader

from oadb.engine import dsn
from oadb.engine.statements import parse, sql_folder
from oadb.errors import ConfigError, LoadError

Row = dict[str, object]
"""A row as it stands there, by the names of the columns that this version has."""

# How many rows PostgreSQL sends at a time.
_FETCHED = 2000

# Left as text, because that reads the same from SQLite, and no value of theirs ends the reading.
_AS_TEXT = ("timestamp", "timestamptz", "json", "jsonb", "numeric")


def _statements(name: str) -> dict[str, bytes]:
    path = sql_folder() / "openalgo" / f"{name}.sql"
    found = parse(path.read_text(encoding="utf-8"), name, f"sql/openalgo/{name}.sql")
    return {statement.name: statement.sql for statement in found.values()}


_READ = _statements("tables")
_SQLITE = _statements("sqlite")
_POSTGRESQL = _statements("postgresql")


class Source(Protocol):
    """One database; ``name`` is what messages call it."""

    name: str
    tables: frozenset[str]

    def rows(self, table: str, after: int) -> Iterator[Row]:
        """Yield the rows of a table behind an id, in the order of their ids. Raises LoadError."""
        ...


class Sources:
    """The databases of one installation, as one."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._homes: dict[str, Source] = {}
        for table in _READ:
            homes = [source for source in sources if table in source.tables]
            if homes:
                self._homes[table] = homes[0] if len(homes) == 1 else _filled(table, homes)
        self.unread = sorted({t for source in sources for t in source.tables} - set(_READ))

    def __contains__(self, table: str) -> bool:
        """Say whether a table is there."""
        return table in self._homes

    def rows(self, table: str, after: int = 0) -> Iterator[Row]:
        """Yield the rows of a table behind an id, none where there is no such table."""
        home = self._homes.get(table)
        return iter(()) if home is None else home.rows(table, after)


def _filled(table: str, homes: list[Source]) -> Source:
    """Return the one of several sources that has rows of a table, or any if none has."""
    filled = [home for home in homes if next(home.rows(table, 0), None) is not None]
    if len(filled) > 1:
        names = " and ".join(home.name for home in filled)
        raise LoadError(f"{table} is in {names}; give one of them, and import the other by itself")
    return [*filled, *homes][0]


@contextmanager
def opened(files: Iterable[Path], urls: Iterable[str]) -> Generator[Sources]:
    """Open SQLite files, also all of a folder, and PostgreSQL databases.

    Raises LoadError for what is missing, damaged or no database, and where two have rows of the
    same table; ConfigError for a URL that is none.
    """
    with ExitStack() as stack:
        found: list[Source] = [
            stack.enter_context(_sqlite(each)) for file in files for each in _files(file)
        ]
        found += [stack.enter_context(_postgresql(url)) for url in urls]
        yield Sources(found)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("*.db"))
    if not found:
        raise LoadError(f"{path}: no *.db file is in this folder")
    return found


class _File:
    """A SQLite file in a read transaction."""

    def __init__(self, name: str, connection: sqlite3.Connection) -> None:
        self.name = name
        self._connection = connection
        # One table may be read while another is, by another thread.
        self._lock = Lock()
        # What is no UTF-8 must not end the reading.
        connection.text_factory = _replacing
        connection.execute("begin")
        self.tables = frozenset(
            name for (name,) in connection.execute(_SQLITE["list_tables"].decode())
        )
        faults = [fault for (fault,) in connection.execute("pragma quick_check(1)")]
        if faults != ["ok"]:
            raise sqlite3.DatabaseError(faults[0])

    def rows(self, table: str, after: int) -> Iterator[Row]:
        last: object = after
        try:
            with self._lock:
                cursor = self._connection.execute(_READ[table].decode(), {"1": after})
            columns = [column[0] for column in cursor.description]
            while (values := self._next(cursor)) is not None:
                row: Row = dict(zip(columns, values, strict=True))
                yield row
                last = row.get("id")
        except sqlite3.Error as error:
            raise LoadError(f"{self.name}: {table} behind id {last}: {error}") from None

    def _next(self, cursor: sqlite3.Cursor) -> tuple[object, ...] | None:
        with self._lock:
            return next(cursor, None)


def _replacing(text: bytes) -> str:
    return text.decode(errors="replace")


@contextmanager
def _sqlite(path: Path) -> Generator[_File]:
    # mode=ro makes no file, and writes nothing into one.
    address = f"{path.absolute().as_uri()}?mode=ro"
    try:
        connection = sqlite3.connect(
            address, uri=True, isolation_level=None, check_same_thread=False
        )
        with closing(connection):
            yield _File(path.name, connection)
    except sqlite3.Error as error:
        raise LoadError(
            f"{path}: {error}; give a SQLite file of OpenAlgo's, whole and not in use"
        ) from None


class _Server:
    """A PostgreSQL database in a read transaction."""

    def __init__(self, name: str, connection: psycopg.Connection[Any]) -> None:
        self.name = name
        self._connection = connection
        # One table may be read while another is.
        self._numbers = count()
        for kind in _AS_TEXT:
            connection.adapters.register_loader(kind, TextLoader)
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        connection.execute(_POSTGRESQL["begin"])
        self.tables = frozenset(name for (name,) in connection.execute(_POSTGRESQL["list_tables"]))

    def rows(self, table: str, after: int) -> Iterator[Row]:
        last: object = after
        try:
            with RawServerCursor(self._connection, f"oadb_import_{next(self._numbers)}") as cursor:
                cursor.itersize = _FETCHED
                cursor.execute(_READ[table], (after,))
                columns = [column.name for column in cursor.description or ()]
                for values in cursor:
                    row: Row = dict(zip(columns, values, strict=True))
                    yield row
                    last = row.get("id")
        except psycopg.Error as error:
            raise LoadError(f"{self.name}: {table} behind id {last}: {_said(error)}") from None


@contextmanager
def _postgresql(url: str) -> Generator[_Server]:
    try:
        target = dsn.parse(url)
    except ConfigError as error:
        raise ConfigError(str(error).replace("DATABASE_URL", "--postgresql")) from None
    keywords = dsn.connection_keywords(target, {})
    try:
        with psycopg.connect(make_conninfo(**keywords)) as connection:
            yield _Server(str(target), connection)
    except psycopg.Error as error:
        raise LoadError(f"{target}: {_said(error)}") from None


def _said(error: psycopg.Error) -> str:
    """Return what the server said, without the row that it may have been about."""
    return error.diag.message_primary or "it does not answer"
