"""The cost of checking whether an address is banned, and the delay until other processes know."""

import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from statistics import median
from time import monotonic, sleep
from typing import Literal

import psycopg

from oadb import Database
from oadb.accounts import users
from oadb.bans import ip_bans, trackers
from oadb.bans.live_bans import LiveBans
from tests.benchmarks import conditions
from tests.benchmarks.rounds import Variant, measure, ratio, seconds

BANS = 10_000
_ROUNDS, _CALLS, _SAMPLE, _CHANGES = 30, 200, 1000, 20
_WATCHED = "203.0.113.7"

_FILL = """
insert into oadb.ip_bans (network, reason, offences, banned_at, expires_at, source)
select '11.0.0.0'::inet + n, 'x', 1, now(), now() + n * interval '1 hour', 'tracker'
from generate_series(1, %s) as n
"""


def main() -> None:
    print(f"\n## {BANS:,} bans")
    with conditions.database() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_FILL, (BANS,))
            connection.execute("vacuum analyze oadb.ip_bans")
        with Database(conditions.config(url)) as db:
            _queries(db)
            _cached(db)
        _elsewhere(url)


def _queries(db: Database) -> None:
    """Compare with the lookup of a user by primary key: one row of eight columns."""
    address = random.Random(0)

    def unknown(calls: int) -> None:
        for _ in range(calls):
            assert ip_bans.find_by_ip(db, f"12.0.{address.randrange(256)}.7") is None

    def banned(calls: int) -> None:
        for _ in range(calls):
            assert ip_bans.find_by_ip(db, f"11.0.{address.randrange(1, 30)}.7")

    def point(calls: int) -> None:
        for _ in range(calls):
            assert users.get(db, address.randrange(1, conditions.USERS))

    def hit(calls: int) -> None:
        for _ in range(calls):
            trackers.track_not_found(db, f"12.0.{address.randrange(256)}.7", "/x")

    variants = [
        Variant("a user by primary key", point),
        Variant("find_by_ip, of nobody banned", unknown),
        Variant("find_by_ip, of somebody banned", banned),
        Variant("track_not_found", hit),
    ]
    measure(variants, _ROUNDS, _CALLS)
    conditions.table(
        ("call", "ratio to the point lookup", "us"),
        (
            [each.name, str(ratio(each.seconds, variants[0].seconds)), f"{each.microseconds:.0f}"]
            for each in variants
        ),
    )


def _cached(db: Database) -> None:
    with LiveBans(db) as bans:
        addresses = [f"12.{n // 256}.{n % 256}.7" for n in range(_SAMPLE)]
        fresh = iter([[f"13.{r}.{n // 256}.{n % 256}" for n in range(_SAMPLE)] for r in range(9)])
        kinds = {
            "address seen before": lambda: addresses,
            "banned address seen before": lambda: ["11.0.0.7"] * _SAMPLE,
            "address not seen before": lambda: next(fresh),
        }
        took = {name: min(_each(bans, given()) for _ in range(9)) for name, given in kinds.items()}
        reading = median(seconds(lambda: _read_all(db, bans)) for _ in range(9))
        asking = median(seconds(lambda: db._operate(bans._renew)) for _ in range(9))
    conditions.table(
        ("LiveBans.is_banned, least of the rounds", "us"),
        ([name, f"{each:.2f}"] for name, each in took.items()),
    )
    conditions.table(
        (f"LiveBans of {len(bans):,}", "ms"),
        [["reads all", f"{reading * 1e3:.1f}"], ["finds no change", f"{asking * 1e3:.1f}"]],
    )


def _each(bans: LiveBans, addresses: list[str]) -> float:
    """Return the microseconds of one check."""

    def checks() -> None:
        for each in addresses:
            bans.is_banned(each)

    return seconds(checks) / len(addresses) * 1e6


def _read_all(db: Database, bans: LiveBans) -> None:
    bans._state = None
    db._operate(bans._renew)


def _elsewhere(url: str) -> None:
    """Ban and unban here; another process returns when it knew, by the same clock."""
    rows: list[list[str]] = []
    for name, pooler in (("by notification", "none"), ("by asking", "pgbouncer")):
        with (
            ProcessPoolExecutor(1, get_context("spawn")) as other,
            Database(conditions.config(url)) as db,
        ):
            other.submit(_follow, url, pooler).result()
            took = [_known_after(db, other, banned=n % 2 == 0) for n in range(2 * _CHANGES)]
            other.submit(_stop).result()
        rows.append([name, f"{median(took) * 1e3:.0f}", f"{max(took) * 1e3:.0f}"])
    conditions.table(
        (f"until another process knows, ms; {2 * _CHANGES} changes", "median", "most"), rows
    )


def _known_after(db: Database, other: ProcessPoolExecutor, *, banned: bool) -> float:
    sleep(random.random())  # at any point of the interval
    seen = other.submit(_wait_for, banned)
    if banned:
        ip_bans.ban(db, _WATCHED, "x", by=None)
    else:
        ip_bans.unban(db, _WATCHED)
    changed_at = monotonic()
    return seen.result() - changed_at


_followed: list[LiveBans] = []


def _follow(url: str, pooler: Literal["none", "pgbouncer"]) -> None:
    config = replace(conditions.config(url, 1), pooler=pooler)
    _followed.append(LiveBans(Database(config)).__enter__())


def _wait_for(banned: bool) -> float:
    while _followed[0].is_banned(_WATCHED) is not banned:
        sleep(0.0005)
    return monotonic()


def _stop() -> None:
    _followed[0].__exit__()
