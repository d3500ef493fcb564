"""The databases of an OpenAlgo installation: SQLite files, PostgreSQL databases, or both.

They are only read, page by page, in the order of ids.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol, cast

from oadb.errors import LoadError
from oadb.importing import postgresql_source, sqlite_source
from oadb.importing.openalgo_tables import PAGE_ROWS, READ, START, Row

# Not imported, because their rows expire soon: sessions, counters of a day.
_SHORT_LIVED = frozenset({"active_sessions", "error_404_tracker", "invalid_api_key_tracker"})

_EXPIRING, _UNKNOWN = "short-lived", "no counterpart in oadb"


class Source(Protocol):
    """One database. ``name`` identifies it in messages.

    ``tables`` says for each table whether its primary key is a whole number named id. Rows dated
    before ``settled`` are all visible; among later ones, a row with a lower id may still be
    committed. None: the rows before a visible row are always visible.
    """

    name: str
    tables: Mapping[str, bool]
    settled: datetime | None

    def page(self, table: str, after: int) -> list[Row]:
        """Return the first rows of a table after an id, in the order of ids.

        Raises:
            LoadError: the database cannot be read.
        """
        ...

    def downloads(self) -> list[Row]:
        """Return the rows that say when each broker's list was downloaded last, if there are any.

        Raises:
            LoadError: the database cannot be read.
        """
        ...

    def count(self, table: str) -> int | None:
        """Count the rows of a table that is not imported; None if it is unknown."""
        ...


class Sources:
    """The databases of one installation, read as one."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._homes: dict[str, Source] = {}
        for table in READ:
            homes = [source for source in sources if source.tables.get(table)]
            if homes:
                self._homes[table] = homes[0] if len(homes) == 1 else _only_filled(table, homes)
        found = [(table, source.name) for source in sources for table in source.tables]
        self.unfit = {
            table: name for table, name in found if table in READ and table not in self._homes
        }
        others = {table for table, _ in found} - set(READ)
        self._others = {
            table: [source for source in sources if table in source.tables]
            for table in sorted(others)
        }

    def __contains__(self, table: str) -> bool:
        """Say whether a table exists and can be read."""
        return table in self._homes

    def not_imported(self) -> dict[str, dict[str, int | None]]:
        """Return why tables are not imported, and how many rows each has; None: unknown."""
        found: dict[str, dict[str, int | None]] = {_EXPIRING: {}, _UNKNOWN: {}}
        for table, homes in self._others.items():
            counts = [home.count(table) for home in homes]
            total = None if None in counts else sum(each or 0 for each in counts)
            found[_EXPIRING if table in _SHORT_LIVED else _UNKNOWN][table] = total
        return found

    def settled(self, table: str) -> datetime | None:
        """Return the time before which all rows of a table are visible; None: all are."""
        home = self._homes.get(table)
        return None if home is None else home.settled

    def downloads(self) -> list[Row]:
        """Return the rows that say when each broker's list was downloaded last."""
        return [row for source in self._sources for row in source.downloads()]

    def rows(self, table: str, after: int = START) -> Iterator[Row]:
        """Yield the rows of a table after an id; none if the table does not exist.

        Raises:
            LoadError: the source cannot be read any further.
        """
        home = self._homes.get(table)
        while home is not None:
            page = home.page(table, after)
            yield from page
            if len(page) < PAGE_ROWS:
                return
            after = cast("int", page[-1]["id"])


def _only_filled(table: str, homes: list[Source]) -> Source:
    """Return the only source with rows of a table, or any source if none has rows."""
    filled = [home for home in homes if home.page(table, START)]
    if len(filled) > 1:
        names = " and ".join(home.name for home in filled)
        raise LoadError(f"{table} is in {names}; give one of them, and import the other by itself")
    return [*filled, *homes][0]


@contextmanager
def opened(files: Iterable[Path], urls: Iterable[str]) -> Generator[Sources]:
    """Open SQLite files, or all files of a folder, and PostgreSQL databases.

    Raises:
        LoadError: a file or database is missing, damaged or not a database, or two of them have
            rows of the same table.
        ConfigError: a URL is invalid.
    """
    with ExitStack() as stack:
        found: list[Source] = [
            stack.enter_context(sqlite_source.opened(each))
            for file in files
            for each in _files(file)
        ]
        found += [stack.enter_context(postgresql_source.opened(url)) for url in urls]
        yield Sources(found)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("*.db"))
    if not found:
        raise LoadError(f"{path}: no *.db file is in this folder")
    return found
