"""Imports histories: reads rows in the order of ids, converts them, stores each batch once.

While the server stores a batch, the next ones are read and converted.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import TypeVar
from uuid import uuid4

from oadb.engine.database import Database
from oadb.engine.executors import Executor
from oadb.errors import RowError
from oadb.importing import imports
from oadb.importing.columns import whole
from oadb.importing.converting import Converted, ConvertedBatch, Converters, Fit, bounds, time_of
from oadb.importing.histories import BODIES, History
from oadb.importing.imports import Reach
from oadb.importing.openalgo_tables import Row
from oadb.importing.reports import TableReport
from oadb.importing.resuming import Resumption, checksum
from oadb.importing.sources import Sources
from oadb.validation.bad_rows import insert_skipping_bad_rows

T = TypeVar("T")

# Most rows of a batch, and most characters or bytes of their values.
_ROWS, _SIZE = 5000, 4 * 1024 * 1024
_SIZED = (str, bytes)  # made once: isinstance is called for each value

_YOUNG = "rows of the last 5 minutes are left to a later run: earlier rows may not be committed yet"

_MISSING = (
    "oadb has no such row: it was changed or deleted, perhaps by maintain for its age, or imported "
    "with other options"
)

Watch = Callable[[int], object]
"""Called with the number of rows read since the last call."""


@dataclass(frozen=True, slots=True)
class Streams:
    """Imports the histories of an installation; without ``applies``, nothing is written.

    To verify is to compare, row by row, what was imported before.
    """

    db: Database
    sources: Sources
    converters: Converters
    installation: str
    watch: Watch
    applies: bool
    verifies: bool = False

    def copy(self, history: History[T], start: Resumption) -> TableReport:
        """Import the rows after *start*.

        Raises:
            LoadError: another run is importing the table, the source cannot be read any further,
                or a converting process was killed.
        """
        report = TableReport(history.table, existing=start.existing)
        if start.is_anew:
            report.remarks.append("its ids started again: it is imported from its first row")
        if self.verifies:
            self._verify(history, start, report)
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
        if report.found and {*history.columns}.issuperset(BODIES) and not report.hidden:
            report.remarks.append("no row has the body of a request or a response")
        return report

    def _verify(self, history: History[T], start: Resumption, report: TableReport) -> None:
        """Compare the rows that were imported before with those of oadb."""
        rows = takewhile(
            lambda row: whole(row, "id") <= start.after, self.sources.rows(history.table)
        )
        for _, made in self.converters.convert(history, _batches(rows)):
            rows_read = len(made.fit) + len(made.left_out)
            converted = [each for _, each in made.fit]
            for position in history.list_missing(self.db, converted) if converted else ():
                report.leave_out(made.fit[position - 1][0], _MISSING)
            for row_id, reason in made.left_out:
                report.leave_out(row_id, reason)
            report.found += rows_read
            self.watch(rows_read)

    def _settled(self, history: History[T], after: int, report: TableReport) -> Iterator[Row]:
        """Yield the rows after an id, up to the first one before which a row may be uncommitted."""
        until = self.sources.settled(history.table)
        rows = self.sources.rows(history.table, after)
        return rows if until is None else _rows_until(rows, history, until, report)

    def _store(
        self, history: History[T], batch: ConvertedBatch, made: Converted[T], known: bytes
    ) -> Converted[T]:
        """Store a batch, and how far the table is imported, in one transaction."""
        if not self.applies:
            return made
        last = batch.rows[-1]

        def work(tx: Executor) -> None:
            # Rows that were refused before are not in made.fit when this is repeated.
            _store_skipping_bad_rows(tx, history, made)
            last_at = made.times[1] if made.times else None
            reach = Reach(known, whole(last, "id"), checksum(history, last), last_at, len(made.fit))
            imports.advance(tx, self.installation, history.table, reach)
            if history.log is not None and made.fit:
                imports.record_batch(tx, uuid4(), history.log, len(made.fit), *made.times)

        self.db.transact(work)
        return made

    def _note(self, made: Converted[T], report: TableReport) -> None:
        rows = len(made.fit) + len(made.left_out)
        report.found += rows
        report.written += len(made.fit)
        report.hidden += made.hidden
        for row_id, reason in made.left_out:
            report.leave_out(row_id, reason)
        self.watch(rows)


def _rows_until(
    rows: Iterator[Row], history: History[T], until: datetime, report: TableReport
) -> Iterator[Row]:
    earliest, latest = bounds(history)
    for row in rows:
        with suppress(RowError):
            if time_of(history, row, earliest, latest) > until:
                report.lack(_YOUNG)
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


def _store_skipping_bad_rows(tx: Executor, history: History[T], made: Converted[T]) -> None:
    """Store rows; move those that the table refuses to ``left_out``."""

    def store(nested: Executor, rows: Sequence[Fit[T]]) -> None:
        history.store(nested, [each for _, each in rows])

    def refuse(row: Fit[T], _error: object) -> None:
        made.fit.remove(row)
        made.left_out.append((row[0], "the table in oadb refuses it"))

    if made.fit:
        insert_skipping_bad_rows(tx, [*made.fit], store, refuse)
