"""Streams and transactions that are left open inside of reference cycles, as long as one likes.

    python -m tests.faults.leaked_streams --seconds 1800

A request object or a kept traceback forms such a cycle. The garbage collector then finalizes the
stream, its transaction and the request in any order, in any thread, at any time.
"""

import argparse
import asyncio
import gc
import logging
import threading
from contextlib import suppress
from time import monotonic
from typing import Any

from oadb.engine.database import AsyncDatabase, Database
from oadb.errors import Error
from oadb.testing.control import controlled
from tests.support import pool_probes as probes
from tests.support.rig import config, create_tables


class Request:
    """Something that refers to itself, and to a stream or a transaction."""

    def __init__(self, held: Any) -> None:
        self.held = held
        self.myself = self


def leak_in_threads(url: str, seconds: float) -> int:
    """Leak from several threads; return how often."""
    leaked = 0
    with Database(config(url, pool_size=2, max_overflow=2)) as db:

        def leak() -> None:
            nonlocal leaked
            end = monotonic() + seconds
            while monotonic() < end:
                with suppress(Error):
                    rows = Request(probes.numbers(db, 5000))
                    next(rows.held)
                    del rows
                    gc.collect()
                    opened = Request(db.transaction())
                    probes.one(opened.held.__enter__())
                    del opened
                    leaked += 2
                gc.collect()

        threads = [threading.Thread(target=leak) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        gc.collect()
        assert [probes.one(db) for _ in range(20)] == [1] * 20
    return leaked


async def leak_in_tasks(url: str, seconds: float) -> int:
    """Leak from several tasks; return how often."""
    leaked = 0
    async with AsyncDatabase(config(url, pool_size=2, max_overflow=2)) as db:

        async def leak() -> None:
            nonlocal leaked
            end = monotonic() + seconds
            while monotonic() < end:
                with suppress(Error):
                    rows = Request(probes.numbers(db, 5000))
                    await anext(rows.held)
                    del rows
                    gc.collect()
                    opened = Request(db.transaction())
                    await probes.one(await opened.held.__aenter__())
                    del opened
                    leaked += 2
                gc.collect()
                await asyncio.sleep(0)

        await asyncio.gather(*(leak() for _ in range(4)))
        gc.collect()
        assert [await probes.one(db) for _ in range(20)] == [1] * 20
    return leaked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    logging.getLogger("oadb.pool").setLevel(logging.CRITICAL)  # each leak is logged
    with controlled() as server:
        create_tables(server.url)
        print("leaked by threads:", leak_in_threads(server.url, given.seconds))
        print("leaked by tasks:", asyncio.run(leak_in_tasks(server.url, given.seconds)))


if __name__ == "__main__":
    main()
