"""Throughput as more callers share a pool of ten connections: threads and tasks. Run by hand:

    python tests/benchmarks/crowds.py [threads] [tasks]

Each caller looks a user up again and again. Every number of callers runs for OADB_BENCH_SECONDS,
default 0.3, in each of OADB_BENCH_ROUNDS rounds, default 20, in an order that changes; a rate is
divided by the best of its own round, so that other load on the machine affects all alike.
DATABASE_URL names a server whose user may create databases; without it an embedded server is
started.
"""

import asyncio
import os
import random
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from oadb import AsyncDatabase, Database
from oadb.accounts import users
from tests.benchmarks import conditions
from tests.benchmarks.rounds import ratio

CONNECTIONS = 10
CALLERS = (1, 2, 4, 8, 10, 12, 16, 32, 64)
SECONDS = float(os.environ.get("OADB_BENCH_SECONDS", "0.3"))
ROUNDS = int(os.environ.get("OADB_BENCH_ROUNDS", "20"))
AIM = 0.75

_SEED = 20240229

Took = list[list[float]]
"""The seconds of each call of each caller."""


def threads(db: Database, callers: int, seconds: float) -> Took:
    """Have so many threads call for so many seconds."""
    took: Took = [[] for _ in range(callers)]
    begin = threading.Barrier(callers)

    def work(mine: list[float]) -> None:
        begin.wait()
        started = perf_counter()
        end = started + seconds
        while started < end:
            users.get(db, 1 + len(mine) % conditions.USERS)
            ended = perf_counter()
            mine.append(ended - started)
            started = ended

    running = [threading.Thread(target=work, args=(mine,)) for mine in took]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return took


async def tasks(db: AsyncDatabase, callers: int, seconds: float) -> Took:
    """Have so many tasks call for so many seconds."""

    async def work() -> list[float]:
        mine: list[float] = []
        started = perf_counter()
        end = started + seconds
        while started < end:
            await users.get(db, 1 + len(mine) % conditions.USERS)
            ended = perf_counter()
            mine.append(ended - started)
            started = ended
        return mine

    return [*await asyncio.gather(*(work() for _ in range(callers)))]


def compared(run: Callable[[int, float], Took]) -> None:
    """Print how many calls a second each number of callers makes, and the share of the best."""
    rates: dict[int, list[float]] = {callers: [] for callers in CALLERS}
    busy: dict[int, list[float]] = {callers: [] for callers in CALLERS}
    longest: dict[int, list[float]] = {callers: [] for callers in CALLERS}
    order = [*CALLERS]
    shuffle = random.Random(_SEED).shuffle
    run(CONNECTIONS, SECONDS)
    for _ in range(ROUNDS):
        shuffle(order)
        for callers in order:
            began, cpu = perf_counter(), process_time()
            took = run(callers, SECONDS)
            calls = sum(map(len, took))
            busy[callers].append((process_time() - cpu) / calls)
            rates[callers].append(calls / (perf_counter() - began))
            longest[callers].append(max(map(max, took)))
    best = [max(each) for each in zip(*rates.values(), strict=True)]
    conditions.table(
        ("callers", "calls a second", "of the best", "CPU us a call", "longest call, ms"),
        (_row(each, rates[each], best, busy[each], longest[each]) for each in CALLERS),
    )


def _row(
    callers: int,
    rates: Sequence[float],
    best: Sequence[float],
    busy: Sequence[float],
    longest: Sequence[float],
) -> list[str]:
    shown = f"{median(busy) * 1e6:.0f}", f"{median(longest) * 1e3:.1f}"
    return [str(callers), f"{median(rates):,.0f}", str(ratio(rates, best)), *shown]


def in_threads() -> None:
    print(f"\n## Threads over {CONNECTIONS} connections; the aim is {AIM} of the best")
    with (
        conditions.database() as url,
        Database(conditions.config(url, CONNECTIONS)) as db,
    ):
        compared(lambda callers, seconds: threads(db, callers, seconds))


def in_tasks() -> None:
    print(f"\n## Tasks over {CONNECTIONS} connections; the aim is {AIM} of the best")
    with conditions.database() as url, asyncio.Runner() as runner:
        db = AsyncDatabase(conditions.config(url, CONNECTIONS))
        compared(lambda callers, seconds: runner.run(tasks(db, callers, seconds)))
        runner.run(db.close())


PARTS: dict[str, Callable[[], None]] = {"threads": in_threads, "tasks": in_tasks}

if __name__ == "__main__":
    conditions.run("Crowds", PARTS, sys.argv[1:])
