"""Rollups: logs counted by minute, hour and day, for statistics.

A row of ``log_batches`` says which minutes a batch of rows touched, and whether these were counted
since. Until they are, statistics read the rows of these minutes: they are exact at any time, and
``refresh`` only makes them fast. Run it once a minute; ``oadb maintain`` does.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal
from uuid import UUID

from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import Query, queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.errors import ParameterError

query = queries(__name__)

Table = Literal["traffic", "latency"]

_Count = Query[[datetime, datetime], Affected]
_Merge = Query[[timedelta, timedelta, datetime, datetime], Affected]

_MINUTE = timedelta(minutes=1)

# As in oadb.duration_bin.
_LEAST_MS, _RATIO = 0.001, 1.1

FEW = 1000
"""Percentiles of a window with at most as many rows are those of the rows themselves."""

_BATCHES = 5000
"""How many batches are marked at once; about a quarter of an hour of a busy writer."""


@dataclass(frozen=True, slots=True)
class RollupStep:
    """Minutes of one hour that are counted in one transaction."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """Batches of a table that wait to be rolled up; ``first_at`` is the time of the oldest row."""

    table_name: str
    batches: int
    first_at: datetime


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did; not ``is_complete``: another one was at it, and goes on."""

    batches: int
    minutes: int
    is_complete: bool


@query
def _claim_refresh() -> bool: ...


@query
def _allow_time() -> str: ...


@query
def plan_lightly() -> str: ...


@query
def _list_resolutions() -> list[timedelta]: ...


@query
def _list_waiting(table_name: Table, at_most: int = _BATCHES) -> list[UUID]: ...


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
def list_backlog() -> list[Backlog]: ...


@query
def _delete_traffic_before(before: datetime) -> Affected: ...


@query
def _delete_latency_before(before: datetime) -> Affected: ...


query.complete()


def require_window(label: str, since: datetime, until: datetime) -> None:
    """Raise ParameterError for a window that ends before it begins; *label* names who asks."""
    if since > until:
        raise ParameterError(f"{label}: since is after until")


def bin_edges(number: int) -> tuple[float, float]:
    """Return what a bin lies between, in milliseconds: more than the first, at most the second.

    Bin 0 is what is at most a microsecond, and a bin below it what is negative.
    """
    if number <= 0:
        low, high = bin_edges(-number) if number else (-_LEAST_MS, _LEAST_MS)
        return -high, -low
    return _LEAST_MS * _RATIO ** (number - 1), _LEAST_MS * _RATIO**number


# What counts the rows of each table, and what adds up what was counted.
_STATEMENTS: dict[Table, tuple[_Count, _Merge]] = {
    "traffic": (_count_traffic, _merge_traffic),
    "latency": (_count_latency, _merge_latency),
}


@operation
async def refresh(db: AsyncExecutor) -> Refreshed:
    """Count what was stored since the last refresh; return how much.

    It goes in steps of at most an hour of one table, each in a transaction of its own, and what is
    counted twice counts once: it may be killed at any time, and run again. The owner of the tables
    may run it, and whoever may write rollups.
    """
    ladder = [*pairwise(await _list_resolutions(db))]
    batches, minutes = 0, timedelta()
    for table in _STATEMENTS:
        while waiting := await _list_waiting(db, table):
            for step in await _list_steps(db, waiting):
                if not await _count(db, table, ladder, step):
                    return Refreshed(batches, minutes // _MINUTE, is_complete=False)
                minutes += step.ends_at - step.starts_at
            batches += await _mark(db, waiting)
            if len(waiting) < _BATCHES:
                break
    return Refreshed(batches, minutes // _MINUTE, is_complete=True)


async def _count(
    db: AsyncExecutor, table: Table, ladder: list[tuple[timedelta, timedelta]], step: RollupStep
) -> bool:
    """Count the minutes of a step, and what they are part of; False: somebody else is counting."""
    count, merge = _STATEMENTS[table]
    async with db.transaction() as tx:
        if not await _claim_refresh(tx):
            return False
        await _allow_time(tx)
        await count(tx, step.starts_at, step.ends_at)
        for finer, coarser in ladder:
            await merge(tx, finer, coarser, step.starts_at, step.ends_at)
    return True


@operation
async def delete_before(db: AsyncExecutor, before: datetime) -> int:
    """Forget what ended before a time; return how many buckets."""
    return await _delete_traffic_before(db, before) + await _delete_latency_before(db, before)
