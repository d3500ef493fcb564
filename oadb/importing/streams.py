"""The way of a history: read in the order of ids, converted, stored in batches, each once.

While the server stores a batch, the next ones are read and converted.
"""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar
from uuid import uuid4

import psycopg

from oadb import imports
from oadb.engine.database import Database
from oadb.engine.executors import Executor
from oadb.errors import LoadError
from oadb.importing.converting import Batch, Converted, Converters, Fit
from oadb.importing.fields import whole
from oadb.importing.histories import History
from oadb.importing.reports import TableReport
from oadb.importing.sources import Row, Sources
from oadb.imports import Progress, Reach

T = TypeVar("T")

# Rows of a batch, and characters of their texts.
_ROWS, _CHARACTERS = 5000, 4 * 1024 * 1024

Watch = Callable[[int], object]
"""Hears how many rows were looked at since."""


@dataclass(frozen=True, slots=True)
class Streams:
    """Brings histories of an installation over; without ``applies``, says what that would be."""

    db: Database
    sources: Sources
    converters: Converters
    installation: str
    watch: Watch
    applies: bool

    def bring(self, history: History[T]) -> TableReport:
        """Bring over what was not yet.

        Raises LoadError if another installation was brought over under this name, if another run is
        at it, if the source cannot be read on, or if a process that converts was ended.
        """
        report = TableReport(history.table)
        after = self._resume(history, report)
        batches = _batches(self.sources.rows(history.table, after), after)
        with ThreadPoolExecutor(max_workers=1) as server:
            stored: Future[Converted[T]] | None = None
            for batch, made in self.converters.convert(history, batches):
                if stored is None:
                    report.compare(batch.rows[0], history.columns)
                else:
                    self._note(stored.result(), report)
                stored = server.submit(self._store, history, batch, made)
            if stored is not None:
                self._note(stored.result(), report)
        return report

    def _store(self, history: History[T], batch: Batch, made: Converted[T]) -> Converted[T]:
        """Store a batch, and that it is stored, in one transaction."""
        if not self.applies:
            return made
        last = batch.rows[-1]
        with self.db.transaction() as tx:
            made.fit = _taken(tx, history, made.fit, made.left_out)
            reach = Reach(batch.after, whole(last, "id"), _checksum(history, last), len(made.fit))
            imports.advance(tx, self.installation, history.table, reach)
            if history.log is not None and made.fit:
                imports.record_batch(tx, uuid4(), history.log, len(made.fit), *made.times)
        return made

    def _note(self, made: Converted[T], report: TableReport) -> None:
        rows = len(made.fit) + len(made.left_out)
        report.found += rows
        report.written += len(made.fit)
        for row_id, reason in made.left_out:
            report.leave_out(row_id, reason)
        self.watch(rows)

    def _resume(self, history: History[T], report: TableReport) -> int:
        """Return the id that was reached."""
        reached = imports.get_progress(self.db, self.installation, history.table)
        if reached is None:
            return 0
        report.there = reached.rows
        last = next(self.sources.rows(history.table, reached.last_id - 1), None)
        if last is not None and last.get("id") == reached.last_id:
            self._require_same(history, last, reached)
        return reached.last_id

    def _require_same(self, history: History[T], last: Row, reached: Progress) -> None:
        if _checksum(history, last) != reached.checksum:
            raise LoadError(
                f"{history.table}: what was brought over as {self.installation!r} is of another "
                "installation; give this one a name of its own with --installation"
            )


def _batches(rows: Iterator[Row], after: int) -> Generator[Batch]:
    read: list[Row] = []
    characters = 0
    for row in rows:
        read.append(row)
        characters += sum([len(value) for value in row.values() if isinstance(value, str)])
        if len(read) == _ROWS or characters > _CHARACTERS:
            yield Batch(after, read, is_full=True)
            after, read, characters = whole(row, "id"), [], 0
    if read:
        yield Batch(after, read, is_full=False)


def _taken(
    tx: Executor, history: History[T], rows: list[Fit[T]], refused: list[tuple[object, str]]
) -> list[Fit[T]]:
    """Store rows, and return those that the table takes; one by one where it has to be."""
    try:
        with tx.transaction() as nested:
            if rows:
                history.store(nested, [made for _, made in rows])
    except (psycopg.DataError, psycopg.IntegrityError):
        if len(rows) > 1:
            half = len(rows) // 2
            return [
                *_taken(tx, history, rows[:half], refused),
                *_taken(tx, history, rows[half:], refused),
            ]
        refused.append((rows[0][0], "the table here does not take it"))
        return []
    return rows


def _checksum(history: History[T], row: Row) -> bytes:
    return sha256(f"{row.get('id')} {row.get(history.column)}".encode()).digest()
