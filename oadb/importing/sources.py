"""Where OpenAlgo's rows are read: SQLite files, PostgreSQL databases. Nothing is written there.

A page at a time, in the order of the ids. A SQLite file is locked no longer than a page takes, so
that OpenAlgo goes on writing; a PostgreSQL database is read in one transaction.
"""

import sqlite3
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Protocol, cast

import psycopg
from psycopg import IsolationLevel, RawCursor
from psycopg.conninfo import make_conninfo
from psycopg.types.string import TextLoader

from oadb.engine import dsn
from oadb.engine.binding.statements import parse, sql_folder
from oadb.errors import ConfigError, LoadError

Row = dict[str, object]
"""A row as it stands there, by the names of the columns that this version has."""

START = -(2**63)
"""What every id is behind."""

# Rows of a page.
_PAGE = 500

# Seconds for which another one's transaction on a SQLite file is waited for.
_PATIENCE = 30.0

# Left as text, because that reads the same from SQLite, and no value of theirs ends the reading.
_AS_TEXT = ("timestamp", "timestamptz", "json", "jsonb", "numeric")

# What is over soon: requests that wait for a person, counts of a day, sign-ins.
_SHORT_LIVED = frozenset(
    {"active_sessions", "error_404_tracker", "invalid_api_key_tracker", "pending_orders"}
)

_FINISH = "open it with OpenAlgo or sqlite3, which finish what was being written, and close it"

# What is wrong with a SQLite file, by the name of SQLite's error.
_FAULTS = {
    "SQLITE_BUSY": f"somebody was writing to it for {_PATIENCE:.0f} seconds; try again",
    "SQLITE_READONLY_ROLLBACK": f"it was not closed; {_FINISH}",
    "SQLITE_READONLY_RECOVERY": f"it was not closed; {_FINISH}",
    "SQLITE_READONLY_CANTINIT": f"it was not closed; {_FINISH}",
}


def _statements(name: str) -> dict[str, bytes]:
    path = sql_folder() / "openalgo" / f"{name}.sql"
    found = parse(path.read_text(encoding="utf-8"), name, f"sql/openalgo/{name}.sql")
    return {statement.name: statement.sql for statement in found.values()}


_READ = _statements("tables")
_SQLITE = {name: sql.decode() for name, sql in _statements("sqlite").items()}
_POSTGRESQL = _statements("postgresql")


class Source(Protocol):
    """One database; ``name`` is what messages call it.

    ``tables`` says of each table whether its primary key is an id, a whole number. Rows that are
    older than ``settled`` are all to be seen, while younger ones may still be committed before
    others; None: a row that is seen has none before it that is not.
    """

    name: str
    tables: Mapping[str, bool]
    settled: datetime | None

    def page(self, table: str, after: int) -> list[Row]:
        """Return the first rows of a table behind an id, by their ids. Raises LoadError."""
        ...


