"""Instruments in memory: an index built from the database, and rebuilt after each load.

    with LiveIndex(db, "zerodha") as live:
        live.index.get_token("zerodha", "NSE", "INFY")      # a dictionary lookup, no query
        live.index.search("zerodha", "nifty 24000 ce")

``live.index`` is replaced as a whole: an index that a caller holds does not change. In a forked
process the index is not updated, so each process must enter its own.
"""

import logging
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from oadb.changes.following import AnyDatabase, AsyncFollower, Follower, Following
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.database import AsyncDatabase, Database
from oadb.engine.executors import AsyncExecutor
from oadb.engine.reads.read_sources import reads_of_now
from oadb.errors import ParameterError
from oadb.market.index.lookups import InstrumentIndex
from oadb.market.index.reading import Reader
from oadb.market.loads import CHANNEL
from oadb.market.staging import LONGEST, allow_time

__all__ = ["AsyncLiveIndex", "InstrumentIndex", "LiveIndex", "build"]

query = queries(__name__)

logger = logging.getLogger("oadb.live_index")


@dataclass(frozen=True, slots=True)
class Generation:
    """The last successful load of a broker."""

    broker: str
    load_id: int
    ended_at: datetime


@query
def _list_generations(brokers: list[str]) -> list[Generation]: ...


@query
def _choose_brokers(brokers: list[str]) -> str: ...


@query
def export_rows() -> Iterator[bytes]: ...


query.complete()


@operation
async def build(db: AsyncExecutor, *brokers: str) -> InstrumentIndex:
    """Build an index of the instruments that brokers list now.

    Returns:
        The index; it has no instruments of an unknown broker, which is logged as a warning.
    """
    reader = Reader()
    async with db.transaction() as tx:
        await allow_time(tx)  # the time limit also counts while blocks are read
        tx.allow(LONGEST)
        await _choose_brokers(tx, [*brokers])
        async with aclosing(export_rows(tx)) as blocks:
            async for block in blocks:
                await tx.offload(reader.feed, block)
    index = InstrumentIndex(await db.offload(reader.sections))
    for broker in {*brokers}.difference(index.brokers):
        logger.warning("there are no instruments of broker %s", broker)
    return index


class _IndexInMemory(Following[AnyDatabase]):
    """An index and the loads it was built from: what LiveIndex and AsyncLiveIndex share."""

    index: InstrumentIndex
    """The current index; replaced as a whole after a load."""

    def __init__(self, db: AnyDatabase, *brokers: str, interval_seconds: float = 60.0) -> None:
        if not brokers:
            raise ParameterError("an index follows one or more brokers; name them")
        super().__init__(db, "instruments", CHANNEL, interval_seconds)
        self.index = InstrumentIndex()
        self._brokers = [*brokers]
        self._generations: list[Generation] | None = None

    async def _read(self, db: AsyncExecutor) -> None:
        """Build the index again if there was a load, on a replica if there is one."""
        # The loads first: a load between the two reads costs another build, and is not missed.
        generations = await _list_generations(db, self._brokers)
        if generations != self._generations:
            self.index = await build(await reads_of_now(db), *self._brokers)
            self._generations = generations


class LiveIndex(_IndexInMemory[Database], Follower):
    """An index that follows the database, for threads. Enter it; ``index`` is the current index.

    A load of one of its *brokers* is seen at once where notifications arrive, otherwise (behind
    PgBouncer) within *interval_seconds*. If the index cannot be rebuilt it is kept; ``error`` says
    why, ``age_seconds`` for how long.
    """


class AsyncLiveIndex(_IndexInMemory[AsyncDatabase], AsyncFollower):
    """An index that follows the database, for asyncio; see LiveIndex."""
