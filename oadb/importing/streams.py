"""The way of a history: read in the order of ids, converted, stored in batches, each once.

While the server stores a batch, the next ones are read and converted.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import uuid4

from oadb.engine.database import Database
from oadb.engine.executors import Executor
from oadb.errors import RowError
from oadb.importing import imports
from oadb.importing.columns import whole
from oadb.importing.converting import Converted, ConvertedBatch, Converters, Fit, bounds, time_of
from oadb.importing.histories import History
from oadb.importing.imports import Reach
from oadb.importing.reports import TableReport
from oadb.importing.resuming import Resumption, checksum
from oadb.importing.sources import Row, Sources
from oadb.validation.bad_rows import insert_skipping_bad_rows

T = TypeVar("T")

# Rows of a batch, and characters or bytes of their values.
_ROWS, _SIZE = 5000, 4 * 1024 * 1024
_SIZED = (str, bytes)  # once, and not for each value

_YOUNG = (
    "rows of the last 5 minutes come with a later run: there may be transactions that are not over"
)

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

    def bring(self, history: History[T], start: Resumption) -> TableReport:
        """Bring over what was not yet.

        Raises LoadError if another run is at it, if the source cannot be read on, or if a process
        that converts was ended.
        """
        report = TableReport(history.table, there=start.there)
        if start.is_anew:
            report.remarks.append("its ids began again: it is brought over from its first row")
        known = start.known
        batches = _batches(self._settled(history, start.after, report))
        with ThreadPoolExecutor(max_workers=1) as server:
            stored: Future[Converted[T]] | None = None
            for batch, made in self.converters.convert(history, batches):
                if stored is None:
                    report.compare(batch.rows[0], history.columns)
                else:
                    self._note(stored.result(), report)
                stored = server.submit(self._store, history, batch, made, known)
                known = checksum(history, batch.rows[-1])
            if stored is not None:
                self._note(stored.result(), report)
        return report

    def _settled(self, history: History[T], after: int, report: TableReport) -> Iterator[Row]:
        """Yield the rows behind an id, up to the first before which one may still be committed."""
        until = self.sources.settled(history.table)
        rows = self.sources.rows(history.table, after)
        return rows if until is None else _older(rows, history, until, report)

    def _store(
        self, history: History[T], batch: ConvertedBatch, made: Converted[T], known: bytes
    ) -> Converted[T]:
        """Store a batch, and that it is stored, in one transaction."""
        if not self.applies:
            return made
        last = batch.rows[-1]
        with self.db.transaction() as tx:
            _store_what_fits(tx, history, made)
            last_at = made.times[1] if made.times else None
            reach = Reach(known, whole(last, "id"), checksum(history, last), last_at, len(made.fit))
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


def _older(
    rows: Iterator[Row], history: History[T], until: datetime, report: TableReport
) -> Iterator[Row]:
    earliest, latest = bounds(history)
    for row in rows:
        with suppress(RowError):
            if time_of(history, row, earliest, latest) > until:
                report.remarks.append(_YOUNG)
                return
        yield row


def _batches(rows: Iterator[Row]) -> Generator[ConvertedBatch]:
    read: list[Row] = []
    size = 0
    for row in rows:
        read.append(row)
        size += sum([len(value) for value in row.values() if isinstance(value, _SIZED)])
        if len(read) == _ROWS or size > _SIZE:
            yield ConvertedBatch(read, is_full=True)
            read, size = [], 0
    if read:
        yield ConvertedBatch(read, is_full=False)


def _store_what_fits(tx: Executor, history: History[T], made: Converted[T]) -> None:
    """Store rows; those that the table does not take are left out."""

    def store(nested: Executor, rows: Sequence[Fit[T]]) -> None:
        history.store(nested, [each for _, each in rows])

    def refuse(row: Fit[T], _error: object) -> None:
        made.fit.remove(row)
        made.left_out.append((row[0], "the table here does not take it"))

    if made.fit:
        insert_skipping_bad_rows(tx, [*made.fit], store, refuse)
