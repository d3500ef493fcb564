"""More callers than connections: a burst of tasks, and threads that want several times the pool."""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from time import monotonic

import asyncpg  # type: ignore[import-untyped]  # it has no types
import psycopg
import psycopg_pool
import sqlalchemy as sa

from oadb import AsyncDatabase, Config, Database
from oadb.engine import dsn
from tests.benchmarks import conditions
from tests.benchmarks.conditions import keywords
from tests.support import pool_probes as probes

# The default pool of oadb: 5 connections, and 10 more under load.
_LEAST, _MOST = 5, 15

_BURST, _BURST_SECONDS = 300, 0.05
_CALL_SECONDS = 0.005

Call = Callable[[float], Awaitable[object]]


def main() -> None:
    """Print how each library serves a burst, and how long callers wait under demand."""
    with conditions.database() as url:
        rows = asyncio.run(_bursts(url))
        conditions.table(("burst of 300 calls of 50 ms", "served", "seconds"), rows)
        for times in (1, 2, 4, 10):
            head = (f"{times} times demand", "p50, ms", "p99, ms", "least calls of a thread")
            conditions.table(head, [_demand(opened, url, times) for opened in _IN_THREADS])


async def _bursts(url: str) -> list[list[str]]:
    rows = []
    async with AsyncExitStack() as running:
        for opened in (_oadb, _psycopg_pool, _asyncpg):
            call = await running.enter_async_context(opened(url))
            await call(0.0)
            started = monotonic()
            calls = (call(_BURST_SECONDS) for _ in range(_BURST))
            ends = await asyncio.gather(*calls, return_exceptions=True)
            served = sum(not isinstance(end, Exception) for end in ends)
            rows.append([opened.__name__[1:], str(served), f"{monotonic() - started:.2f}"])
    return rows


def _demand(
    opened: Callable[[str], AbstractContextManager[Callable[[], object]]], url: str, times: int
) -> list[str]:
    """Return the latencies of a library for *times* as many threads as connections."""
    took: list[list[float]] = [[] for _ in range(_MOST * times)]
    end = monotonic() + float(os.environ.get("OADB_BENCH_SECONDS", "5"))

    def work(mine: list[float]) -> None:
        while (started := monotonic()) < end:
            call()
            mine.append(monotonic() - started)

    with opened(url) as call:
        threads = [threading.Thread(target=work, args=(mine,)) for mine in took]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    every = sorted(each for mine in took for each in mine)
    middle, late = every[len(every) // 2], every[len(every) * 99 // 100]
    least = min(map(len, took))
    return [opened.__name__[1:], f"{middle * 1000:.1f}", f"{late * 1000:.1f}", str(least)]


@asynccontextmanager
async def _oadb(url: str) -> AsyncGenerator[Call]:
    async with AsyncDatabase(Config(dsn.parse(url))) as db:
        yield lambda seconds: probes.pause(db, seconds)


@asynccontextmanager
async def _psycopg_pool(url: str) -> AsyncGenerator[Call]:
    pool = psycopg_pool.AsyncConnectionPool(
        url, min_size=_LEAST, max_size=_MOST, open=False, kwargs={"autocommit": True}
    )

    async def call(seconds: float) -> None:
        async with pool.connection() as connection:
            await connection.execute("select pg_sleep(%s)", (seconds,))

    async with pool:
        yield call


@asynccontextmanager
async def _asyncpg(url: str) -> AsyncGenerator[Call]:
    known = keywords(url)
    async with asyncpg.create_pool(
        host=known["host"],
        port=int(known.get("port", "5432")),
        user=known["user"],
        password=known.get("password"),
        database=known["dbname"],
        min_size=_LEAST,
        max_size=_MOST,
    ) as pool:
        yield lambda seconds: pool.execute("select pg_sleep($1)", seconds)


@contextmanager
def _oadb_in_threads(url: str) -> Generator[Callable[[], object]]:
    with Database(Config(dsn.parse(url))) as db:
        yield lambda: probes.pause(db, _CALL_SECONDS)


@contextmanager
def _psycopg_pool_in_threads(url: str) -> Generator[Callable[[], object]]:
    pool = psycopg_pool.ConnectionPool(
        url, min_size=_LEAST, max_size=_MOST, open=False, kwargs={"autocommit": True}
    )

    def call() -> None:
        with pool.connection() as connection:
            connection.execute("select pg_sleep(%s)", (_CALL_SECONDS,))

    with pool:
        yield call


@contextmanager
def _sqlalchemy_in_threads(url: str) -> Generator[Callable[[], object]]:
    engine = sa.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(url),
        pool_size=_LEAST,
        max_overflow=_MOST - _LEAST,
        isolation_level="AUTOCOMMIT",
    )
    statement = sa.text("select pg_sleep(:seconds)")

    def call() -> None:
        with engine.connect() as connection:
            connection.execute(statement, {"seconds": _CALL_SECONDS})

    try:
        yield call
    finally:
        engine.dispose()


_IN_THREADS = (_oadb_in_threads, _psycopg_pool_in_threads, _sqlalchemy_in_threads)
