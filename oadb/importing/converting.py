"""What rows of a history become: the dearest step of an import, done by processes of their own."""

import os
from collections import deque
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
from oadb.importing.histories import History
from oadb.importing.sources import Row

T = TypeVar("T")

Fit = tuple[object, T]
"""The id of a row there, and what it becomes."""

# One connection stores what three processes convert; more would wait for it.
_MOST = 3

# What is of no time between was dated by a broken clock, and no partition would hold it.
_EARLIEST, _AHEAD = datetime(2000, 1, 1, tzinfo=UTC), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ConvertedBatch:
    """Rows that are converted and stored together."""

    rows: Sequence[Row]
    is_full: bool


@dataclass(slots=True)
class Converted(Generic[T]):
    """What rows became; and the ids of those that became nothing, with the reason."""

    fit: list[Fit[T]] = field(default_factory=list[Fit[T]])
    times: list[datetime] = field(default_factory=list[datetime])
    """The first and the last time of those that are fit; empty where none is."""
    left_out: list[tuple[object, str]] = field(default_factory=list[tuple[object, str]])


class Converters:
    """Processes that convert rows; logs, which name no user there, are of *owner*.

    They start with the first batch that is full, and end with ``close`` or with their parent.
    """

    def __init__(self, owner: int | None) -> None:
        self._workers = min(os.cpu_count() or 1, _MOST)
        # A forked one would have the locks that other threads held, and their connections.
        self._pool = ProcessPoolExecutor(self._workers, get_context("spawn"), _begin, (owner,))

    def close(self) -> None:
        """End the processes; what they did not begin is dropped."""
        self._pool.shutdown(cancel_futures=True)

    def convert(
        self, history: History[T], batches: Iterable[ConvertedBatch]
    ) -> Iterator[tuple[ConvertedBatch, Converted[T]]]:
        """Yield batches in their order, with what they become; some are converted ahead.

        Raises LoadError if a process was ended.
        """
        waiting: deque[tuple[ConvertedBatch, Callable[[], Converted[T]]]] = deque()
        try:
            for batch in batches:
                waiting.append((batch, self._begun(history, batch)))
                if len(waiting) > self._workers:
                    yield _ended(*waiting.popleft())
            while waiting:
                yield _ended(*waiting.popleft())
        except BrokenProcessPool:
            raise LoadError(
                f"{history.table}: a process that converts rows could not start or was ended, "
                "perhaps for want of memory; run it again, and it goes on from here"
            ) from None

    def _begun(self, history: History[T], batch: ConvertedBatch) -> Callable[[], Converted[T]]:
        if history.log is None or not batch.is_full:  # small tables need no process
            return partial(convert, history, batch.rows)
        future = self._pool.submit(_convert, history.table, batch.rows)
        return cast("Callable[[], Converted[T]]", future.result)


def _ended(
    batch: ConvertedBatch, result: Callable[[], Converted[T]]
) -> tuple[ConvertedBatch, Converted[T]]:
    return batch, result()


def convert(history: History[T], rows: Iterable[Row]) -> Converted[T]:
    """Return what rows become."""
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
    made.times = [min(times), max(times)] if times else []
    return made


def bounds(history: History[T]) -> tuple[datetime, datetime]:
    """Return between which times rows are brought over."""
    # In one zone, times compare five times as fast.
    return _EARLIEST.astimezone(history.zone), datetime.now(history.zone) + _AHEAD


def time_of(history: History[T], row: Row, earliest: datetime, latest: datetime) -> datetime:
    """Return the time of a row. Raises RowError if it is not between those of ``bounds``."""
    time = moment(row, history.column, history.zone)
    if not earliest <= time <= latest:
        raise RowError(f"{history.column} is before 2000 or in the future")
    return time


# Of a process that converts; it has redacted texts, which are the same in many batches.
_logs: dict[str, History[str]] = {}


def _begin(owner: int | None) -> None:
    # Ctrl-C reaches all processes of a terminal: their parent ends them.
    signal(SIGINT, SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    _logs.update((log.table, log) for log in histories.logs(owner))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _convert(table: str, rows: Sequence[Row]) -> Converted[str]:
    return convert(_logs[table], rows)
