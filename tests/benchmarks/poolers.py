"""What a lookup costs directly, through PgBouncer, and through PgBouncer with prepared statements.

    python tests/benchmarks/poolers.py [ROUNDS]

PgBouncer 1.21 or newer, the path of which may be given in OADB_TEST_PGBOUNCER. Calls of each kind
are interleaved in rounds of 100; the medians of the rounds, in microseconds, and their ratio to the
prepared statement whose limits are those of the database.
"""

import statistics
import sys
from contextlib import ExitStack
from dataclasses import replace
from time import perf_counter

import psycopg

from oadb import Database
from oadb.engine import dsn
from oadb.engine.config import Config
from oadb.testing.servers import server
from tests.support import pool_probes as probes
from tests.support.pgbouncer import bouncing

CALLS = 100


def main(rounds: int) -> None:
    with ExitStack() as stack:
        url = stack.enter_context(server()).url("postgres")
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(probes.TABLES.encode())
            admin.execute("insert into probe select n, 'row' from generate_series(1, 10000) as n")
            admin.execute("vacuum analyze probe")
            for name, value in (
                ("statement_timeout", "15s"),
                ("lock_timeout", "2s"),
                ("idle_in_transaction_session_timeout", "10s"),
            ):
                admin.execute(f"alter database postgres set {name} = '{value}'".encode())
        pooled = dsn.parse(stack.enter_context(bouncing(url, max_prepared_statements=200)).url)
        prepared = Config(pooled, pool_size=1, pooler="pgbouncer-prepared")
        kinds = {
            "directly": Config(dsn.parse(url), pool_size=1),
            "pgbouncer": Config(pooled, pool_size=1, pooler="pgbouncer"),
            "pgbouncer-prepared, limits of the database": prepared,
            "pgbouncer-prepared, limits sent": replace(prepared, lock_timeout_seconds=3.0),
        }
        databases = {kind: stack.enter_context(Database(kinds[kind])) for kind in kinds}
        taken = {kind: [_round(databases[kind]) for _ in range(3)][3:] for kind in kinds}
        for _ in range(rounds):
            for kind, db in databases.items():
                taken[kind].append(_round(db))
    medians = {kind: statistics.median(times) for kind, times in taken.items()}
    base = medians["pgbouncer-prepared, limits of the database"]
    for kind, median in medians.items():
        sys.stdout.write(f"{kind:45} {median:7.1f} us {median / base:5.2f}\n")


def _round(db: Database) -> float:
    started = perf_counter()
    for number in range(CALLS):
        probes.get(db, number + 1)
    return (perf_counter() - started) / CALLS * 1e6


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
