"""Delivery: stores each batch of a table exactly once, with as many attempts as it takes.

A batch gets its id before the first attempt, and its transaction begins by claiming that id. If the
result of an attempt is lost with the connection, the next attempt finds the claim if the batch was
committed.
"""

import logging
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from time import monotonic, monotonic_ns
from typing import Protocol
from uuid import UUID

import psycopg
from psycopg.errors import QueryCanceled

from oadb.engine.batches import BatchedCalls
from oadb.engine.binding.later import write_at_once
from oadb.engine.blocking import Transaction
from oadb.engine.database import Database
from oadb.engine.executors import Executor
from oadb.engine.jitter import between
from oadb.engine.observing import RowsWritten, WriteFailed
from oadb.engine.telling import Teller
from oadb.logs.clocks import OWN
from oadb.logs.texts import cut
from oadb.logs.writing.encoding import Clock, copied, encoded, shown
from oadb.logs.writing.log_tables import LogTable
from oadb.logs.writing.queue import Entry, LogBatch, Queue
from oadb.validation.bad_rows import insert_skipping_bad_rows
from oadb.validation.said_texts import explained_error

logger = logging.getLogger("oadb.log_writer")

# Seconds between two attempts at a batch.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0

# Longest time of an attempt; then its connection is closed, whatever the server does.
_DEADLINE = timedelta(seconds=60)

_LONGEST_REASON = 500

# Most rows of a batch that is stored in one round trip. A larger one may be worth a COPY, which
# cannot be sent together with its claim.
_AT_ONCE = 100

# Most rows among which refused ones are looked for in one transaction: it takes 4 to 7 ms for each
# row if all are refused.
_SEARCHED = 1000

_Insert = Callable[[Executor, Sequence[Entry]], None]
"""Stores rows of one batch, or raises and stores none."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A claimed batch: the time of the database, and whether its table is walled for the writer."""

    claimed_at: datetime
    is_walled: bool


class ClaimBatch(Protocol):
    """Claims a batch; returns None if it is already stored."""

    def __call__(  # noqa: D102  # the class docstring says it
        self,
        db: Executor,
        /,
        batch_id: UUID,
        table_name: str,
        rows: int,
        oldest: timedelta,
        newest: timedelta,
    ) -> Claim | None: ...


@dataclass(frozen=True, slots=True)
class Ledger:
    """The statements that record a batch, in its transaction."""

    claim_batch: ClaimBatch
    record_batch: Callable[[BatchedCalls, UUID, str, int, timedelta, timedelta], object]
    park: Callable[[Executor, UUID, str, list[str], list[str]], int]
    record_drops: Callable[[Executor, str, str, int], int]
    defer_drops: Callable[[BatchedCalls, str, str, int], object]
    check_at_once: Callable[[Executor], None]


