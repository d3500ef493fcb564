"""Instruments in memory: built from the database, and built again when a load has changed them.

    with LiveIndex(db, "zerodha") as live:
        live.index.get_token("zerodha", "NSE", "INFY")      # a dictionary's lookup, no query
        live.index.search("zerodha", "nifty 24000 ce")

``live.index`` is replaced as a whole, so whoever holds one sees one moment. A process forked from
this one keeps the index it has: let each process enter its own. The SQL is in
sql/queries/instrument_index.sql.
"""

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Self

from oadb.engine.database import AsyncDatabase, Database
from oadb.engine.executors import AsyncExecutor
from oadb.engine.listener import Event, Listener, Listening
from oadb.engine.operations import operation
from oadb.engine.queries import queries
from oadb.errors import ConfigError, ParameterError, UnavailableError
from oadb.index.lookups import InstrumentIndex
from oadb.index.reading import Reader
from oadb.instrument_loads import CHANNEL, allow_time

query = queries("instrument_index")

logger = logging.getLogger("oadb.instrument_index")

# Seconds before what failed is tried again; twice as long each time, up to the interval.
_FIRST_PAUSE = 0.5

# Seconds that closing waits for a build in another thread.
_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Generation:
    """The last load of a broker."""

    broker: str
    load_id: int
    ended_at: datetime


@query
def list_generations(brokers: list[str]) -> list[Generation]: ...


@query
def choose_brokers(brokers: list[str]) -> str: ...


@query
def export_rows() -> Iterator[bytes]: ...


query.complete()


@operation
async def build(db: AsyncExecutor, *brokers: str) -> InstrumentIndex:
    """Return an index of what *brokers* list now; of an unknown one it has nothing."""
    reader = Reader()
    async with db.transaction() as tx:
        await allow_time(tx)  # it counts while we read
        await choose_brokers(tx, [*brokers])
        async with aclosing(export_rows(tx)) as blocks:
            async for block in blocks:
                await tx.offload(reader.feed, block)
    index = InstrumentIndex(await db.offload(reader.sections))
    for broker in {*brokers}.difference(index.brokers):
        logger.warning("there are no instruments of broker %s", broker)
    return index


class _Live:
    """An index and how fresh it is: what both colours share."""

    def __init__(self, brokers: tuple[str, ...], interval: float) -> None:
        if not brokers or not interval > 0:
            raise ParameterError("an index follows one or more brokers, with an interval above 0")
        self.index = InstrumentIndex()
        self.error: Exception | None = None
        self._brokers = [*brokers]
        self._interval = self._pause = interval
        self._generations: list[Generation] | None = None
        self._current_at = monotonic()

    @property
    def age(self) -> float:
        """Seconds since the index was last known to be what the database has."""
        return monotonic() - self._current_at

    async def _renew(self, db: AsyncExecutor) -> None:
        """Build anew if there was a load."""
        asked_at = monotonic()
        # Read first: a load between the two costs another build, and is not missed.
        generations = await list_generations(db, self._brokers)
        if generations != self._generations:
            self.index = await build(db, *self._brokers)
            self._generations = generations
        self._current_at = asked_at

    async def _try_to_renew(self, db: AsyncExecutor) -> None:
        """Renew; if that fails, keep what there is and say so."""
        try:
            await self._renew(db)
        except Exception as error:  # noqa: BLE001  # whatever it is, it may be gone next time
            self._pause = min(2 * self._pause if self.error else _FIRST_PAUSE, self._interval)
            self.error = error
            logger.warning("instruments are kept as they were %.0f s ago: %s", self.age, error)
        else:
            self._pause, self.error = self._interval, None

    def _concerns(self, event: Event) -> bool:
        return isinstance(event, Listening) or event.payload in self._brokers


class LiveIndex(_Live):
    """An index that follows the database, for threads. Enter it; ``index`` is the current one.

    It is built anew when a load of one of its *brokers* is notified, or found by asking every
    *interval* seconds, which is all there is behind PgBouncer. While that fails ``index`` stays,
    ``error`` says why, and ``age`` for how long it was not known to be current.
    """

    def __init__(self, db: Database, *brokers: str, interval: float = 60.0) -> None:
        super().__init__(brokers, interval)
        self._db = db
        self._woken = threading.Event()
        self._closing = threading.Event()
        self._listener: Listener | None = None
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        """Build the first index. Raises what that raises."""
        self._db.operate(self._renew)
        with suppress(ConfigError):  # PgBouncer passes no notifications on
            self._listener = self._db.listen(CHANNEL)
        self._threads = [
            threading.Thread(target=target, name="oadb instruments", daemon=True)
            for target in (self._keep, self._listen)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop following; ``index`` stays."""
        self._closing.set()
        self._woken.set()
        if self._listener is not None:
            self._listener.stop()
        for thread in self._threads:
            thread.join(_PATIENCE)

    def _keep(self) -> None:
        while not self._closing.is_set():
            self._woken.wait(self._pause)
            self._woken.clear()
            if not self._closing.is_set():
                self._db.operate(self._try_to_renew)

    def _listen(self) -> None:
        while self._listener is not None and not self._closing.is_set():
            try:
                with self._listener as events:
                    for _ in filter(self._concerns, events):
                        self._woken.set()
            except UnavailableError as error:
                logger.warning("asking every %g s only: %s", self._interval, error)
                self._closing.wait(self._interval)


class AsyncLiveIndex(_Live):
    """An index that follows the database, for asyncio; see LiveIndex."""

    def __init__(self, db: AsyncDatabase, *brokers: str, interval: float = 60.0) -> None:
        super().__init__(brokers, interval)
        self._db = db
        self._woken = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Build the first index. Raises what that raises."""
        await self._renew(self._db)
        self._tasks = [asyncio.create_task(self._keep()), asyncio.create_task(self._listen())]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop following; ``index`` stays."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause):
                    await self._woken.wait()
            self._woken.clear()
            await self._try_to_renew(self._db)

    async def _listen(self) -> None:
        with suppress(ConfigError):  # PgBouncer passes no notifications on
            listener = self._db.listen(CHANNEL)
            while True:
                try:
                    async with listener as events:
                        async for event in events:
                            if self._concerns(event):
                                self._woken.set()
                except UnavailableError as error:
                    logger.warning("asking every %g s only: %s", self._interval, error)
                    await asyncio.sleep(self._interval)
