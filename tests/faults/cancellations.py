"""Storms of cancellations and of exceptions thrown into threads, as long as one likes.

    python -m tests.faults.cancellations --seconds 600

Tasks and threads call, write, stream and transact, and are interrupted at random points, once,
twice, or by the failure of another task. At the end the pool must have every connection, idle.
"""

import argparse
import asyncio
import ctypes
import random
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from functools import partial
from time import monotonic, sleep
from typing import Any

from oadb.engine.database import AsyncDatabase, Database
from oadb.errors import Error
from oadb.testing.control import controlled
from tests.support import pool_probes as probes
from tests.support.rig import config, create_tables

SIZE = 4


class Interrupted(Exception):  # noqa: N818  # it is no error
    """What is thrown into threads."""


async def cancel_tasks(url: str, seconds: float, seed: int) -> Counter[str]:
    """Cancel tasks for a while; return what became of them, and check the pool."""
    rng, ends = random.Random(seed), Counter[str]()
    async with AsyncDatabase(config(url, pool_size=2, max_overflow=2)) as db:
        end = monotonic() + seconds
        while monotonic() < end:
            storm = rng.choice([_single, _twice, _timeout, _group])
            tasks = [asyncio.ensure_future(storm(db, rng, ends)) for _ in range(12)]
            await asyncio.gather(*tasks, return_exceptions=True)
        await _all_are_there(db)
    return ends


def _work(db: AsyncDatabase, rng: random.Random) -> Coroutine[Any, Any, object]:
    return rng.choice([_call, _transaction, _stream, _nested])(db, rng.random() / 400)


async def _call(db: AsyncDatabase, seconds: float) -> object:
    return await probes.pause(db, seconds)


async def _transaction(db: AsyncDatabase, seconds: float) -> object:
    async with db.transaction() as tx:
        await probes.pause(tx, seconds)
        return await probes.pause(tx, seconds)


async def _nested(db: AsyncDatabase, seconds: float) -> object:
    async with db.transaction() as tx:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), tx.transaction() as nested:
                await probes.pause(nested, 2 * seconds)
        return await probes.one(tx)


async def _stream(db: AsyncDatabase, _: float) -> object:
    async for number in probes.numbers(db, 5000):
        if number == 2500:
            break
    return None


async def _count(work: Awaitable[object], ends: Counter[str]) -> None:
    try:
        await work
    except asyncio.CancelledError:
        ends["cancelled"] += 1
        raise
    except TimeoutError:
        ends["timed out"] += 1
    except Error as error:
        ends[type(error).__name__] += 1
    else:
        ends["done"] += 1


async def _single(db: AsyncDatabase, rng: random.Random, ends: Counter[str]) -> None:
    task = asyncio.ensure_future(_count(_work(db, rng), ends))
    await asyncio.sleep(rng.random() / 100)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _twice(db: AsyncDatabase, rng: random.Random, ends: Counter[str]) -> None:
    task = asyncio.ensure_future(_count(_work(db, rng), ends))
    for _ in range(2):
        await asyncio.sleep(rng.random() / 200)
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _timeout(db: AsyncDatabase, rng: random.Random, ends: Counter[str]) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(rng.random() / 100):
            await _count(_work(db, rng), ends)


async def _group(db: AsyncDatabase, rng: random.Random, ends: Counter[str]) -> None:
    async def fail() -> None:
        await asyncio.sleep(rng.random() / 100)
        raise ValueError("on purpose")

    with suppress(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(_count(_work(db, rng), ends))
            group.create_task(fail())


async def _all_are_there(db: AsyncDatabase) -> None:
    """Lease all connections at once, and check that the pool has no others."""
    async with asyncio.timeout(20):
        held = [db.transaction() for _ in range(SIZE)]
        for transaction in held:
            assert await probes.one(await transaction.__aenter__()) == 1
        assert db.stats().leased == db.stats().size == SIZE, db.stats()
        for transaction in held:
            await transaction.__aexit__(None, None, None)
    assert db.stats().leased == 0, db.stats()


def interrupt_threads(url: str, seconds: float, seed: int) -> Counter[str]:
    """Throw exceptions into threads for a while; return what became of their calls."""
    rng, ends, stop = random.Random(seed), Counter[str](), threading.Event()
    with Database(config(url, pool_size=2, max_overflow=2)) as db, _without_reports():
        work = partial(_endure, partial(_calls, db, ends, stop))
        threads = [threading.Thread(target=_endure, args=(work,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        end = monotonic() + seconds
        while monotonic() < end:
            sleep(rng.random() / 200)
            _throw(rng.choice(threads))
        stop.set()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive(), f"a thread hangs: {db.stats()}"
        _all_connections_are_there(db)
    return ends


@contextmanager
def _without_reports() -> Generator[None]:
    """Do not print the exceptions that hit finalizers: they are on purpose."""
    before, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        yield
    finally:
        sys.unraisablehook = before


def _throw(thread: threading.Thread) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident or 0), ctypes.py_object(Interrupted)
    )


def _endure(work: Callable[[], object]) -> None:
    """Repeat *work* until it ends by itself: a thread that died would leave its id to another."""
    while True:
        try:
            work()
        except Interrupted:
            continue
        else:
            return


def _calls(db: Database, ends: Counter[str], stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            random.choice([_query, _block, _rows])(db)
            ends["done"] += 1
        except Error as error:
            ends[type(error).__name__] += 1
        except Interrupted:
            ends["interrupted"] += 1


def _query(db: Database) -> object:
    return probes.pause(db, 0.002)


def _block(db: Database) -> object:
    with db.transaction() as tx:
        return probes.pause(tx, 0.001)


def _rows(db: Database) -> object:
    return next(probes.numbers(db, 5000))


def _all_connections_are_there(db: Database) -> None:
    end = monotonic() + 20
    while db.stats().leased:
        assert monotonic() < end, db.stats()
        sleep(0.01)
    held = [db.transaction() for _ in range(SIZE)]
    for transaction in held:
        assert probes.one(transaction.__enter__()) == 1
    assert db.stats().leased == db.stats().size == SIZE, db.stats()
    for transaction in held:
        transaction.__exit__(None, None, None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with controlled() as server:
        create_tables(server.url)
        print("tasks:", dict(asyncio.run(cancel_tasks(server.url, given.seconds, given.seed))))
        print("threads:", dict(interrupt_threads(server.url, given.seconds, given.seed)))


if __name__ == "__main__":
    main()
