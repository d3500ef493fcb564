"""Sweeps of tables in which the time that a row expires at moves with each use.

Such a time has no index: an update of an indexed column writes to every index of its table. A row
has ``sweep_at`` instead, the time at which it is looked at next. If it has not expired by then, it
is looked at again when it would expire now.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from oadb.engine.executors import AsyncExecutor


@dataclass(frozen=True, slots=True)
class Swept:
    """How many rows one statement looked at, and how many of them had expired and are deleted."""

    due: int
    deleted: int


async def delete_due(
    db: AsyncExecutor, sweep: Callable[[AsyncExecutor, int], Awaitable[Swept]], batch: int
) -> int:
    """Run *sweep* until *batch* rows are deleted or none is due; return how many were deleted."""
    deleted = 0
    while deleted < batch:
        asked = batch - deleted
        swept = await sweep(db, asked)
        deleted += swept.deleted
        if swept.due < asked:
            break
    return deleted
