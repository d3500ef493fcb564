"""Rollups: log rows counted by minute, hour and day, for statistics.

Each row of ``log_batches`` records the minutes that a batch of log rows falls into, and whether
they were counted since. Statistics read the log rows of minutes that were not: they are always
exact, and ``refresh`` only makes them fast. Run it once a minute, as ``oadb maintain`` does.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal, TypeVar
from uuid import UUID

from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import Query, queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.engine.repeating import transacted
from oadb.validation.argument_rules import Duration

__all__ = [
    "Backlog",
    "Refreshed",
    "RolledUpTable",
    "bin_edges",
    "delete_old",
    "list_backlog",
    "refresh",
]

query = queries(__name__)

RolledUpTable = Literal["traffic", "latency"]
"""A table whose rows are counted for statistics."""

R = TypeVar("R")

_Count = Query[[datetime, datetime], Affected]
_Summary = Query[[datetime, datetime, int], list[R]]
_Merge = Query[[timedelta, timedelta, datetime, datetime], Affected]

_MINUTE = timedelta(minutes=1)

# As in _allow_time, and 2 s for the answer.
_LONGEST = timedelta(minutes=10, seconds=2)

# As in the function oadb.duration_bin.
_LEAST_MS, _RATIO = 0.001, 1.1

FEW = 1000
"""Percentiles of a window with at most this many rows are computed from the rows: exact."""

_BATCHES = 5000
"""Batches marked as counted at a time; a busy writer makes them in about 15 minutes."""


# Buckets of one resolution that a statement deletes.
_DELETED = 5000


@dataclass(frozen=True, slots=True)
class RollupStep:
    """Minutes within one hour, counted in one transaction."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """The batches of a table not counted yet; ``first_at`` is the time of their oldest row."""

    table_name: RolledUpTable
    batches: int
    first_at: datetime


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh counted; ``is_complete`` is False if another refresh was running."""

    batches: int
    minutes: int
    is_complete: bool


@query
def _claim_refresh() -> bool: ...


@query
def _allow_time() -> str: ...


@query
def _plan_lightly() -> str: ...


@query
def _list_resolutions() -> list[timedelta]: ...


@query
def _list_waiting(table_name: RolledUpTable, at_most: int = _BATCHES) -> list[UUID]: ...


@query
def _list_steps(batch_ids: list[UUID]) -> list[RollupStep]: ...


@query
def _count_traffic(starts_at: datetime, ends_at: datetime) -> Affected: ...


@query
def _merge_traffic(
    finer: timedelta, coarser: timedelta, starts_at: datetime, ends_at: datetime
) -> Affected: ...


@query
def _count_latency(starts_at: datetime, ends_at: datetime) -> Affected: ...


@query
def _merge_latency(
    finer: timedelta, coarser: timedelta, starts_at: datetime, ends_at: datetime
) -> Affected: ...


@query
def _mark(batch_ids: list[UUID]) -> Affected: ...


@query
def list_backlog() -> list[Backlog]:
    """List, for each table, the batches that are not counted yet."""
    ...


@query
def _delete_old_traffic(older_than: timedelta, batch: int = _DELETED) -> Affected: ...


@query
def _delete_old_latency(older_than: timedelta, batch: int = _DELETED) -> Affected: ...


query.complete()


def bin_edges(number: int) -> tuple[float, float]:
    """Return the bounds of a bin in milliseconds: the lower one is outside of it.

    Bin 0 holds durations of up to a microsecond; bins with negative numbers hold negative ones.
    """
    if number <= 0:
        low, high = bin_edges(-number) if number else (-_LEAST_MS, _LEAST_MS)
        return -high, -low
    return _LEAST_MS * _RATIO ** (number - 1), _LEAST_MS * _RATIO**number


# For each table: the statement that counts rows by minute, and the one that adds counts up.
_STATEMENTS: dict[RolledUpTable, tuple[_Count, _Merge]] = {
    "traffic": (_count_traffic, _merge_traffic),
    "latency": (_count_latency, _merge_latency),
}


@operation
async def refresh(db: AsyncExecutor) -> Refreshed:
    """Count the rows stored since the last refresh.

    Each step, at most one hour of one table, is a transaction of its own and idempotent: a refresh
    may be killed at any time, and run again. The owner of the tables may run it, as may a role
    that may write rollups.

    Returns:
        The numbers of batches and of minutes that were counted.
    """
    resolutions = [*pairwise(await _list_resolutions(db))]
    batches, minutes = 0, timedelta()
    for table in _STATEMENTS:
        while waiting := await _list_waiting(db, table):
            for step in await _list_steps(db, waiting):
                if not await _count(db, table, resolutions, step):
                    return Refreshed(batches, minutes // _MINUTE, is_complete=False)
                minutes += step.ends_at - step.starts_at
            batches += await _mark(db, waiting)
            if len(waiting) < _BATCHES:
                break
    return Refreshed(batches, minutes // _MINUTE, is_complete=True)


async def summarized(
    db: AsyncExecutor, summarize: _Summary[R], since: datetime, until: datetime
) -> list[R]:
    """Run *summarize*, a statement of statistics, with a plan that costs little."""

    @transacted
    async def work(tx: AsyncExecutor) -> list[R]:
        await _plan_lightly(tx)
        return await summarize(tx, since, until, FEW)

    return await work(db)


@transacted
async def _count(
    tx: AsyncExecutor,
    table: RolledUpTable,
    resolutions: list[tuple[timedelta, timedelta]],
    step: RollupStep,
) -> bool:
    """Count a step at every resolution; False if another refresh is running."""
    count, merge = _STATEMENTS[table]
    if not await _claim_refresh(tx):
        return False
    await _allow_time(tx)
    tx.allow(_LONGEST)
    await count(tx, step.starts_at, step.ends_at)
    for finer, coarser in resolutions:
        await merge(tx, finer, coarser, step.starts_at, step.ends_at)
    return True


@operation
async def delete_old(db: AsyncExecutor, *, older_than: Duration) -> int:
    """Delete the buckets of both tables that ended at least this long ago.

    Returns:
        The number of buckets deleted.

    Raises:
        ParameterError: *older_than* is not above 0.
    """
    deleted = 0
    for delete in (_delete_old_traffic, _delete_old_latency):
        while some := await delete(db, older_than):
            deleted += some
    return deleted
