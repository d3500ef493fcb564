"""Search of instruments by kind of query, compared with ILIKE on four columns; sizes of indexes."""

from collections.abc import Callable, Iterable
from datetime import date
from functools import partial
from statistics import median, quantiles
from typing import Any

import psycopg

from oadb.market.instruments import Listing
from oadb.market.search import search
from tests.benchmarks import conditions, market
from tests.benchmarks.rounds import seconds

ROUNDS = 20
_PEER_ROUNDS = 3

QUERIES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "rare term": [(text, {}) for text in ("BEES", "INFOSYS", "ZYDUSLIFE", "LIMITED", "GOLDBEES")],
    "company": [(text, {}) for text in ("RELIANCE", "reli", "TCS", "HDFC BANK", "TATA MOTORS")],
    "common term": [(text, {}) for text in ("NIFTY", "BANKNIFTY", "nifty", "JUL", "31JUL25")],
    "two or three terms": [
        (text, {}) for text in ("NIFTY 24000 CE", "NIFTY CE", "BANKNIFTY 52000 PE", "NIFTY FUT")
    ],
    "one or two letters": [(text, {}) for text in ("N", "Q", "IT", "CE", "5")],
    "digits": [(text, {}) for text in ("24000", "24000.00", "53216", "1500")],
    "no hit": [(text, {}) for text in ("QWERTYUIOP", "NIFTYX", "RELIANCE 999999")],
    "filters": [
        ("tcs", {"exchange": "NFO"}),
        ("RELIANCE", {"instrument_type": "FUT"}),
        ("NIFTY", {"underlying": "NIFTY", "expiry": date(2025, 7, 31)}),
        ("24000", {"exchange": "NFO", "instrument_type": "CE"}),
    ],
    "common term, few pass the filter": [
        ("NIFTY", {"instrument_type": "FUT"}),
        ("NIFTY", {"exchange": "NSE"}),
        ("NIFTY", {"exchange": "NOWHERE"}),
    ],
    "first term not the rare one": [("CE NIFTY", {}), ("IFTY", {})],
    "few hits without a trigram": [("ZX", {}), ("%", {})],
}

# The target is set for these; the others are shown because they are the slowest.
MIX = [*QUERIES][:-3]

_ILIKE = f"select {', '.join(Listing._fields)} from oadb.instruments where broker = %s"
_TERM = " and (symbol ilike %s or broker_symbol ilike %s or name ilike %s or token ilike %s)"
_PEERS = {"the first 50 it meets": "", "the 50 shortest": " order by length(symbol), symbol"}


def main() -> None:
    print(f"\n## Search of {market.INSTRUMENTS:,} instruments, milliseconds")
    with market.database() as (url, db), psycopg.connect(url, autocommit=True) as connection:
        taken = measure(partial(search, db))
        print_kinds(taken)
        _print_peers(connection, mixed(taken))
        conditions.table(("table and indexes", "megabytes"), _sizes(connection))


def measure(
    find: Callable[..., object],
    kinds: Iterable[str] = QUERIES,
    rounds: int = ROUNDS,
    warm_up: int = 6,  # after five executions the server may choose a generic plan
) -> dict[str, list[float]]:
    """Return the milliseconds of all searches of each kind."""
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(warm_up + rounds):
        for kind, found in taken.items():
            for text, filters in QUERIES[kind]:
                took = seconds(partial(find, market.BROKER, text, **filters))
                if number >= warm_up:
                    found.append(took * 1e3)
    return taken


def mixed(taken: dict[str, list[float]]) -> list[float]:
    return [each for kind in MIX for each in taken[kind]]


def print_kinds(taken: dict[str, list[float]]) -> None:
    """Print the mix, then each kind."""
    kinds = {"**the mix: the first eight**": mixed(taken), **taken}
    conditions.table(
        ("queries", "p50", "p95", "max"),
        ([kind, *(f"{each:.1f}" for each in figures(found))] for kind, found in kinds.items()),
    )


def figures(taken: list[float]) -> tuple[float, float, float]:
    """Return the median, the 95th percentile and the maximum."""
    return median(taken), quantiles(taken, n=20)[-1], max(taken)


def _print_peers(connection: psycopg.Connection, ours: list[float]) -> None:
    rows: list[list[str]] = []
    for name, order in _PEERS.items():
        find = partial(_ilike, connection, order)
        theirs = figures(mixed(measure(find, MIX, _PEER_ROUNDS, warm_up=1)))
        ratios = (a / b for a, b in zip(theirs[:2], figures(ours), strict=False))
        rows.append([name, *(f"{each:.0f}" for each in (*theirs, *ratios))])
    head = ("ILIKE on four columns, the mix", "p50", "p95", "max", "p50 to ours", "p95 to ours")
    conditions.table(head, rows)


def _ilike(
    connection: psycopg.Connection, order: str, broker: str, text: str, **filters: object
) -> list[tuple[Any, ...]]:
    """Search as OpenAlgo's database function: each term must match one of four columns."""
    terms = [f"%{term}%" for term in text.split() for _ in range(4)]
    equal = "".join(f" and {column} = %s" for column in filters)
    statement = _ILIKE + _TERM * len(text.split()) + equal + order + " limit 50"
    return connection.execute(statement.encode(), [broker, *terms, *filters.values()]).fetchall()


def _sizes(connection: psycopg.Connection) -> list[tuple[str, str]]:
    return connection.execute(
        "select relname, round(pg_relation_size(oid) / 1e6, 1)::text from pg_class "
        "where relname like 'instruments%' and relkind in ('r', 'i') order by 1"
    ).fetchall()
