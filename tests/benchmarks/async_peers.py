"""The lookup of one user with each async library, on one event loop."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg  # type: ignore[import-untyped]  # it has no types
import psycopg_pool

from oadb import AsyncDatabase
from oadb.accounts import users
from tests.benchmarks.conditions import POOL_SIZE, config, keywords
from tests.benchmarks.peers import SQL, ids
from tests.benchmarks.rounds import Variant

POOL, OADB = "psycopg, async pool idiom, tuples", "oadb, async"


@asynccontextmanager
async def variants(url: str) -> AsyncGenerator[list[Variant]]:
    """Give every variant; each is called from outside this event loop and runs on it."""
    async with AsyncExitStack() as running:
        yield [
            await running.enter_async_context(opened(url)) for opened in (oadb, pool, asyncpg_pool)
        ]


@asynccontextmanager
async def oadb(url: str) -> AsyncGenerator[Variant]:
    async with AsyncDatabase(config(url)) as db:
        yield Variant(OADB, repeated(lambda user_id: users.get(db, user_id)))


@asynccontextmanager
async def pool(url: str) -> AsyncGenerator[Variant]:
    sql = SQL.format("%s")
    connections = psycopg_pool.AsyncConnectionPool(
        url, min_size=POOL_SIZE, open=False, kwargs={"autocommit": True}
    )
    await connections.open(wait=True)

    async def lookup(user_id: int) -> object:
        async with connections.connection() as connection:
            return await (await connection.execute(sql, (user_id,))).fetchone()

    async with connections:
        yield Variant(POOL, repeated(lookup))


@asynccontextmanager
async def asyncpg_pool(url: str) -> AsyncGenerator[Variant]:
    sql = SQL.format("$1")
    known = keywords(url)
    async with asyncpg.create_pool(
        host=known["host"],
        port=int(known.get("port", "5432")),
        user=known["user"],
        password=known.get("password"),
        database=known["dbname"],
        min_size=POOL_SIZE,
        max_size=POOL_SIZE,
    ) as connections:

        async def lookup(user_id: int) -> object:
            return users.User(*await connections.fetchrow(sql, user_id))

        yield Variant("asyncpg, pool, which resets the session after each call", repeated(lookup))


def repeated(lookup: Callable[[int], Awaitable[object]]) -> Callable[[int], None]:
    """Return a blocking function that runs a number of lookups on the current event loop."""
    numbers = ids()
    loop = asyncio.get_running_loop()

    async def several(calls: int) -> None:
        found: object = None
        for _ in range(calls):
            found = await lookup(next(numbers))
        if found is None:
            raise LookupError

    return lambda calls: loop.run_until_complete(several(calls))
