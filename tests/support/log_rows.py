"""Rows of logs for tests, put straight into the tables, at any time."""

from datetime import UTC, datetime

import psycopg

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
    """Write a row at each of *moments*, which may be text that PostgreSQL takes for a time."""
    with psycopg.connect(url, autocommit=True) as connection:
        for moment in moments:
            connection.execute(INSERTS[table].encode(), [moment])


def places(url: str, table: str) -> dict[str, int]:
    """Return how many rows are in each partition of a table, but for empty ones."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(
            "select pg_class.relname, count(*) "
            f"from oadb.{table} inner join pg_class on pg_class.oid = {table}.tableoid "
            "group by 1 order by 1".encode()
        ).fetchall()
    return dict(rows)


def partitions_of(url: str, table: str) -> list[str]:
    """Return the names of the partitions of a table, but for the default one."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(
            "select relname from pg_class inner join pg_inherits on oid = inhrelid "
            "where inhparent = %s::regclass and relname not like '%%default' order by 1",
            [f"oadb.{table}"],
        ).fetchall()
    return [name for (name,) in rows]
