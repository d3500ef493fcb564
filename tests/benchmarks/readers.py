"""Lookups of instruments while another process reloads them."""

import random
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from statistics import median
from time import perf_counter, sleep

import psycopg

from oadb import Database
from oadb.market import instruments
from oadb.market.instruments import Listing
from tests.benchmarks import conditions, market
from tests.benchmarks.rounds import seconds

READERS, RELOADS, PEER_RELOADS = 8, 20, 5

# Seconds of each lookup, and whether it found the instrument.
Lookups = list[tuple[float, bool]]


def main() -> None:
    rows = market.rows()[market.LASTING]
    print(f"\n## {READERS} threads look up what every day has, 2 % of the rest changing each day")
    loader = ProcessPoolExecutor(1, get_context("spawn"), initializer=market.rows)
    with market.database(READERS) as (url, db), loader:
        loader.submit(bool).result()  # waits until it has read the files
        look = partial(_by_oadb, db)
        with _reading(look, rows) as calm:
            while len(calm) < market.INSTRUMENTS:
                sleep(0.01)
        with _reading(look, rows) as during:
            reloads = loader.submit(_reload, url, RELOADS).result()
        with _reading(partial(_by_psycopg, url, threading.local()), rows) as peer:
            loader.submit(_reload, url, PEER_RELOADS).result()
        conditions.table(
            (
                "lookups",
                "at rest",
                f"during {RELOADS} reloads",
                f"psycopg, a connection a thread, during {PEER_RELOADS}",
            ),
            zip(
                ("number", "missed", "median, us", "99.9 %, ms", "slowest, ms"),
                _figures(calm),
                _figures(during),
                _figures(peer),
                strict=True,
            ),
        )
        conditions.table(
            ("after the reloads, without a pause", "live rows", "dead rows", "megabytes"),
            _tables(url),
        )
    print(
        f"\nA reload took {median(reloads):.2f} s, the first {reloads[0]:.2f}, "
        f"the last {reloads[-1]:.2f}."
    )


def _by_oadb(db: Database, row: Listing) -> bool:
    return instruments.get(db, row.broker, row.exchange, row.symbol) is not None


def _by_psycopg(url: str, here: threading.local, row: Listing) -> bool:
    """Look a row up with psycopg alone, to show how slow the machine and the server are."""
    if not hasattr(here, "connection"):
        here.connection = psycopg.connect(url, autocommit=True)
    found = here.connection.execute(
        "select token from oadb.instruments where broker = %s and exchange = %s and symbol = %s",
        (row.broker, row.exchange, row.symbol),
        prepare=True,
    ).fetchone()
    return found is not None


def _reload(url: str, days: int) -> list[float]:
    """Load one day after the other; return the seconds of each load."""
    took: list[float] = []
    listed = market.rows()
    with Database(conditions.config(url, 1)) as db:
        for day in range(1, days + 1):
            listed = market.next_day(listed, day)
            took.append(seconds(partial(market.load, db, listed)))
    return took


@contextmanager
def _reading(look: Callable[[Listing], bool], rows: Sequence[Listing]) -> Generator[Lookups]:
    """Look rows up from many threads while the block runs; give the lookups."""
    seen: Lookups = []
    done = threading.Event()

    def read(number: int) -> None:
        choice = random.Random(number)
        while not done.is_set():
            row = choice.choice(rows)
            started = perf_counter()
            found = look(row)
            seen.append((perf_counter() - started, found))

    with ThreadPoolExecutor(READERS) as pool:
        readers = [pool.submit(read, number) for number in range(READERS)]
        try:
            yield seen
        finally:
            done.set()
        for reader in readers:
            reader.result()


def _figures(seen: Lookups) -> list[str]:
    took = sorted(each for each, _ in seen)
    rare = took[int(len(took) * 0.999)]
    missed = sum(not found for _, found in seen)
    return [
        f"{len(took):,}",
        str(missed),
        f"{median(took) * 1e6:.0f}",
        f"{rare * 1e3:.1f}",
        f"{took[-1] * 1e3:.1f}",
    ]


def _tables(url: str) -> list[list[str]]:
    """Return the live and dead rows of the tables of a load, and their size."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create extension if not exists pgstattuple")
        found = connection.execute(
            "select name, tuple_count, dead_tuple_count, table_len / 1e6 "
            "from unnest(array['instruments', 'instrument_staging']) as name, "
            "lateral pgstattuple('oadb.' || name)"
        ).fetchall()
    return [[name, f"{live:,}", f"{dead:,}", f"{size:.0f}"] for name, live, dead, size in found]
