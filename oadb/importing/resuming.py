"""Where a run continues: after the last row of a history that was imported.

Ids start again when a table of OpenAlgo is cleared, because it does not use autoincrement: a table
whose first row is later than all imported rows is imported from its first row. If the last imported
row is neither unchanged nor deleted, the table is an older copy, or belongs to another OpenAlgo.
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
from oadb.importing.openalgo_tables import START, Row
from oadb.importing.sources import Sources

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Resumption:
    """Where to continue: after the id ``after``; ``existing`` rows were imported before.

    ``known`` is the checksum of the last imported row, empty if there is none. ``is_anew``: the
    ids started again since.
    """

    after: int = START
    known: bytes = b""
    existing: int = 0
    is_anew: bool = False


def resume(db: Database, sources: Sources, installation: str, history: History[T]) -> Resumption:
    """Find where to continue a history.

    Raises:
        LoadError: the table is an older copy, or belongs to another OpenAlgo.
    """
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
        f"{history.table}: up to id {reached.last_id}, its rows are not those that were imported "
        f"as {installation!r}: it is an older copy, or belongs to another OpenAlgo. Give the "
        "newest copy; use another name with --installation only for another OpenAlgo, because "
        "rows that oadb has already are imported again under another name. Nothing was written"
    )


def _is_anew(sources: Sources, history: History[T], reached: Progress) -> bool:
    """Say whether the ids started again: the first row is later than all imported rows."""
    earliest, latest = bounds(history)
    for row in sources.rows(history.table):
        if whole(row, "id") > reached.last_id:
            return False
        with suppress(RowError):
            first_at = time_of(history, row, earliest, latest)
            return reached.last_at is not None and first_at > reached.last_at
    return False


def _is_deleted(sources: Sources, history: History[T], reached: Progress, last: Row | None) -> bool:
    """Say whether the last imported row was deleted: *last* is a later row, or no row is left."""
    if last is None:
        return next(sources.rows(history.table), None) is None
    return whole(last, "id") > reached.last_id


def checksum(history: History[T], row: Row) -> bytes:
    """Return a checksum that distinguishes a row from another row with the same id."""
    return sha256(f"{row.get('id')} {row.get(history.column)}".encode()).digest()
