"""psqlpy's answers: a driver in Rust, whose threads wait for the server.

Its copy_records_to_table of 0.13.1 does not return for 20,000 rows, so it takes no part in COPY.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import psqlpy

from tests.benchmarks.conditions import POOL_SIZE, keywords
from tests.benchmarks.contest import trades
from tests.benchmarks.contest.entrants import Entrant, Entrants, awaited
from tests.benchmarks.contest.questions import (
    ARRAYS,
    LOOKUP,
    ROWS_100,
    ROWS_MANY,
    TRANSACTION,
    UPDATE,
)

NAME = f"psqlpy, pool of {POOL_SIZE}, dataclasses"

GET, LIST, SET = trades.GET.format("$1"), trades.LIST.format("$1"), trades.SET.format("$1", "$2")
INSERT = trades.INSERT.format(", ".join(f"${number}" for number in range(1, 9)))


@asynccontextmanager
async def awaiting(url: str, how: str, empty: Callable[[], object]) -> AsyncGenerator[Entrants]:
    """Give a pool of five."""
    loop = asyncio.get_running_loop()
    given = keywords(url)
    pool = psqlpy.ConnectionPool(
        host=given["host"],
        port=int(given.get("port", "5432")),
        username=given["user"],
        password=given.get("password"),
        db_name=given["dbname"],
        max_db_pool_size=POOL_SIZE,
    )
    yield {
        key: [Entrant(NAME, how, awaited(loop, work), empty if key == ARRAYS else lambda: None)]
        for key, work in _works(pool).items()
    }
    pool.close()


def _works(pool: psqlpy.ConnectionPool) -> dict[str, Callable[[int], Any]]:
    added = [list(row) for row in trades.values(trades.ADDED)]

    async def lookup(key: int) -> object:
        async with pool.acquire() as connection:
            return (await connection.fetch_row(GET, [key])).as_class(trades.Trade)

    async def in_transaction(key: int) -> object:
        async with pool.acquire() as connection, connection.transaction() as opened:
            return (await opened.fetch_row(GET, [key])).as_class(trades.Trade)

    async def update(key: int) -> object:
        async with pool.acquire() as connection:
            return await connection.execute(SET, ["seen", key])

    async def listed(most: int) -> object:
        async with pool.acquire() as connection:
            return (await connection.fetch(LIST, [most])).as_class(trades.Trade)

    async def add(_: int) -> object:
        async with pool.acquire() as connection, connection.transaction() as opened:
            await opened.execute_many(INSERT, added)
        return True

    return {
        LOOKUP: lookup,
        TRANSACTION: in_transaction,
        UPDATE: update,
        ROWS_100: lambda _: listed(trades.HUNDRED),
        ROWS_MANY: lambda _: listed(trades.MANY),
        ARRAYS: add,
    }
