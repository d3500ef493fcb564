"""The index of instruments: build time, size, lookups, searches, and readers during a swap."""

import gc
import random
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median
from time import sleep
from types import SimpleNamespace

from oadb import Database
from oadb.market import live_index
from oadb.market.index.lookups import InstrumentIndex
from tests.benchmarks import conditions, market, search
from tests.benchmarks.rounds import seconds

ROUNDS = 9
_SAMPLE, _SWAPS = 1000, 5

Places = list[tuple[str, str, str]]


def main() -> None:
    print("\n## The index of instruments")
    with market.database() as (_, db):
        index = _build(db)
        _lookups(index)
        search.print_kinds(search.measure(index.search, rounds=ROUNDS, warm_up=1))
        _swaps(db, index)


def _build(db: Database) -> InstrumentIndex:
    build = partial(live_index.build, db, market.BROKER)
    build()
    took = median(seconds(build) for _ in range(ROUNDS))
    gc.collect()
    tracemalloc.start()
    index = build()
    gc.collect()
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    conditions.table(
        (f"built from the database, {len(index):,} rows", "found"),
        [
            ["seconds", f"{took:.2f}"],
            ["bytes a row, held", f"{held / len(index):.0f}"],
            ["bytes a row, at most while it is built", f"{peak / len(index):.0f}"],
        ],
    )
    return index


def _lookups(index: InstrumentIndex) -> None:
    rows = market.rows()
    chosen = random.Random(0).sample(rows, min(_SAMPLE, len(rows)))
    symbols = [(row.broker, row.exchange, row.symbol) for row in chosen]
    tokens = [(row.broker, row.exchange, row.token) for row in chosen]
    names = [(row.broker, row.exchange, row.broker_symbol) for row in chosen]
    peer = {(row.broker, row.exchange, row.symbol): row.token for row in rows}
    calls: list[tuple[str, Callable[..., object], Places]] = [
        ("a dictionary of tuples, in a function", lambda *place: peer.get(place), symbols),
        ("get_token", index.get_token, symbols),
        ("get_symbol", index.get_symbol, tokens),
        ("get_broker_symbol", index.get_broker_symbol, symbols),
        ("get", index.get, symbols),
        ("find_by_token", index.find_by_token, tokens),
        ("find_by_broker_symbol", index.find_by_broker_symbol, names),
    ]
    conditions.table(
        ("lookup, least of the rounds", "us"),
        ([name, f"{_each(call, places):.2f}"] for name, call, places in calls),
    )


def _each(call: Callable[..., object], places: Places) -> float:
    """Return the microseconds of one call, the minimum of the rounds."""

    def calls() -> None:
        for broker, exchange, text in places:
            call(broker, exchange, text)

    return min(seconds(calls) for _ in range(ROUNDS)) / len(places) * 1e6


def _swaps(db: Database, index: InstrumentIndex) -> None:
    """Read from the current index, as with a LiveIndex, while another thread swaps it."""
    live = SimpleNamespace(index=index)
    row = market.rows()[0]

    def read() -> None:
        live.index.get_token(row.broker, row.exchange, row.symbol)

    def swap() -> None:
        for _ in range(_SWAPS):
            live.index = live_index.build(db, market.BROKER)

    took, *swapping = _read_during(swap, read)
    _, *calm = _read_during(partial(sleep, took), read)
    conditions.table(
        ("get_token, one thread", "at rest", f"while another builds and swaps {_SWAPS}"),
        zip(("calls", "over 1 ms", "slowest, ms"), _shown(*calm), _shown(*swapping), strict=True),
    )


def _read_during(work: Callable[[], object], read: Callable[[], object]) -> tuple[float, ...]:
    """Read during *work*; return its seconds, the number of reads and slow ones, the slowest."""
    calls, slow, slowest = 0, 0, 0.0
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(seconds, work)
        while not done.done():
            took = seconds(read)
            calls, slow, slowest = calls + 1, slow + (took > 1e-3), max(slowest, took)
        return done.result(), calls, slow, slowest


def _shown(calls: float, slow: float, slowest: float) -> list[str]:
    return [f"{calls:,}", f"{slow:,}", f"{slowest * 1e3:.1f}"]
