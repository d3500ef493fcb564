"""asyncpg's answers: a prepared statement of one connection; its pool, with and without its reset.

Its pool resets the session before it takes a connection back, by default; *reset* can do nothing
instead. Values arrive binary. Rows are Records, or made into dataclasses where that is said.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it has no types

from tests.benchmarks.conditions import POOL_SIZE, keywords
from tests.benchmarks.contest import trades
from tests.benchmarks.contest.entrants import Entrant, Entrants, awaited
from tests.benchmarks.contest.names import ASYNCPG_POOL, PREPARED, RECORDS
from tests.benchmarks.contest.questions import (
    ARRAYS,
    COPY,
    LOOKUP,
    ROWS_100,
    ROWS_MANY,
    TRANSACTION,
    UPDATE,
)

NO_RESET = f"asyncpg, pool of {POOL_SIZE} that resets nothing, dataclasses"

GET, LIST, SET = trades.GET.format("$1"), trades.LIST.format("$1"), trades.SET.format("$1", "$2")
_NUMBERED = [f"${number}" for number in range(1, len(trades.COLUMNS) + 1)]
INSERT = trades.INSERT.format(", ".join(_NUMBERED))
UNNEST = trades.UNNEST.format(
    ", ".join(f"{each}::{kind}[]" for each, kind in zip(_NUMBERED, trades.TYPES, strict=True))
)

Work = Callable[[int], Any]
Named = Iterator[tuple[str, Work]]


def known(url: str) -> dict[str, Any]:
    """Return the connection parameters of *url* as asyncpg calls them."""
    given = keywords(url)
    return {
        "host": given["host"],
        "port": int(given.get("port", "5432")),
        "user": given["user"],
        "password": given.get("password"),
        "database": given["dbname"],
    }


async def _leave(_: object) -> None:
    """Reset nothing."""


@asynccontextmanager
async def awaiting(url: str, how: str, empty: Callable[[], object]) -> AsyncGenerator[Entrants]:
    """Give all of them, on the running loop."""
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as running:
        enter = running.enter_async_context
        size = {"min_size": POOL_SIZE, "max_size": POOL_SIZE}
        pools = {
            ASYNCPG_POOL: await enter(asyncpg.create_pool(**known(url), **size)),
            NO_RESET: await enter(asyncpg.create_pool(**known(url), **size, reset=_leave)),
        }
        one = await asyncpg.connect(**known(url))
        running.push_async_callback(one.close)
        found: dict[str, Named] = {
            LOOKUP: _lookups(await one.prepare(GET), pools),
            TRANSACTION: _transactions(one, await one.prepare(GET), pools),
            UPDATE: _updates(one, pools[ASYNCPG_POOL]),
            ROWS_100: _lists(await one.prepare(LIST), pools, trades.HUNDRED),
            ROWS_MANY: _lists(await one.prepare(LIST), pools, trades.MANY),
        }
        stored: dict[str, Named] = {COPY: _copies(one), ARRAYS: _inserts(one)}
        yield {
            **{key: [Entrant(n, how, awaited(loop, w)) for n, w in v] for key, v in found.items()},
            **{
                key: [Entrant(n, how, awaited(loop, w), empty) for n, w in v]
                for key, v in stored.items()
            },
        }


def _lookups(statement: Any, pools: dict[str, Any]) -> Named:
    async def prepared(key: int) -> object:
        return trades.Trade(*await statement.fetchrow(key))

    async def records(key: int) -> object:
        return await statement.fetchrow(key)

    yield PREPARED, prepared
    yield RECORDS, records
    for name, pool in pools.items():

        async def pooled(key: int, pool: Any = pool) -> object:
            return trades.Trade(*await pool.fetchrow(GET, key))

        yield name, pooled


def _transactions(one: Any, statement: Any, pools: dict[str, Any]) -> Named:
    async def prepared(key: int) -> object:
        async with one.transaction():
            return trades.Trade(*await statement.fetchrow(key))

    yield PREPARED, prepared
    for name, pool in pools.items():

        async def pooled(key: int, pool: Any = pool) -> object:
            async with pool.acquire() as connection, connection.transaction():
                return trades.Trade(*await connection.fetchrow(GET, key))

        yield name, pooled


def _updates(one: Any, pool: Any) -> Named:
    async def bare(key: int) -> object:
        return await one.execute(SET, "seen", key)

    async def pooled(key: int) -> object:
        return await pool.execute(SET, "seen", key)

    yield "asyncpg, one connection", bare
    yield f"asyncpg, pool of {POOL_SIZE}", pooled


def _lists(statement: Any, pools: dict[str, Any], most: int) -> Named:
    async def records(_: int) -> object:
        return await statement.fetch(most)

    async def prepared(_: int) -> object:
        return [trades.Trade(*row) for row in await statement.fetch(most)]

    async def pooled(_: int) -> object:
        return [trades.Trade(*row) for row in await pools[ASYNCPG_POOL].fetch(LIST, most)]

    yield RECORDS, records
    yield PREPARED, prepared
    yield ASYNCPG_POOL, pooled


def _copies(one: Any) -> Named:
    given = trades.values(trades.COPIED)

    async def copy(_: int) -> object:
        return await one.copy_records_to_table(
            "arrivals", records=given, columns=trades.COLUMNS, schema_name="public"
        )

    yield "asyncpg, copy_records_to_table", copy


def _inserts(one: Any) -> Named:
    given = trades.values(trades.ADDED)

    async def one_by_one(_: int) -> object:
        await one.executemany(INSERT, given)
        return True

    async def by_arrays(_: int) -> object:
        return await one.execute(UNNEST, *(list(column) for column in zip(*given, strict=True)))

    yield "asyncpg, executemany", one_by_one
    yield "asyncpg, unnest of arrays", by_arrays