class Sources:
    """The databases of one installation, as one."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._homes: dict[str, Source] = {}
        for table in _READ:
            homes = [source for source in sources if source.tables.get(table)]
            if homes:
                self._homes[table] = homes[0] if len(homes) == 1 else _filled(table, homes)
        found = [(t, has_id, source.name) for source in sources
                 for t, has_id in source.tables.items()]  # fmt: skip
        self.unfit = {t: home for t, _, home in found if t in _READ and t not in self._homes}
        others = {t for t, _, _ in found} - set(_READ)
        self.short_lived = sorted(others & _SHORT_LIVED)
        self.unread = sorted(others - _SHORT_LIVED)

    def __contains__(self, table: str) -> bool:
        """Say whether a table is there, and can be read."""
        return table in self._homes

    def settled(self, table: str) -> datetime | None:
        """Return until when the rows of a table are all to be seen; None: all are."""
        home = self._homes.get(table)
        return None if home is None else home.settled

    def rows(self, table: str, after: int = START) -> Iterator[Row]:
        """Yield the rows of a table behind an id, none where there is no such table.

        Raises LoadError if the source cannot be read on.
        """
        home = self._homes.get(table)
        while home is not None:
            page = home.page(table, after)
            yield from page
            if len(page) < _PAGE:
                return
            after = cast("int", page[-1]["id"])


def _filled(table: str, homes: list[Source]) -> Source:
    """Return the one of several sources that has rows of a table, or any if none has."""
    filled = [home for home in homes if home.page(table, START)]
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
    """A SQLite file, of which each page is read by a statement of its own."""

    settled: datetime | None = None  # one writes at a time

    def __init__(self, path: Path, connection: sqlite3.Connection, *, at_rest: bool) -> None:
        self.name, self._path, self._connection = path.name, path, connection
        self._state = _state(path) if at_rest else None
        # One table may be read while another is, by another thread.
        self._lock = Lock()
        # What is no UTF-8 must not end the reading.
        connection.text_factory = _replacing
        found = connection.execute(_SQLITE["list_tables"])
        self.tables: Mapping[str, bool] = {table: bool(has_id) for table, has_id in found}
        (fault,) = connection.execute(_SQLITE["find_fault"]).fetchone()
        if fault != "ok":
            raise sqlite3.DatabaseError(fault)

    def page(self, table: str, after: int) -> list[Row]:
        rows: list[Row] = []
        asked = {"1": after, "2": _PAGE}
        try:
            with self._lock:
                cursor = self._connection.execute(_READ[table].decode(), asked)
                columns = [column[0] for column in cursor.description]
                rows += (dict(zip(columns, values, strict=True)) for values in cursor)
            if self._state is not None and _state(self._path) != self._state:
                raise LoadError(
                    f"{self.name}: it was written to meanwhile; stop OpenAlgo, and try again"
                )
        except (sqlite3.Error, OSError) as error:
            raise LoadError(f"{self.name}: {_place(table, after, rows)}: {_told(error)}") from None
        return rows


def _place(table: str, after: int, rows: Sequence[Row]) -> str:
    last = rows[-1]["id"] if rows else after
    return f"{table}, its first row" if last == START else f"{table} behind id {last}"


def _replacing(text: bytes) -> str:
    return text.decode(errors="replace")


def _state(path: Path) -> tuple[int, int]:
    """Return what changes when a file is written."""
    found = path.stat()
    return found.st_mtime_ns, found.st_size


@contextmanager
def _sqlite(path: Path) -> Generator[_File]:
    if not path.is_file():
        raise LoadError(f"{path}: no such file")
    with ExitStack() as stack:
        try:
            at_rest = _is_at_rest(path)
            address = f"{path.resolve().as_uri()}?mode=ro{'&immutable=1' if at_rest else ''}"
            connection = sqlite3.connect(
                address, _PATIENCE, isolation_level=None, check_same_thread=False, uri=True
            )
            stack.enter_context(closing(connection))
            file = _File(path, connection, at_rest=at_rest)
        except (sqlite3.Error, OSError) as error:
            raise LoadError(f"{path}: {_told(error)}") from None
        yield file


def _is_at_rest(path: Path) -> bool:
    """Say whether a file has a write-ahead log, and nobody has it open.

    Also who only reads such a log makes two files beside it, and leaves them there, unless he
    promises that nobody writes. Where they are, they are OpenAlgo's, and are used.
    """
    with path.open("rb") as file:
        has_log = file.read(20)[18:] == b"\2\2"
    log, index = (path.resolve().with_name(path.resolve().name + end) for end in ("-wal", "-shm"))
    if not has_log or (log.exists() and index.exists()):
        return False
    if log.exists() and log.stat().st_size:
        raise LoadError(f"{path}: {log.name} is beside it, but not {index.name}; {_FINISH}")
    return True


def _told(error: sqlite3.Error | OSError) -> str:
    """Return what is wrong with a file, and what to do about it."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    usual = f"{error}; give a SQLite file of OpenAlgo's that is whole"
    return _FAULTS.get(getattr(error, "sqlite_errorname", ""), usual)


Connection = psycopg.Connection[tuple[object, ...]]


class _Server:
    """A PostgreSQL database in a read transaction."""

    def __init__(self, name: str, connection: Connection) -> None:
        self.name, self._connection = name, connection
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        (begun,) = connection.execute(_POSTGRESQL["begin_reading"])
        self.settled: datetime | None = cast("datetime", begun[0])
        for kind in _AS_TEXT:
            connection.adapters.register_loader(kind, TextLoader)
        found = connection.execute(_POSTGRESQL["list_tables"])
        self.tables: Mapping[str, bool] = {str(table): bool(has_id) for table, has_id in found}

    def page(self, table: str, after: int) -> list[Row]:
        try:
            with RawCursor(self._connection) as cursor:
                cursor.execute(_READ[table], (after, _PAGE))
                columns = [column.name for column in cursor.description or ()]
                return [dict(zip(columns, values, strict=True)) for values in cursor.fetchall()]
        except psycopg.Error as error:
            raise LoadError(f"{self.name}: {_place(table, after, [])}: {_said(error)}") from None


@contextmanager
def _postgresql(url: str) -> Generator[_Server]:
    try:
        target = dsn.parse(url)
    except ConfigError as error:
        raise ConfigError(str(error).replace("DATABASE_URL", "--postgresql")) from None
    keywords = {**dsn.connection_keywords(target, {}), "client_encoding": "UTF8"}
    with ExitStack() as stack:
        try:
            # No prepared statement: there may be a pooler between.
            connection = psycopg.connect(make_conninfo(**keywords), prepare_threshold=None)
            server = _Server(str(target), stack.enter_context(connection))
        except psycopg.Error as error:
            raise LoadError(f"{target}: {_said(error)}") from None
        yield server


def _said(error: psycopg.Error) -> str:
    """Return what the server said, without the row that it may have been about."""
    return error.diag.message_primary or "it does not answer"
