"""psycopg's answers on an event loop."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import psycopg
import psycopg_pool
from psycopg.rows import class_row

from tests.benchmarks.conditions import POOL_SIZE
from tests.benchmarks.contest import trades
from tests.benchmarks.contest.by_psycopg import GET, LIST, SET
from tests.benchmarks.contest.entrants import Entrant, Entrants, awaited
from tests.benchmarks.contest.names import CLASS_ROW, CURSOR, POOL, WRITE_ROW
from tests.benchmarks.contest.questions import (
    COPY,
    LOOKUP,
    ROWS_100,
    ROWS_MANY,
    TRANSACTION,
    UPDATE,
)

Connection = psycopg.AsyncConnection[Any]
Pool = psycopg_pool.AsyncConnectionPool[Connection]


@asynccontextmanager
async def awaiting(url: str, how: str, empty: Callable[[], object]) -> AsyncGenerator[Entrants]:
    """Give one connection, and a pool of five, on the running loop."""
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as running:
        one = await Connection.connect(url, autocommit=True)
        running.push_async_callback(one.close)
        pool = Pool(
            url,
            connection_class=Connection,
            min_size=POOL_SIZE,
            max_size=POOL_SIZE,
            open=False,
            kwargs={"autocommit": True},
        )
        await pool.open(wait=True)
        running.push_async_callback(pool.close)
        yield {
            key: [Entrant(name, how, awaited(loop, work), empty if key == COPY else lambda: None)]
            + [Entrant(other, how, awaited(loop, pooled)) for other, pooled in more.items()]
            for key, name, work, more in _works(one, pool)
        }


Work = Callable[[int], Any]


def _works(one: Connection, pool: Pool) -> list[tuple[str, str, Work, dict[str, Work]]]:
    cursor = psycopg.AsyncRawCursor(one)
    text = trades.GET.format("$1").encode()

    async def bare(key: int) -> object:
        return await (await cursor.execute(text, (key,))).fetchone()

    async def pooled(key: int) -> object:
        async with pool.connection() as leased:
            return await (await leased.execute(GET, (key,))).fetchone()

    async def in_transaction(key: int) -> object:
        async with one.transaction():
            return await (await one.execute(GET, (key,))).fetchone()

    async def pooled_transaction(key: int) -> object:
        async with pool.connection() as leased, leased.transaction():
            return await (await leased.execute(GET, (key,))).fetchone()

    async def update(key: int) -> object:
        async with pool.connection() as leased:
            return (await leased.execute(SET, ("seen", key))).rowcount

    return [
        (LOOKUP, CURSOR, bare, {POOL: pooled}),
        (
            TRANSACTION,
            "psycopg, one connection",
            in_transaction,
            {f"{POOL}, autocommit and transaction()": pooled_transaction},
        ),
        (UPDATE, POOL, update, {}),
        (ROWS_100, POOL, _listed(pool, trades.HUNDRED), _made(pool, trades.HUNDRED)),
        (ROWS_MANY, POOL, _listed(pool, trades.MANY), _made(pool, trades.MANY)),
        (COPY, WRITE_ROW, _copied(one), {}),
    ]


def _listed(pool: Pool, most: int) -> Work:
    async def tuples(_: int) -> object:
        async with pool.connection() as leased:
            return await (await leased.execute(LIST, (most,))).fetchall()

    return tuples


def _made(pool: Pool, most: int) -> dict[str, Work]:
    async def rows(_: int) -> object:
        async with (
            pool.connection() as leased,
            leased.cursor(row_factory=class_row(trades.Trade)) as cursor,
        ):
            return await (await cursor.execute(LIST, (most,))).fetchall()

    return {CLASS_ROW: rows}


def _copied(one: Connection) -> Work:
    given = trades.values(trades.COPIED)

    async def copy(_: int) -> object:
        async with one.cursor() as cursor:
            async with cursor.copy(trades.COPY.encode()) as sent:
                for row in given:
                    await sent.write_row(row)
            return cursor.rowcount

    return copy
