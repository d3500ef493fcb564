"""Where the next run goes on: behind the last row of a history that was brought over.

Ids begin again where a table is cleared, since OpenAlgo's have no autoincrement: a table that
begins later than all that was brought over is brought over from its first row. Where that last row
is neither the same nor deleted since, the table is an older copy, or another OpenAlgo's.
"""

from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

from oadb.engine.database import Database
from oadb.errors import LoadError, RowError
from oadb.importing import imports
from oadb.importing.columns import whole
from oadb.importing.converting import bounds, time_of
from oadb.importing.histories import History
from oadb.importing.imports import Progress
from oadb.importing.sources import START, Row, Sources

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Resumption:
    """The rows behind the id ``after`` are to be brought over; ``there`` are here already.

    ``known`` is the checksum of the last one that was, empty where none was; ``is_anew`` says that
    the ids began again since.
    """

    after: int = START
    known: bytes = b""
    there: int = 0
    is_anew: bool = False


def resume(db: Database, sources: Sources, installation: str, history: History[T]) -> Resumption:
    """Return where to go on. Raises LoadError for an older copy, or another OpenAlgo."""
    reached = imports.get_progress(db, installation, history.table)
    if reached is None:
        return Resumption()
    last = next(sources.rows(history.table, reached.last_id - 1), None)
    is_same = last is not None and checksum(history, last) == reached.checksum
    if not is_same and _is_anew(sources, history, reached):
        return Resumption(START, reached.checksum, reached.rows, is_anew=True)
    if is_same or _is_deleted(sources, history, reached, last):
        return Resumption(reached.last_id, reached.checksum, reached.rows)
    raise LoadError(
        f"{history.table}: up to id {reached.last_id}, its rows are not those that were brought "
        f"over as {installation!r}: it is an older copy, or another OpenAlgo. Give the newest "
        "copy; another OpenAlgo, and nothing else, gets a name of its own with --installation, "
        "since rows that are here already come once more under another name. Nothing was written"
    )


def _is_anew(sources: Sources, history: History[T], reached: Progress) -> bool:
    """Say whether the first row is younger than all that were brought over, but of a lower id."""
    earliest, latest = bounds(history)
    for row in sources.rows(history.table):
        if whole(row, "id") > reached.last_id:
            return False
        with suppress(RowError):
            begin = time_of(history, row, earliest, latest)
            return reached.last_at is not None and begin > reached.last_at
    return False


def _is_deleted(sources: Sources, history: History[T], reached: Progress, last: Row | None) -> bool:
    """Say whether the row that was the last one is gone, *last* or none at all being behind it."""
    if last is None:
        return next(sources.rows(history.table), None) is None
    return whole(last, "id") > reached.last_id


def checksum(history: History[T], row: Row) -> bytes:
    """Return what tells a row of a history from another one of the same id."""
    return sha256(f"{row.get('id')} {row.get(history.column)}".encode()).digest()
