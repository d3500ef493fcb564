"""oadb's answers."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager

from oadb import AsyncDatabase, Database
from tests.benchmarks.conditions import config
from tests.benchmarks.contest import trades
from tests.benchmarks.contest.entrants import BLOCKING, Entrant, Entrants, awaited, repeated
from tests.benchmarks.contest.names import OURS
from tests.benchmarks.contest.questions import (
    ARRAYS,
    COPY,
    LOOKUP,
    ROWS_100,
    ROWS_MANY,
    TRANSACTION,
    UPDATE,
)

ONE = "oadb, pool of 1"

Work = Callable[[int], object]


@contextmanager
def blocking(url: str, empty: Callable[[], object]) -> Generator[Entrants]:
    """Give a Database with a pool of five, and for the shortest calls one of one."""
    with ExitStack() as running:
        several = running.enter_context(Database(config(url)))
        one = running.enter_context(Database(config(url, 1)))
        found: Entrants = {
            key: [Entrant(OURS, BLOCKING, repeated(work), empty if stores(key) else _nothing)]
            for key, work in _works(several).items()
        }
        for key in (LOOKUP, TRANSACTION):
            found[key].append(Entrant(ONE, BLOCKING, repeated(_works(one)[key])))
        yield found


def stores(key: str) -> bool:
    """Say whether a question begins with an empty table."""
    return key in {COPY, ARRAYS}


def _nothing() -> None:
    """Leave the table as it is."""


def _works(db: Database) -> dict[str, Work]:
    copied, added = trades.rows(trades.COPIED), trades.values(trades.ADDED)

    def in_transaction(key: int) -> object:
        with db.transaction() as tx:
            return trades.get(tx, key)

    def add(_: int) -> object:
        trades.add.many(db, added)
        return True

    return {
        LOOKUP: lambda key: trades.get(db, key),
        TRANSACTION: in_transaction,
        UPDATE: lambda key: trades.set_note(db, key, "seen"),
        ROWS_100: lambda _: trades.list_first(db, trades.HUNDRED),
        ROWS_MANY: lambda _: trades.list_first(db, trades.MANY),
        COPY: lambda _: trades.load(db, copied),
        ARRAYS: add,
    }


@asynccontextmanager
async def awaiting(url: str, how: str, empty: Callable[[], object]) -> AsyncGenerator[Entrants]:
    """Give an AsyncDatabase on the running loop."""
    loop = asyncio.get_running_loop()
    copied, added = trades.rows(trades.COPIED), trades.values(trades.ADDED)
    async with AsyncExitStack() as running:
        db = await running.enter_async_context(AsyncDatabase(config(url)))

        async def in_transaction(key: int) -> object:
            async with db.transaction() as tx:
                return await trades.get(tx, key)

        async def add(_: int) -> object:
            await trades.add.many(db, added)
            return True

        works = {
            LOOKUP: lambda key: trades.get(db, key),
            TRANSACTION: in_transaction,
            UPDATE: lambda key: trades.set_note(db, key, "seen"),
            ROWS_100: lambda _: trades.list_first(db, trades.HUNDRED),
            ROWS_MANY: lambda _: trades.list_first(db, trades.MANY),
            COPY: lambda _: trades.load(db, copied),
            ARRAYS: add,
        }
        yield {
            key: [Entrant(OURS, how, awaited(loop, work), empty if stores(key) else _nothing)]
            for key, work in works.items()
        }
