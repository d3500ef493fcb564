"""Requests and calls to brokers at any time, and checks of the statistics of them."""

import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from oadb import Database
from oadb.logs import latency, rollups, traffic

START = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday; clocks change on March 8 in America and on March 29 in Europe."""

RELATIVE_ERROR = 1 / 21 + 1e-9
"""The largest error of an estimated percentile; docs/decisions/0018 derives it."""

QUANTILES = (0.50, 0.90, 0.95, 0.99)
ENDPOINTS = (None, "/api/v1/placeorder", "/api/v1/quotes")

_BATCH = "insert into oadb.log_batches values (%s, %s, %s, %s, %s)"
_TRAFFIC = """
insert into oadb.traffic (logged_at, ip, method, path, endpoint, status, duration_ms, host)
values (%s, '203.0.113.7', 'GET', '/', %s, %s, %s, 'example.in')
"""
_LATENCY = """
insert into oadb.latency (logged_at, broker, rtt_ms, validation_ms, response_ms, overhead_ms,
    total_ms, outcome)
values (%s, %s, %s, %s, %s, %s, %s, %s)
"""

Row = tuple[object, ...]


def at(minutes: float) -> datetime:
    """Return the time *minutes* after START."""
    return START + timedelta(minutes=minutes)


def put_traffic(url: str, rows: Sequence[Row]) -> None:
    """Write requests (logged_at, endpoint, status, duration_ms) as one batch."""
    _put(url, "traffic", _TRAFFIC, rows)


def put_latency(url: str, rows: Sequence[Row]) -> None:
    """Write calls (logged_at, broker, rtt, validation, response, overhead, total, outcome)."""
    _put(url, "latency", _LATENCY, rows)


def _put(url: str, table: str, statement: str, rows: Sequence[Row]) -> None:
    times = sorted(row[0] for row in rows if isinstance(row[0], datetime))
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(_BATCH, [uuid4(), table, len(rows), times[0], times[-1]])
        cursor.executemany(statement.encode(), rows)


def duration(chance: random.Random) -> float:
    """Return milliseconds: mostly lognormal, some equal, zero, tiny, or the longest possible."""
    kind = chance.random()
    if kind < 0.1:
        return chance.choice([0.0, 1e-9, 0.001, 25.0, 25.0, 1e9, 100.0, 150.0])
    return chance.lognormvariate(3, 1.2)


def windows(chance: random.Random, count: int) -> list[tuple[datetime, datetime]]:
    """Return windows within two days: aligned to minutes, hours, days or not, some empty."""
    found = []
    for _ in range(count):
        step = chance.choice([1e-3, 1, 10, 60, 360, 1440])
        low, high = sorted(chance.uniform(-300, 3200) // step * step for _ in range(2))
        found.append((at(low), at(high)))
    return [*found, (at(0), at(0)), (at(-1e6), at(1e6)), (at(5000), at(6000))]


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least a *share* of the values does not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def require_quantiles(
    found: traffic.EndpointTraffic | latency.PartLatency, values: Sequence[float], *, exactly: bool
) -> None:
    """Compare average and percentiles with those of the values, within RELATIVE_ERROR."""
    percentiles = (found.p50_ms, found.p90_ms, found.p95_ms, found.p99_ms)
    if not values:
        assert (percentiles, found.average_ms) == ((None,) * 4, None)
        return
    assert found.average_ms == pytest.approx(sum(values) / len(values), rel=1e-9, abs=1e-9)
    for share, estimate in zip(QUANTILES, percentiles, strict=True):
        right = quantile(values, share)
        if exactly:
            assert estimate == right
        assert estimate == pytest.approx(right, rel=RELATIVE_ERROR, abs=0.001)
    assert sum(found.counts) == len(values)


def require_traffic(db: Database, rows: Iterable[Any], since: datetime, until: datetime) -> None:
    """Compare the statistics of a window with those that Python computes from all rows."""
    inside = [row for row in rows if since <= row[0] < until]
    found = traffic.statistics(db, since=since, until=until)
    groups = {None: found.total} | {each.endpoint or "": each for each in found.endpoints}
    assert len(groups) == 1 + len(found.endpoints)
    assert groups.keys() - {None} == {row[1] or "" for row in inside}
    for endpoint, summary in groups.items():
        mine = [row for row in inside if endpoint is None or (row[1] or "") == endpoint]
        classes = Counter(row[2] // 100 for row in mine)
        assert summary.requests == len(mine)
        assert summary.errors == classes[4] + classes[5]
        assert [
            summary.status_1xx,
            summary.status_2xx,
            summary.status_3xx,
            summary.status_4xx,
            summary.status_5xx,
        ] == [classes[number] for number in range(1, 6)]
        few = len(inside) <= rollups.FEW
        require_quantiles(summary, [row[3] for row in mine], exactly=few)


def requests(chance: random.Random, count: int, first: float, last: float) -> list[Any]:
    """Return requests, with times from *first* to *last* minutes after START."""
    return [
        (
            at(chance.uniform(first, last)),
            chance.choice(ENDPOINTS),
            chance.choice([200] * 20 + [100, 302, 404, 429, 500]),
            duration(chance),
        )
        for _ in range(count)
    ]
