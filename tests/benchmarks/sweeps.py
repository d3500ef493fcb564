"""Whether a backlog of expired rows is deleted in linear time: the batches of oadb maintain.

    python tests/benchmarks/sweeps.py [ROWS ...]

Beside it, the same while a session holds a snapshot, as maintenance itself once did: then nothing
that was deleted can be forgotten, and each batch reads what all those before it deleted.
"""

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import psycopg

from oadb import Database
from oadb.logs import partitions
from oadb.tools.sweeping import BATCH
from tests.benchmarks import conditions
from tests.support import declared

SIZES = (100_000, 200_000, 400_000)
_DAYS = 80

_FILL = """
insert into oadb.sessions (
    user_id, session_id, token_digest, fingerprint, created_at, last_seen_at, idle_timeout,
    lapses_at, expires_at
)
select
    1 + n % 10000, gen_random_uuid(), sha256(n::text::bytea), '{sealed}',
    lapsed.at - '2 hours'::interval, lapsed.at - '1 hour'::interval, '1 hour', lapsed.at, lapsed.at
from generate_series(1, {rows}) as n
cross join lateral (select now() - n * '{days} days'::interval / {rows} as at) as lapsed
"""
_SEALED = f"\\x01{1:08x}{bytes(28).hex()}"
_EXPLAIN = f"explain (analyze, buffers, format json) execute sweep ({BATCH})"


@dataclass(frozen=True, slots=True)
class Batch:
    """Milliseconds of the server, and pages that it looked at."""

    milliseconds: float
    pages: int


def main(sizes: Sequence[int]) -> None:
    conditions.main("Sweeps")
    print(f"\nLapsed sessions of {_DAYS} days, deleted {BATCH:,} at a time; medians of each tenth.")
    rows = [[f"{size:,}", *_cells(_sweep(size, pins=False))] for size in sizes]
    least = min(sizes)
    rows.append([f"{least:,}, beside a snapshot", *_cells(_sweep(least, pins=True))])
    head = ("rows", "batches", "seconds", "first ms", "last ms", "first pages", "last pages")
    conditions.table(head, rows)


def _cells(batches: list[Batch]) -> list[str]:
    tenth = max(len(batches) // 10, 1)
    ends = (batches[:tenth], batches[-tenth:])
    return [
        f"{len(batches):,}",
        f"{sum(each.milliseconds for each in batches) / 1e3:.1f}",
        *(f"{median(each.milliseconds for each in end):.1f}" for end in ends),
        *(f"{median(each.pages for each in end):,.0f}" for end in ends),
    ]


def _sweep(size: int, *, pins: bool) -> list[Batch]:
    statement = declared.declaration("sessions.delete_expired").statement
    with conditions.database() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")  # no events, no root key
        fill = _FILL.format(rows=size, days=_DAYS, sealed=_SEALED)
        connection.execute(fill.encode())
        connection.execute("vacuum analyze oadb.sessions")
        connection.execute("reset session_replication_role")
        connection.execute(b"prepare sweep as " + statement.sql)
        with _claim(url), _snapshot(url, pins=pins):
            return [_batch(connection) for _ in range(-(-size // BATCH))]


@contextmanager
def _claim(url: str) -> Generator[None]:
    """Hold what oadb maintain holds during its run."""
    config = replace(conditions.config(url), idle_in_transaction_timeout_seconds=0.0)
    with Database(config) as db, db.transaction() as claim:
        partitions.claim_maintenance(claim)
        yield


@contextmanager
def _snapshot(url: str, *, pins: bool) -> Generator[None]:
    with psycopg.connect(url) as connection:
        if pins:
            connection.execute("set transaction isolation level repeatable read")
            connection.execute("select")
        yield


def _batch(connection: psycopg.Connection[Any]) -> Batch:
    ((explained,),) = connection.execute(_EXPLAIN.encode()).fetchall()
    plan = explained[0]["Plan"]
    pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return Batch(explained[0]["Execution Time"], pages)


if __name__ == "__main__":
    main([*map(int, sys.argv[1:])] or SIZES)
