"""Converts rows of histories, the most expensive step of an import, in separate processes."""

import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context, parent_process
from signal import SIG_IGN, SIGINT, signal
from threading import Thread
from typing import Generic, TypeVar, cast

from oadb.errors import LoadError, RowError
from oadb.importing import histories
from oadb.importing.columns import moment
from oadb.importing.histories import Elements, History
from oadb.importing.openalgo_tables import Row

T = TypeVar("T")

Fit = tuple[object, T]
"""The id of a row in OpenAlgo, and the converted row."""

# One connection stores as fast as three processes convert; more would wait for it.
_MOST = 3

# Rows outside of these bounds were dated by a wrong clock, and cannot be put into a partition.
_EARLIEST, _MOST_AHEAD = datetime(2000, 1, 1, tzinfo=UTC), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ConvertedBatch:
    """Rows that are converted and stored together; a batch that is not full is the last."""

    rows: Sequence[Row]
    is_full: bool


@dataclass(slots=True)
class Converted(Generic[T]):
    """Converted rows, and the ids of rows that cannot be converted, with the reason."""

    fit: list[Fit[T]] = field(default_factory=list[Fit[T]])
    times: list[datetime] = field(default_factory=list[datetime])
    """The first and the last time of ``fit``; empty if ``fit`` is."""
    left_out: list[tuple[object, str]] = field(default_factory=list[tuple[object, str]])
    hidden: Counter[str] = field(default_factory=Counter[str])
    """How many fields of bodies were left out, by name."""


class Converters:
    """Processes that convert rows. Logs, which have no user in OpenAlgo, become those of *owner*.

    They start with the first full batch, and end with ``close`` or with their parent.
    """

    def __init__(self, owner: int | None, kept_fields: tuple[str, ...] = ()) -> None:
        self._workers = min(os.cpu_count() or 1, _MOST)
        # Forked processes would inherit locks held by other threads, and their connections.
        self._pool = ProcessPoolExecutor(
            self._workers, get_context("spawn"), _start, (owner, kept_fields)
        )

    def close(self) -> None:
        """End the processes; batches that they have not started are dropped."""
        self._pool.shutdown(cancel_futures=True)

    def convert(
        self, history: History[T], batches: Iterable[ConvertedBatch]
    ) -> Iterator[tuple[ConvertedBatch, Converted[T]]]:
        """Yield batches in order, each with its converted rows; some are converted ahead.

        Raises:
            LoadError: a process could not start, or was killed.
        """
        waiting: deque[tuple[ConvertedBatch, Callable[[], Converted[T]]]] = deque()
        try:
            for batch in batches:
                waiting.append((batch, self._submitted(history, batch)))
                if len(waiting) > self._workers:
                    yield _result(*waiting.popleft())
            while waiting:
                yield _result(*waiting.popleft())
        except BrokenProcessPool:
            raise LoadError(
                f"{history.table}: a process that converts rows could not start or was killed, "
                "perhaps for lack of memory; run the import again, and it continues from here"
            ) from None

    def _submitted(self, history: History[T], batch: ConvertedBatch) -> Callable[[], Converted[T]]:
        if history.log is None or not batch.is_full:  # not worth a process
            return partial(convert, history, batch.rows)
        future = self._pool.submit(_convert, history.table, batch.rows)
        return cast("Callable[[], Converted[T]]", future.result)


def _result(
    batch: ConvertedBatch, result: Callable[[], Converted[T]]
) -> tuple[ConvertedBatch, Converted[T]]:
    return batch, result()


def convert(history: History[T], rows: Iterable[Row]) -> Converted[T]:
    """Convert rows."""
    earliest, latest = bounds(history)
    made, times = Converted[T](), list[datetime]()
    for row in rows:
        try:
            time = time_of(history, row, earliest, latest)
            made.fit.append((row.get("id"), history.convert(row, time)))
        except RowError as fault:
            made.left_out.append((row.get("id"), str(fault)))
        else:
            times.append(time)
    made.hidden = history.hidden.taken()
    made.times = [min(times), max(times)] if times else []
    return made


def bounds(history: History[T]) -> tuple[datetime, datetime]:
    """Return the earliest and the latest time of rows that are imported."""
    # Times of the same zone compare five times as fast.
    return _EARLIEST.astimezone(history.zone), datetime.now(history.zone) + _MOST_AHEAD


def time_of(history: History[T], row: Row, earliest: datetime, latest: datetime) -> datetime:
    """Return the time of a row.

    Raises:
        RowError: it is missing, invalid, or outside of the bounds.
    """
    time = moment(row, history.column, history.zone)
    if not earliest <= time <= latest:
        raise RowError(f"{history.column} is before 2000 or in the future")
    return time


# In a converting process; each has a cache of redacted texts, which recur in many batches.
_logs: dict[str, History[Elements]] = {}


def _start(owner: int | None, kept_fields: tuple[str, ...]) -> None:
    # Ctrl-C is sent to all processes of a terminal; the parent ends these.
    signal(SIGINT, SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    _logs.update((log.table, log) for log in histories.logs(owner, kept_fields))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _convert(table: str, rows: Sequence[Row]) -> Converted[Elements]:
    return convert(_logs[table], rows)
