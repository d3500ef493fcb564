"""The way of a history: read in the order of ids, converted, stored in batches, each once.

While the server stores a batch, the next one is read and converted.
"""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Generic, TypeVar
from uuid import uuid4

import psycopg

from oadb import imports
from oadb.brokers.files import RowError
from oadb.engine.database import Database
from oadb.engine.executors import Executor
from oadb.errors import LoadError
from oadb.importing.fields import moment, whole
from oadb.importing.histories import History
from oadb.importing.reports import TableReport
from oadb.importing.sources import Row, Sources
from oadb.imports import Progress, Reach

T = TypeVar("T")

# Rows of a batch, and characters of what they become.
_ROWS, _CHARACTERS = 5000, 4 * 1024 * 1024

# What is of no time between was dated by a broken clock, and no partition would hold it.
_EARLIEST, _AHEAD = datetime(2000, 1, 1, tzinfo=UTC), timedelta(days=1)

Watch = Callable[[int], object]
"""Hears how many rows were looked at since."""


_Fit = tuple[object, datetime, T]
"""A row that is fit to be stored: its id there, its time, and what it becomes."""


@dataclass(slots=True)
class _Batch(Generic[T]):
    """Rows that are stored together; ``refused`` are the ids of those that the table is against."""

    after: int
    last: Row | None = None
    fit: list[_Fit[T]] = field(default_factory=list[_Fit[T]])
    refused: list[object] = field(default_factory=list[object])
    rows: int = 0
    characters: int = 0


@dataclass(frozen=True, slots=True)
class Streams:
    """Brings histories of an installation over; without ``applies``, says what that would be."""

    db: Database
    sources: Sources
    installation: str
    watch: Watch
    applies: bool

    def bring(self, history: History[T]) -> TableReport:
        """Bring over what was not yet.

        Raises LoadError if another installation was brought over under this name, if another run is
        at it, or if the source cannot be read on.
        """
        report = TableReport(history.table)
        after = self._resume(history, report)
        rows = self.sources.rows(history.table, after)
        with ThreadPoolExecutor(max_workers=1) as server:
            stored: Future[_Batch[T]] | None = None
            for batch in _batches(history, rows, after, report):
                self._note(stored, report)
                stored = server.submit(self._store, history, batch)
            self._note(stored, report)
        return report

    def _store(self, history: History[T], batch: _Batch[T]) -> _Batch[T]:
        if self.applies:
            with self.db.transaction() as tx:
                _store(tx, history, self.installation, batch)
        return batch

    def _note(self, stored: Future[_Batch[T]] | None, report: TableReport) -> None:
        """Wait until a batch is stored, and report it."""
        if stored is None:
            return
        batch = stored.result()
        report.written += len(batch.fit)
        for row_id in batch.refused:
            report.leave_out(row_id, "the table here does not take it")
        self.watch(batch.rows)

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


def _batches(
    history: History[T], rows: Iterator[Row], after: int, report: TableReport
) -> Generator[_Batch[T]]:
    batch = _Batch[T](after)
    latest = datetime.now(UTC) + _AHEAD
    for row in rows:
        if not report.found:
            report.compare(row, history.columns)
        report.found += 1
        batch.rows, batch.last = batch.rows + 1, row
        try:
            _take(history, batch, row, latest)
        except RowError as fault:
            report.leave_out(row.get("id"), str(fault))
        if batch.rows == _ROWS or batch.characters > _CHARACTERS:
            yield batch
            batch = _Batch[T](whole(row, "id"))
    if batch.rows:
        yield batch


def _take(history: History[T], batch: _Batch[T], row: Row, latest: datetime) -> None:
    time = moment(row, history.column, history.zone)
    if not _EARLIEST <= time <= latest:
        raise RowError(f"{history.column} is before 2000 or in the future")
    made = history.convert(row, time)
    batch.fit.append((row.get("id"), time, made))
    batch.characters += len(made) if isinstance(made, str) else 0


def _store(tx: Executor, history: History[T], installation: str, batch: _Batch[T]) -> None:
    """Store a batch, and that it is stored, in one transaction."""
    assert batch.last is not None  # noqa: S101  # a batch has rows
    batch.fit = _taken(tx, history, batch.fit, batch.refused)
    reach = Reach(
        batch.after, whole(batch.last, "id"), _checksum(history, batch.last), len(batch.fit)
    )
    imports.advance(tx, installation, history.table, reach)
    if history.log is not None and batch.fit:
        times = [time for _, time, _ in batch.fit]
        imports.record_batch(tx, uuid4(), history.log, len(times), min(times), max(times))


def _taken(
    tx: Executor, history: History[T], rows: list[_Fit[T]], refused: list[object]
) -> list[_Fit[T]]:
    """Store rows, and return those that the table takes; one by one where it has to be."""
    try:
        with tx.transaction() as nested:
            if rows:
                history.store(nested, [made for _, _, made in rows])
    except (psycopg.DataError, psycopg.IntegrityError):
        if len(rows) > 1:
            half = len(rows) // 2
            return [
                *_taken(tx, history, rows[:half], refused),
                *_taken(tx, history, rows[half:], refused),
            ]
        refused.append(rows[0][0])
        return []
    return rows


def _checksum(history: History[T], row: Row) -> bytes:
    return sha256(f"{row.get('id')} {row.get(history.column)}".encode()).digest()
