"""A market of 180,000 instruments, made from a broker's real files if they exist.

OADB_TEST_BROKER_FILES names their folder. They have 44,830 instruments; the made-up market that is
used without them has 21,000. Copies with other underlyings make up the rest.
OADB_BENCH_INSTRUMENTS sets another number.
"""

import os
import random
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import count, cycle, islice

import psycopg

from oadb import Database
from oadb.market import loads
from oadb.market.brokers import zerodha
from oadb.market.instruments import Listing
from tests.benchmarks import conditions
from tests.support import broker_files, large_market

INSTRUMENTS = int(os.environ.get("OADB_BENCH_INSTRUMENTS", "180000"))
BROKER = "zerodha"

_VACUUMS = 3
LASTING = slice(None, None, 10)
"""Instruments that next_day never changes."""

_CHANGED = 0.02


@contextmanager
def database(pool_size: int = conditions.POOL_SIZE) -> Generator[tuple[str, Database]]:
    """Give the DATABASE_URL of a database with the market, and the open Database."""
    with conditions.database() as url, Database(conditions.config(url, pool_size)) as db:
        load(db, rows())
        with psycopg.connect(url, autocommit=True) as connection:
            # As autovacuum does within a minute; more than once, as an older snapshot may delay it.
            for _ in range(_VACUUMS):
                connection.execute("vacuum analyze oadb.instruments, oadb.instrument_staging")
        yield url, db


def load(db: Database, listed: Sequence[Listing]) -> None:
    """Replace the instruments of the market."""
    loads.load(db, BROKER, listed, force=True)  # contracts of real files have expired


@cache
def rows() -> Sequence[Listing]:
    """Return all instruments of the market."""
    return tuple(islice(_copies(), INSTRUMENTS))


def next_day(listed: Sequence[Listing], day: int) -> Sequence[Listing]:
    """Change one in fifty instruments: half get another lot size, half are replaced by new ones."""
    choice = random.Random(day)
    changed = list(listed)
    numbers = [number for number in range(len(changed)) if number % LASTING.step]
    for number in choice.sample(numbers, int(len(changed) * _CHANGED)):
        row = changed[number]
        changed[number] = (
            row._replace(lot_size=str(int(row.lot_size) + 1))
            if number % 2
            else row._replace(symbol=f"{row.symbol}-{day}", token=f"{row.token}-{day}")
        )
    return changed


def _copies() -> Iterator[Listing]:
    originals = list(_originals())
    yield from originals
    for number, row in zip(count(len(originals)), cycle(originals), strict=False):
        yield _copied(row, number // len(originals))


def _copied(row: Listing, number: int) -> Listing:
    """Return a copy with another underlying, whose name begins with X and a letter."""
    prefix = "X" + chr(ord("A") + number)
    return row._replace(
        symbol=prefix + row.symbol,
        broker_symbol=prefix + row.broker_symbol,
        name=prefix + row.name if row.name else "",
        underlying=prefix + row.underlying if row.underlying else "",
        token=f"{number}{row.token}",
    )


def _originals() -> Iterator[Listing]:
    files = broker_files.found(*broker_files.ZERODHA)
    for file in files:
        yield from (row for row in zerodha.read(file) if isinstance(row, Listing))
    if not files:
        # Without BSE, as a bare COPY would have to escape its texts.
        rows = large_market.instruments()
        yield from (Listing.of(row) for row in rows if row.exchange != "BSE")
