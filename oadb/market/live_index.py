"""Instruments in memory: built from the database, and built again when a load has changed them.

    with LiveIndex(db, "zerodha") as live:
        live.index.get_token("zerodha", "NSE", "INFY")      # a dictionary's lookup, no query
        live.index.search("zerodha", "nifty 24000 ce")

``live.index`` is replaced as a whole, so whoever holds one sees one moment. A process forked from
this one keeps the index it has: let each process enter its own.
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
from oadb.engine.listener import Event, Listening
from oadb.errors import ParameterError
from oadb.market.index.lookups import InstrumentIndex
from oadb.market.index.reading import Reader
from oadb.market.loads import CHANNEL, allow_time

query = queries(__name__)

logger = logging.getLogger("oadb.instrument_index")


@dataclass(frozen=True, slots=True)
class Generation:
    """The last load of a broker."""

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
    """Return an index of what *brokers* list now; of an unknown one it has nothing."""
    reader = Reader()
    async with db.transaction() as tx:
        await allow_time(tx)  # it counts while we read
        await _choose_brokers(tx, [*brokers])
        async with aclosing(export_rows(tx)) as blocks:
            async for block in blocks:
                await tx.offload(reader.feed, block)
    index = InstrumentIndex(await db.offload(reader.sections))
    for broker in {*brokers}.difference(index.brokers):
        logger.warning("there are no instruments of broker %s", broker)
    return index


class _IndexInMemory(Following[AnyDatabase]):
    """An index and the loads that it was built from: what both colours share."""

    def __init__(self, db: AnyDatabase, *brokers: str, interval: float = 60.0) -> None:
        if not brokers:
            raise ParameterError("an index follows one or more brokers")
        super().__init__(db, "instruments", CHANNEL, interval)
        self.index = InstrumentIndex()
        self._brokers = [*brokers]
        self._generations: list[Generation] | None = None

    async def _read(self, db: AsyncExecutor) -> None:
        """Build anew if there was a load."""
        # Read first: a load between the two costs another build, and is not missed.
        generations = await _list_generations(db, self._brokers)
        if generations != self._generations:
            self.index = await build(db, *self._brokers)
            self._generations = generations

    def _concerns(self, event: Event) -> bool:
        return isinstance(event, Listening) or event.payload in self._brokers


class LiveIndex(_IndexInMemory[Database], Follower):
    """An index that follows the database, for threads. Enter it; ``index`` is the current one.

    It is built anew when a load of one of its *brokers* is notified, or found by asking every
    *interval* seconds, which is all there is behind PgBouncer. While that fails ``index`` stays,
    ``error`` says why, and ``age`` for how long it was not known to be current.
    """


class AsyncLiveIndex(_IndexInMemory[AsyncDatabase], AsyncFollower):
    """An index that follows the database, for asyncio; see LiveIndex."""
