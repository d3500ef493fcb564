"""Log rows for tests: inserted into the tables, with any time, or given to a log writer."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg

from oadb.logs import analyzer_logs, api_logs, latency, traffic
from oadb.logs.writer import AsyncLogWriter, Limits, LogRow, LogWriter
from tests.support.rig import eventually

LONG_AGO = datetime(2020, 2, 29, 12, tzinfo=UTC)

INSERTS = {
    "api_logs": "insert into oadb.api_logs (logged_at, endpoint, method, status) "
    "values (%s, '/api/v1/ping', 'GET', 200)",
    "analyzer_logs": "insert into oadb.analyzer_logs (logged_at, api_type, request, response) "
    "values (%s, 'placeorder', '{}', '{}')",
    "traffic": "insert into oadb.traffic (logged_at, ip, method, path, status, duration_ms) "
    "values (%s, '203.0.113.7', 'GET', '/', 200, 1)",
    "latency": "insert into oadb.latency (logged_at, total_ms, outcome) "
    "values (%s, 1, 'succeeded')",
}


def insert(url: str, table: str, *moments: datetime | str) -> None:
    """Insert a row at each of *moments*, which may be texts that PostgreSQL reads as times."""
    with psycopg.connect(url, autocommit=True) as connection:
        for moment in moments:
            connection.execute(INSERTS[table].encode(), [moment])


@contextmanager
def held(url: str, statement: str) -> Generator[psycopg.Connection]:
    """Run a statement, and keep its locks until the block ends."""
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())
        yield connection
        connection.rollback()


def places(url: str, table: str) -> dict[str, int]:
    """Return how many rows each partition of a table has; empty ones are left out."""
    with psycopg.connect(url, autocommit=True) as connection:
        # On a cluster these are names of shards: that of a partition, with a number behind it.
        rows = connection.execute(
            r"select regexp_replace(place, '(_default|_\d{6,8})_\d+$', '\1'), count(*) from "
            f"(select split_part(tableoid::regclass::text, '.', 2) as place from oadb.{table}) "
            "as rows group by 1 order by 1".encode()
        ).fetchall()
    return dict(rows)


def partitions_of(url: str, table: str) -> list[str]:
    """Return the names of the partitions of a table, without the default one."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(
            "select relname from pg_class inner join pg_inherits on oid = inhrelid "
            "where inhparent = %s::regclass and relname not like '%%default' order by 1",
            [f"oadb.{table}"],
        ).fetchall()
    return [name for (name,) in rows]


# Rows for a log writer --------------------------------------------------------------------------

QUICK = Limits(flush_seconds=0.01)

ROWS: list[LogRow] = [
    api_logs.Call(
        endpoint="/api/v1/placeorder",
        method="POST",
        status=200,
        user_id=7,
        ip="203.0.113.7",
        request={"symbol": "SBIN"},
        response={},
        error=None,
    ),
    analyzer_logs.Analysis(
        api_type="placeorder", request={"quantity": 1}, response={"status": "success"}, user_id=7
    ),
    traffic.Request(
        ip="::1",
        method="GET",
        path="/x",
        status=200,
        duration_ms=1.5,
        endpoint="/x",
        host="algo.example.in",
        user_id=7,
        error="none",
    ),
    latency.Timing(
        total_ms=12.5,
        outcome="partial",
        broker="zerodha",
        order_type="MARKET",
        symbol="SBIN",
        order_id="1",
        user_id=7,
        rtt_ms=1.0,
        validation_ms=2.0,
        response_ms=3.0,
        overhead_ms=-4.0,
        error="x",
    ),
]
"""A row of each table, with every field."""


def request(number: int = 0, **values: Any) -> traffic.Request:
    # A longer number in a path may be a secret, and would not be kept.
    path = f"/{number}" if number < 1000 else f"/{number // 1000}/{number % 1000}"
    return replace(
        traffic.Request(ip="203.0.113.7", method="GET", path=path, status=200, duration_ms=1.5),
        **values,
    )


def drained(logs: LogWriter | AsyncLogWriter) -> None:
    """Wait until every row of a writer is stored."""
    eventually(lambda: not logs.stats().queued_rows)
