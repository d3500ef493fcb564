"""SQLite files of OpenAlgo, read page by page. Nothing is written to them, nor beside them.

A file is locked only while a page is read, so that OpenAlgo can go on writing.
"""

import sqlite3
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path
from threading import Lock

from oadb.errors import LoadError
from oadb.importing.openalgo_tables import (
    COUNT,
    DOWNLOADS,
    PAGE_ROWS,
    READ,
    Row,
    position,
    statements,
)

# Seconds to wait for the transaction of another process on a file.
_BUSY_TIMEOUT = 30.0

_FINISH = "open it with OpenAlgo or sqlite3, which complete the interrupted write, and close it"

# What is wrong with a file, by the name of SQLite's error.
_FAULTS = {
    "SQLITE_BUSY": f"another process was writing to it for {_BUSY_TIMEOUT:.0f} seconds; try again",
    "SQLITE_READONLY_ROLLBACK": f"it was not closed; {_FINISH}",
    "SQLITE_READONLY_RECOVERY": f"it was not closed; {_FINISH}",
    "SQLITE_READONLY_CANTINIT": f"it was not closed; {_FINISH}",
}

_STATEMENTS = {name: sql.decode() for name, sql in statements("sqlite").items()}


class SqliteSource:
    """A SQLite file; each page is read by a statement of its own."""

    settled: datetime | None = None  # SQLite has one writer at a time

    def __init__(self, path: Path, connection: sqlite3.Connection, *, at_rest: bool) -> None:
        self.name, self._path, self._connection = path.name, path, connection
        self._state = _state(path) if at_rest else None
        # Another thread may read another table at the same time.
        self._lock = Lock()
        # Invalid UTF-8 must not stop the import.
        connection.text_factory = _replacing_invalid
        found = connection.execute(_STATEMENTS["list_tables"])
        self.tables: Mapping[str, bool] = {table: bool(has_id) for table, has_id in found}
        (fault,) = connection.execute(_STATEMENTS["find_fault"]).fetchone()
        if fault != "ok":
            raise sqlite3.DatabaseError(fault)

    def page(self, table: str, after: int) -> list[Row]:
        """Return the first rows after an id; see ``sources.Source``.

        Raises:
            LoadError: the file is damaged, locked, or was written to since it was opened.
        """
        rows: list[Row] = []
        params = {"1": after, "2": PAGE_ROWS}
        try:
            with self._lock:
                rows += _rows(self._connection.execute(READ[table].decode(), params))
            if self._state is not None and _state(self._path) != self._state:
                raise LoadError(
                    f"{self.name}: it was written to during the import; stop OpenAlgo, and try "
                    "again"
                )
        except (sqlite3.Error, OSError) as error:
            place = position(table, after, rows)
            raise LoadError(f"{self.name}: {place}: {_reason(error)}") from None
        return rows

    def downloads(self) -> list[Row]:
        """Return when each broker's list was downloaded last; see ``sources.Source``."""
        if DOWNLOADS not in self.tables:
            return []
        try:
            with self._lock:
                return [*_rows(self._connection.execute(_STATEMENTS["list_downloads"]))]
        except sqlite3.Error as error:
            raise LoadError(f"{self.name}: {DOWNLOADS}: {_reason(error)}") from None

    def count(self, table: str) -> int | None:
        """Count the rows of a table that is not imported; see ``sources.Source``."""
        try:
            with self._lock:
                (found,) = self._connection.execute(COUNT[table].decode()).fetchone()
        except (KeyError, sqlite3.Error):
            return None
        return int(found)


def _rows(cursor: sqlite3.Cursor) -> Iterator[Row]:
    columns = [column[0] for column in cursor.description]
    return (dict(zip(columns, values, strict=True)) for values in cursor)


def _replacing_invalid(text: bytes) -> str:
    return text.decode(errors="replace")


def _state(path: Path) -> tuple[int, int]:
    """Return what changes when a file is written to."""
    found = path.stat()
    return found.st_mtime_ns, found.st_size


@contextmanager
def opened(path: Path) -> Generator[SqliteSource]:
    """Open a SQLite file.

    Raises:
        LoadError: the file is missing, damaged, locked or not a database.
    """
    if not path.is_file():
        raise LoadError(f"{path}: no such file")
    with ExitStack() as stack:
        try:
            at_rest = _is_at_rest(path)
            uri = f"{path.resolve().as_uri()}?mode=ro{'&immutable=1' if at_rest else ''}"
            connection = sqlite3.connect(
                uri,
                timeout=_BUSY_TIMEOUT,
                isolation_level=None,
                check_same_thread=False,
                uri=True,
            )
            stack.enter_context(closing(connection))
            file = SqliteSource(path, connection, at_rest=at_rest)
        except (sqlite3.Error, OSError) as error:
            raise LoadError(f"{path}: {_reason(error)}") from None
        yield file


def _is_at_rest(path: Path) -> bool:
    """Say whether a file uses a write-ahead log, and no process has it open.

    SQLite makes two files beside such a file even to read it, unless the reader promises that
    nobody writes (immutable). If the two files exist, they are OpenAlgo's, and are used.
    """
    with path.open("rb") as file:
        has_log = file.read(20)[18:] == b"\2\2"
    log, index = (path.resolve().with_name(path.resolve().name + end) for end in ("-wal", "-shm"))
    if not has_log or (log.exists() and index.exists()):
        return False
    if log.exists() and log.stat().st_size:
        raise LoadError(f"{path}: {log.name} is beside it, but not {index.name}; {_FINISH}")
    return True


def _reason(error: sqlite3.Error | OSError) -> str:
    """Return what is wrong with a file, and what to do about it."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    other = f"{error}; give an intact SQLite file of OpenAlgo"
    return _FAULTS.get(getattr(error, "sqlite_errorname", ""), other)
