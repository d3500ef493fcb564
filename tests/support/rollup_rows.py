"""Logs of requests and of calls to brokers at any time, and what their statistics have to be."""

import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from oadb.logs import latency, traffic

START = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday, a few weeks before clocks change in Europe and in America a few days later."""

RELATIVE_ERROR = 1 / 21 + 1e-9
"""Of an estimated percentile, as docs/decisions/0018 has it."""

QUANTILES = (0.50, 0.90, 0.95, 0.99)

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
    """Return the time so many minutes after START."""
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
    """Return milliseconds: mostly lognormal, some equal, none, tiny, or as long as can be."""
    kind = chance.random()
    if kind < 0.1:
        return chance.choice([0.0, 1e-9, 0.001, 25.0, 25.0, 1e9, 100.0, 150.0])
    return chance.lognormvariate(3, 1.2)


def windows(chance: random.Random, count: int) -> list[tuple[datetime, datetime]]:
    """Return windows of two days: aligned to minutes, hours, days or to nothing, also empty."""
    found = []
    for _ in range(count):
        step = chance.choice([1e-3, 1, 10, 60, 360, 1440])
        low, high = sorted(chance.uniform(-300, 3200) // step * step for _ in range(2))
        found.append((at(low), at(high)))
    return [*found, (at(0), at(0)), (at(-1e6), at(1e6)), (at(5000), at(6000))]


def quantile(values: Sequence[float], share: float) -> float:
    """Return the least value that so large a share of the values does not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def require_quantiles(
    found: traffic.EndpointTraffic | latency.Part, values: Sequence[float], *, exactly: bool
) -> None:
    told = (found.p50_ms, found.p90_ms, found.p95_ms, found.p99_ms)
    if not values:
        assert (told, found.average_ms) == ((None,) * 4, None)
        return
    assert found.average_ms == pytest.approx(sum(values) / len(values), rel=1e-9, abs=1e-9)
    for share, estimate in zip(QUANTILES, told, strict=True):
        right = quantile(values, share)
        if exactly:
            assert estimate == right
        assert estimate == pytest.approx(right, rel=RELATIVE_ERROR, abs=0.001)
    assert sum(found.counts) == len(values)