@dataclass(slots=True)
class Delivery:
    """Stores the batches of one table, one at a time."""

    queue: Queue
    table: LogTable
    db: Database
    ledger: Ledger
    teller: Teller | None = None
    is_failing: bool = False
    """Whether the last attempt failed, and that was logged."""

    def run(self) -> None:
        """Store batches until the queue is closed and empty, or given up."""
        while (batch := self.queue.take()) is not None:
            self._deliver(batch)

    def _deliver(self, batch: LogBatch) -> None:
        """Try to store a batch until it succeeds, or until the queue is given up."""
        pause, started, retries = _FIRST_PAUSE, monotonic(), 0
        while True:
            try:
                self._store(batch)
            except Exception as error:  # noqa: BLE001  # any error may pass; the rows are kept
                self._note_outage(error)
                if isinstance(error, QueryCanceled) and batch.is_claimed:
                    self.queue.halve(batch)  # it was rolled back, and needs less time
                # Random, so that services do not all reconnect at once.
                seconds = between(pause / 2, pause)
                if not self.queue.retry(str(error), seconds):
                    return
                pause = min(2 * pause, _LONGEST_PAUSE)
                retries += 1
            else:
                self._note_success(batch)
                self.queue.settle(batch)
                self._tell_success(batch, monotonic() - started, retries)
                return

    def _store(self, batch: LogBatch) -> None:
        """Make one attempt, or two if the first shows that refused rows have to be found."""
        was_searching = batch.refusals.is_searching
        try:
            if not self._store_at_once(batch):
                self._attempt(batch)
        except Exception as error:
            batch.refusals.note(error)
            if was_searching or not batch.refusals.is_searching:
                raise
        else:
            return
        while batch.is_claimed and len(batch.entries) > _SEARCHED:
            self.queue.halve(batch)
        self._attempt(batch)

    def _store_at_once(self, batch: LogBatch) -> bool:
        """Make the first attempt at a small batch, in one round trip; say whether that was made.

        Nothing has claimed its id before. An attempt after it asks whether this one was committed.
        """
        was_new, batch.is_new = batch.is_new, False
        if not was_new or len(batch.entries) > _AT_ONCE:
            return False
        now = monotonic_ns()
        columns, unfit = encoded(self.table, batch.entries, Clock(OWN, now))
        if unfit:
            return False

        def write(calls: BatchedCalls) -> None:
            ledger, name = self.ledger, self.table.name
            ledger.record_batch(
                calls, batch.batch_id, name, len(batch.entries), *_ages(batch.entries, now)
            )
            if batch.entries:
                self.table.store(calls, *columns, OWN)
            if batch.drops:
                ledger.defer_drops(calls, _writer(), name, batch.drops)

        write_at_once(self.db.within(_DEADLINE.total_seconds()), write)
        return True

    def _attempt(self, batch: LogBatch) -> None:
        """Store a batch in one transaction, unless it is already stored."""
        batch.is_claimed = False
        with self.db.transaction(deadline=_DEADLINE) as tx:
            insert = self._claim(tx, batch)
            if insert is None:
                return
            batch.rejects, batch.is_claimed = [], True
            if batch.entries and batch.refusals.is_searching:
                self._store_what_fits(tx, batch, insert)
            elif batch.entries:
                insert(tx, batch.entries)
            self._park(tx, batch)
            if batch.drops:
                self.ledger.record_drops(tx, _writer(), self.table.name, batch.drops)

    def _store_what_fits(self, tx: Transaction, batch: LogBatch, insert: _Insert) -> None:
        # Errors of deferred constraints would come at the commit, and name no row.
        self.ledger.check_at_once(tx)
        # A table that refuses even no rows is at fault itself.
        insert(tx, ())
        refuse = partial(_reject, batch)
        insert_skipping_bad_rows(tx, batch.entries, insert, refuse, batch.refusals.is_fault_of_rows)

    def _claim(self, tx: Transaction, batch: LogBatch) -> _Insert | None:
        """Claim a batch; return what stores its rows, or None if they are already stored."""
        now = monotonic_ns()
        oldest, newest = _ages(batch.entries, now)
        rows, name = len(batch.entries), self.table.name
        claim = self.ledger.claim_batch(tx, batch.batch_id, name, rows, oldest, newest)
        if claim is None:
            return None
        # Refused rows are looked for by INSERT, which says why in the same words for every role.
        copies = not claim.is_walled and not batch.refusals.is_searching
        store = self._copy if copies else self._insert
        return partial(store, batch, Clock(claim.claimed_at, now))

    def _insert(
        self, batch: LogBatch, clock: Clock, tx: Executor, entries: Sequence[Entry]
    ) -> None:
        columns, unfit = encoded(self.table, entries, clock)
        self.table.store(tx, *columns)
        batch.rejects += unfit

    def _copy(self, batch: LogBatch, clock: Clock, tx: Executor, entries: Sequence[Entry]) -> None:
        lines, unfit = copied(self.table, entries, clock)
        self.table.copy(tx, [lines])
        batch.rejects += unfit

    def _park(self, tx: Transaction, batch: LogBatch) -> None:
        if batch.rejects:
            reasons = [cut(reason, _LONGEST_REASON) for _, reason in batch.rejects]
            texts = [cut(_described(self.table.names, entry)) for entry, _ in batch.rejects]
            self.ledger.park(tx, batch.batch_id, self.table.name, reasons, texts)

    def _note_outage(self, error: Exception) -> None:
        if not self.is_failing:
            rows, name = self.queue.stats().queued_rows, self.table.name
            logger.warning("logs cannot be stored, %d rows of %s are queued: %s", rows, name, error)
        self.is_failing = True
        if self.teller is not None:
            state: str | None = getattr(error, "sqlstate", None)
            queued = self.queue.stats().queued_rows
            self.teller.write_failed(
                WriteFailed(self.table.name, type(error).__name__, state, queued)
            )

    def _tell_success(self, batch: LogBatch, seconds: float, retries: int) -> None:
        if self.teller is not None:
            rows, rejected = len(batch.entries), len(batch.rejects)
            queued = self.queue.stats().queued_rows
            self.teller.rows_written(
                RowsWritten(self.table.name, rows, rejected, seconds, retries, queued)
            )

    def _note_success(self, batch: LogBatch) -> None:
        name = self.table.name
        if self.is_failing:
            logger.info("logs are stored again: %s", name)
        self.is_failing = False
        if batch.refusals.states and batch.rejects:
            (_, reason), rows = batch.rejects[0], len(batch.rejects)
            logger.warning("%s refused %d rows, now in oadb.log_rejects: %s", name, rows, reason)


def _ages(entries: Sequence[Entry], now: int) -> tuple[timedelta, timedelta]:
    """Return the age of the oldest row, and of the newest."""
    stamps = [stamp for stamp, _, _, _ in entries] or [now]
    oldest, newest = ((now - stamp) // 1000 for stamp in (min(stamps), max(stamps)))
    return timedelta(microseconds=oldest), timedelta(microseconds=newest)


def _reject(batch: LogBatch, entry: Entry, error: psycopg.Error) -> None:
    batch.rejects.append((entry, explained_error(error, _LONGEST_REASON)))


def _described(names: Sequence[str], entry: Entry) -> str:
    """Return a row as text; its values were redacted before it was queued."""
    _, values, _, _ = entry
    pairs = zip(names, values, strict=True)
    return ", ".join(f"{name}: {shown(value)}" for name, value in pairs)


def _writer() -> str:
    return f"{socket.gethostname()} {os.getpid()}"
