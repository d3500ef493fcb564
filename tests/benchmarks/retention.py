"""The time of retention: a month of traffic is dropped while readers run, which have to wait."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from threading import Event
from time import perf_counter

import psycopg

from oadb import Database
from oadb.logs import partitions
from tests.benchmarks import conditions
from tests.benchmarks.rounds import seconds

ROWS = int(os.environ.get("OADB_BENCH_LOG_ROWS", "10000000"))
READERS = 2
_DAYS = [datetime(2025, 1, day, tzinfo=UTC) for day in range(1, 32)]

# One statement for each day keeps transactions small.
_FILL = """
insert into oadb.traffic (
    logged_at, ip, method, path, endpoint, status, duration_ms, host, user_id
)
select
    %(day)s + n * interval '1 day' / %(rows)s, '10.0.0.0'::inet + n %% 65536, 'GET',
    '/api/v1/orderstatus?n=' || n, '/api/v1/orderstatus', 200, n %% 1000, 'localhost:5000', n %% 100
from generate_series(0, %(rows)s - 1) as n
"""
_LOCK = "begin; lock table only oadb.traffic in access share mode; commit"
_READ = "select path from oadb.traffic order by logged_at desc, log_id desc limit 100"
_SIZE = """
select sum(pg_total_relation_size(inhrelid))::float8 / 1e6
from pg_inherits where inhparent = 'oadb.traffic'::regclass
"""


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds of a piece of work, and of the locks and reads of the readers meanwhile."""

    work: float
    locks: list[float]
    reads: list[float]

    def cells(self, what: str) -> list[str]:
        """Return a row of the table."""
        return [
            what,
            f"{self.work:.2f}",
            f"{len(self.reads):,}",
            *(f"{1e3 * each:.1f}" for each in (median(self.locks), max(self.locks))),
            *(f"{1e3 * each:.1f}" for each in (median(self.reads), max(self.reads))),
        ]


def main() -> None:
    print(f"\n## Retention: {ROWS:,} rows of traffic in {len(_DAYS)} days\n")
    print(
        f"{READERS} readers go on meanwhile: they lock the table as a query does, then read a page."
    )
    with conditions.database() as url, Database(conditions.config(url)) as db:
        made = during_reads(url, lambda: _make(db))
        took = seconds(lambda: _fill(url))
        before = _size(url)
        rest = during_reads(url, lambda: Event().wait(3))
        each: list[float] = []
        dropped = during_reads(url, lambda: _drop(db, each))
        freed = before - _size(url)
    print(f"{before:,.0f} MB were written in {took:.0f} s; {freed:,.0f} MB were given back.")
    print(
        f"Of the {dropped.work:.2f} s of the drops, {sum(each):.2f} were before a commit, at most "
        f"{1e3 * max(each):.0f} ms; the rest were commits, after whose locks the files go."
    )
    conditions.table(
        (
            "what",
            "seconds",
            "reads",
            "lock, median ms",
            "lock, longest ms",
            "read, median ms",
            "read, longest ms",
        ),
        [
            made.cells("31 partitions made"),
            rest.cells("nothing, for 3 s"),
            dropped.cells("31 partitions dropped"),
        ],
    )


def during_reads(url: str, work: Callable[[], object]) -> Waits:
    """Do *work* while readers run, which start before it and end after it."""
    ended = Event()
    with ThreadPoolExecutor(READERS) as pool:
        readers = [pool.submit(_read, url, ended) for _ in range(READERS)]
        try:
            took = seconds(work)
        finally:
            ended.set()
        found = [reader.result() for reader in readers]
    return Waits(
        took,
        [lock for locks, _ in found for lock in locks],
        [r for _, reads in found for r in reads],
    )


def _read(url: str, ended: Event) -> tuple[list[float], list[float]]:
    locks, reads = [], []
    with psycopg.connect(url, autocommit=True) as connection:
        while not (ended.is_set() and reads):
            for statement, spent in ((_LOCK, locks), (_READ, reads)):
                started = perf_counter()
                connection.execute(statement.encode())
                spent.append(perf_counter() - started)
    return locks, reads


def _make(db: Database) -> None:
    for day in _DAYS:
        partitions.make(db, "traffic", day)


def _drop(db: Database, each: list[float]) -> None:
    """Drop old partitions; add the seconds of each until its commit, which deletes the files."""
    for name in partitions.list_expired(db, "traffic", timedelta(days=30)):
        with db.transaction() as tx:
            each += [seconds(partial(partitions.drop, tx, "traffic", name))]


def _fill(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for day in _DAYS:
            connection.execute(_FILL.encode(), {"day": day, "rows": ROWS // len(_DAYS)})
        connection.execute("vacuum analyze oadb.traffic")
        connection.execute("checkpoint")


def _size(url: str) -> float:
    with psycopg.connect(url) as connection:
        ((size,),) = connection.execute(_SIZE).fetchall()
    return float(size)
