"""The parts of a trading day, each worked through by both sides in turn."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter

from oadb.market.instruments import Listing
from tests.benchmarks import market
from tests.benchmarks.contest.day_by_oadb import OnOadb
from tests.benchmarks.contest.day_by_sqlite import OnSqlite
from tests.benchmarks.contest.trades import SMALL
from tests.benchmarks.rounds import seconds

Side = OnOadb | OnSqlite

INSTRUMENTS = 500 if SMALL else 40_000
ORDERS, REQUESTS = (10, 20) if SMALL else (1_000, 2_000)
SIGN_INS = 1 if SMALL else 5
PAST = 500 if SMALL else 300_000
TERMS = ("RELIANCE", "NIFTY", "BANK", "FUT", "24000", "GOLD", "TCS", "XANIFTY")


@dataclass(frozen=True)
class Part:
    """One part of the day.

    Args:
        what: What is measured of it.
        unit: Of the figure; "s", "ms" and "misses" are better when small.
        work: Returns the figure of a side in a round, of which it is told the number.
    """

    key: str
    what: str
    unit: str
    work: Callable[[Side, int], float]

    @property
    def is_rate(self) -> bool:
        """Whether more is better."""
        return self.unit.endswith("/s")


def rows(day: int) -> Sequence[Listing]:
    """Return the instruments of a day."""
    return market.next_day(market.rows()[:INSTRUMENTS], day)


def _lasting() -> Sequence[Listing]:
    return market.rows()[:INSTRUMENTS][market.LASTING]


def _first_order(side: Side, _: int) -> float:
    side.forget()
    took = seconds(lambda: side.order(_lasting()[0]))
    side.drain()
    return took * 1e3


def _orders(threads: int) -> Callable[[Side, int], float]:
    def work(side: Side, _: int) -> float:
        wanted = [_lasting()[number % 50] for number in range(ORDERS)]
        began = perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            for _answer in pool.map(side.order, wanted):
                pass
        stored = ORDERS - side.drain()
        return stored / (perf_counter() - began)

    return work


def _sign_ins(side: Side, _: int) -> float:
    return SIGN_INS / seconds(lambda: [side.sign_in() for _ in range(SIGN_INS)])


def _searches(side: Side, _: int) -> float:
    return median(seconds(partial(side.search, text)) for text in TERMS) * 1e3


def _requests(side: Side, _: int) -> float:
    began = perf_counter()
    for number in range(REQUESTS):
        side.request(f"/api/v1/endpoint{number % 20}")
    stored = REQUESTS - side.drain()
    return stored / (perf_counter() - began)


def _reload(side: Side, day: int) -> float:
    wanted = rows(day)
    return seconds(lambda: side.reload(wanted))


def _misses(side: Side, day: int) -> float:
    """Return of how many lookups in a hundred, while a day is loaded, the instrument is missing.

    They ask the database, as a process does that keeps no instruments in memory.
    """
    found: list[bool] = []
    done = threading.Event()
    lasting = _lasting()

    def look() -> None:
        while not done.is_set():
            found.append(side.look(lasting[len(found) % len(lasting)]))
            done.wait(0.001)

    reader = threading.Thread(target=look)
    reader.start()
    try:
        side.reload(rows(day))
    finally:
        done.set()
        reader.join()
    return 100 * found.count(False) / len(found)


def _statistics(side: Side, _: int) -> float:
    return seconds(side.statistics) * 1e3


PARTS = [
    Part("first", "the first order of a process", "ms", _first_order),
    Part("orders", "orders, one thread", "/s", _orders(1)),
    Part("orders-8", "orders, eight threads", "/s", _orders(8)),
    Part("sign-ins", "sign-ins", "/s", _sign_ins),
    Part("searches", f"a search of {INSTRUMENTS:,} instruments", "ms", _searches),
    Part("reload", f"a day's {INSTRUMENTS:,} instruments loaded", "s", _reload),
    Part("misses", "of 100 lookups in the database meanwhile", "misses", _misses),
    Part("requests", "requests logged", "/s", _requests),
    Part("dashboard", f"statistics of {PAST:,} requests", "ms", _statistics),
]
