"""The cost of a setting, of finding the strategy of an alert, and of a list. Run by hand:

    pip install -e '.[bench]'
    python tests/benchmarks/strategies.py [settings] [alerts] [lists]

Without names, everything runs. DATABASE_URL names a server whose user may create databases; without
it an embedded server is started. OADB_BENCH_ROUNDS, default 100, sets the number of rounds.
"""

import secrets
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import psycopg

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from oadb import Database, Page
from oadb.accounts import api_keys, users
from oadb.keys import proof
from oadb.security.keyring import Key, KeyRing
from oadb.trading import strategies
from oadb.trading.strategies import NewStrategy, Strategy, SymbolMapping
from tests.benchmarks import conditions, settings
from tests.benchmarks.rounds import CALLS, ROUNDS, Variant, measure, ratio, seconds

STRATEGIES = 10_000
LISTED = 1_000
MAPPINGS = 5
_LISTS = 20
_USER, _LISTING = 1, 2

_COPY = """
insert into oadb.strategies (
    user_id, strategy_id, name, platform, trading_mode, definition, is_intraday, time_zone,
    webhook_hint, token_digest, fingerprint
)
select
    %s, gen_random_uuid(), 'copy' || n, platform, trading_mode, definition, is_intraday, time_zone,
    webhook_hint, sha256((%s || n::text)::bytea), fingerprint
from oadb.strategies, generate_series(1, %s) as n
where strategy_id = %s
"""
_MAP = """
insert into oadb.strategy_mappings (
    user_id, strategy_id, symbol, exchange, quantity, product_type
)
select user_id, strategy_id, 'SYMBOL' || n, 'NSE', n, 'MIS'
from oadb.strategies, generate_series(1, %s) as n
"""


def alerts() -> None:
    with _database() as (db, issued):
        key = api_keys.create(db, _USER, "bench", order_mode="auto").token
        assert strategies.verify_webhook(db, issued.webhook)
        plain = Variant("users.get", _often(lambda: users.get(db, _USER)))
        variants = [
            plain,
            Variant("api_keys.verify", _often(lambda: api_keys.verify(db, key))),
            Variant(
                "strategies.get",
                _often(lambda: strategies.get(db, _USER, issued.strategy.strategy_id)),
            ),
            Variant(
                "strategies.verify_webhook",
                _often(lambda: strategies.verify_webhook(db, issued.webhook)),
            ),
        ]
        measure(variants)
    print(f"\n## One of {STRATEGIES:,} strategies with {MAPPINGS} mappings, by its webhook\n")
    print(f"{ROUNDS} rounds of {CALLS} calls each, in shuffled order.")
    conditions.table(
        ["call", "time, ratio to users.get", "us", "client CPU us"],
        (
            [
                each.name,
                str(ratio(each.seconds, plain.seconds)),
                f"{each.microseconds:.0f}",
                f"{each.cpu_microseconds:.0f}",
            ]
            for each in variants
        ),
    )


def lists() -> None:
    with _database() as (db, _):

        def listing() -> Page[Strategy[SymbolMapping]]:
            return strategies.list_by_user(db, _LISTING, limit=LISTED)

        listed = listing()
        assert (len(listed), {len(each.mappings) for each in listed}) == (LISTED, {MAPPINGS})
        ids = [each.strategy_id for each in listed]
        one = [seconds(listing) for _ in range(_LISTS)]
        each = seconds(lambda: [strategies.get(db, _LISTING, strategy_id) for strategy_id in ids])
    print(f"\n## {LISTED:,} strategies of a user with {MAPPINGS} mappings each, milliseconds")
    conditions.table(
        ["call", "ms"],
        [
            [f"list_by_user, one statement, median of {_LISTS}", f"{median(one) * 1e3:.1f}"],
            [f"get, {LISTED:,} statements", f"{each * 1e3:.1f}"],
        ],
    )


def _often(call: Callable[[], object]) -> Callable[[int], None]:
    def run(times: int) -> None:
        for _ in range(times):
            call()

    return run


@contextmanager
def _database() -> Generator[tuple[Database, NewStrategy[SymbolMapping]]]:
    """Give a database with many strategies, and one of them with its webhook."""
    ring = KeyRing([Key(1, "primary", datetime.now(UTC), secrets.token_bytes(32))])
    with (
        conditions.database() as url,
        Database(replace(conditions.config(url), keyring=ring)) as db,
    ):
        proof.prove(db)
        issued = strategies.create(db, _USER, "bench", definition={"legs": [{"side": "BUY"}]})
        with psycopg.connect(url, autocommit=True) as connection:
            for statement, values in _fillings(issued):
                connection.execute(statement, values)
            connection.execute("vacuum analyze")
        yield db, issued


def _fillings(issued: NewStrategy[SymbolMapping]) -> Iterator[tuple[bytes, list[object]]]:
    strategy_id = issued.strategy.strategy_id
    yield _COPY.encode(), [_USER, "a", STRATEGIES - LISTED - 1, strategy_id]
    yield _COPY.encode(), [_LISTING, "b", LISTED, strategy_id]
    yield _MAP.encode(), [MAPPINGS]


PARTS: dict[str, Callable[[], None]] = {
    "settings": settings.main,
    "alerts": alerts,
    "lists": lists,
}

if __name__ == "__main__":
    conditions.pin()
    conditions.run("Settings and strategies", PARTS, sys.argv[1:])
