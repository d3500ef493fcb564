"""LogWriter.record, a row and a commit at a time, beside an INSERT of bare psycopg."""

import os
import threading
from collections.abc import Callable
from functools import partial

import psycopg

from oadb.engine import dsn
from oadb.logs import api_logs
from oadb.logs.writer import LogRow, LogWriter
from tests.benchmarks import conditions
from tests.benchmarks.log_writing import ANSWER, ORDER, request, walled
from tests.benchmarks.rounds import ROUNDS, Variant, measure, ratio
from tests.faults.proxy import Proxy

CALLS = int(os.environ.get("OADB_BENCH_CALLS", "200"))
THREADS = 8

CALL = api_logs.Call(
    endpoint="/api/v1/placeorder",
    method="POST",
    status=200,
    user_id=7,
    ip="::1",
    request=ORDER,
    response=ANSWER,
)

_INSERT = b"""
insert into oadb.api_logs (logged_at, user_id, endpoint, method, status, ip, request, response)
values (now(), 7, %s, 'POST', 200, '::1', %s::jsonb, %s::jsonb)
"""
_BODY = '{"symbol": "NIFTY30JAN2624000CE", "exchange": "NFO", "action": "BUY", "price": "101.5"}'


def main() -> None:
    print("\n## Recorded rows")
    with conditions.database() as url, psycopg.connect(url, autocommit=True) as connection:
        limited = walled(url, connection)
        trips = f"{_trips(url):.1f}, and {_trips(limited):.1f} where row-level security binds"
        print(f"- round trips for each: {trips}")
        with (
            LogWriter(conditions.config(url)) as logs,
            LogWriter(conditions.config(limited)) as within,
        ):
            variants = [
                Variant("an INSERT of bare psycopg, committed", partial(_insert, connection)),
                Variant("record of an order", partial(_record, logs, CALL)),
                Variant("the same, where row-level security binds", partial(_record, within, CALL)),
                Variant("record of a request", partial(_record, logs, request(1))),
                Variant(f"an order, from {THREADS} threads", partial(_crowd, logs)),
            ]
            measure(variants, min(ROUNDS, 20), CALLS)
    conditions.table(
        ("what", "a second", "times as long as the INSERT", "CPU us of the client"),
        (
            [
                each.name,
                f"{1e6 / each.microseconds:,.0f}",
                str(ratio(each.seconds, variants[0].seconds)),
                f"{each.cpu_microseconds:.0f}",
            ]
            for each in variants
        ),
    )


def _trips(url: str) -> float:
    """Return the round trips of a recorded row."""
    with Proxy(dsn.parse(url).keywords) as proxy, LogWriter(conditions.config(proxy.url)) as logs:
        logs.record(CALL, timeout_seconds=30)  # connected
        before = proxy.round_trips
        _record(logs, CALL, 10)
        return (proxy.round_trips - before) / 10


def _insert(connection: psycopg.Connection, calls: int) -> None:
    with connection.cursor() as cursor:
        for _ in range(calls):
            cursor.execute(_INSERT, ("/api/v1/placeorder", _BODY, _BODY))


def _record(logs: LogWriter, row: LogRow, calls: int) -> None:
    for _ in range(calls):
        logs.record(row, timeout_seconds=30)


def _crowd(logs: LogWriter, calls: int) -> None:
    work: Callable[[], None] = partial(_record, logs, CALL, calls // THREADS)
    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
