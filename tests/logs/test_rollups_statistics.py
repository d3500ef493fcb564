"""Statistics equal those of the rows, whether rolled up or not."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oadb import AsyncDatabase, Database
from oadb.errors import ParameterError
from oadb.logs import latency, rollups, traffic
from tests.support.rig import Observer
from tests.support.rollup_rows import (
    RELATIVE_ERROR,
    at,
    put_latency,
    put_traffic,
    requests,
    require_traffic,
    windows,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def test_statistics_of_each_endpoint_are_those_of_its_requests(
    db: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows begin and end with a request; some have few requests, some more."""
    monkeypatch.setattr(rollups, "FEW", 8)
    endpoints, statuses = (None, "/a", "/b"), (200, 100, 302, 404, 500, 201)
    rows = [
        (at(number / 2), endpoints[number % 3], statuses[number % 6], 1.5 ** (number % 11))
        for number in range(24)
    ]
    put_traffic(url, rows[:12])
    rollups.refresh(db)
    put_traffic(url, rows[12:])
    for since, until in ((2, 5.5), (0, 12), (4.5, 8), (-1, 9.5)):
        require_traffic(db, rows, at(since), at(until))


@pytest.mark.long("random windows")
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_statistics_of_any_window_are_those_of_its_rows(db: Database, url: str, seed: int) -> None:
    chance = random.Random(seed)
    rows: list[Any] = []
    for number in range(6):
        late = number in {2, 5}  # a batch that waited long
        batch = requests(chance, 900, *((0, 2880) if late else (number * 480, number * 480 + 480)))
        put_traffic(url, batch)
        rows += batch
        if number in {1, 4} or seed == 1:
            assert rollups.refresh(db).is_complete
    for since, until in windows(chance, 40):
        require_traffic(db, rows, since, until)
    rollups.refresh(db)
    for since, until in windows(chance, 40):
        require_traffic(db, rows, since, until)


def test_after_a_refresh_each_bucket_is_the_sum_of_its_rows(
    db: Database, url: str, observer: Observer
) -> None:
    rows = requests(random.Random(5), 3000, 0, 3 * 1440)
    put_traffic(url, rows)
    rollups.refresh(db)
    for resolution in rollups._list_resolutions(db):
        found = observer.rows(
            "select started_at, endpoint, requests, duration_ms "
            "from oadb.traffic_rollups where resolution = %s",
            resolution,
        )
        expected = Counter(
            (EPOCH + (row[0] - EPOCH) // resolution * resolution, row[1] or "") for row in rows
        )
        assert {(row[0], row[1]): row[2] for row in found} == expected
        assert sum(row[3] for row in found) == pytest.approx(sum(row[3] for row in rows))


def test_after_refreshes_each_bucket_of_calls_is_the_sum_of_those_in_it(
    db: Database, url: str, observer: Observer
) -> None:
    rows = [
        (at(number * 37), ("angel", "zerodha")[number % 2], *[None] * 4, float(number), "failed")
        for number in range(120)
    ]
    for batch in (rows[60:], rows[:60]):  # a batch may be late
        put_latency(url, batch)
        rollups.refresh(db)
    for resolution in rollups._list_resolutions(db):
        found = observer.rows(
            "select started_at, broker, calls, duration_ms from oadb.latency_rollups "
            "where resolution = %s and part = 'total'",
            resolution,
        )
        calls, times = Counter[object](), Counter[object]()
        for row in rows:
            place = (EPOCH + (row[0] - EPOCH) // resolution * resolution, row[1])
            calls[place] += 1
            times[place] += row[6]
        assert {(row[0], row[1]): row[2] for row in found} == calls
        assert {(row[0], row[1]): row[3] for row in found} == times


@pytest.mark.long("random windows in each time zone")
@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York"])
def test_days_are_24_hours_in_any_session_time_zone(
    db: Database, url: str, observer: Observer, zone: str
) -> None:
    """The windows contain March 8 and 29 of 2026, days of 23 hours in America and Europe."""
    database = observer.rows("select current_database()")[0][0]
    observer.rows(f"alter database \"{database}\" set timezone to '{zone}'")
    chance = random.Random(zone)
    rows = requests(chance, 2000, 0, 30 * 1440)
    put_traffic(url, rows)
    rollups.refresh(db)

    with psycopg.connect(url) as session:
        assert session.execute("show timezone").fetchone() == (zone,)
    for day in (5, 6, 7, 26, 27, 28):
        require_traffic(db, rows, at(day * 1440), at((day + 1) * 1440))
        require_traffic(db, rows, at(day * 1440 - 330), at((day + 2) * 1440 + 270))


@pytest.mark.parametrize("values", [[7.0], [25.0] * 1500, [0.0] * 1500, [1e9] * 1500, [0.0, 1e9]])
def test_statistics_hold_for_one_row_and_for_equal_or_extreme_durations(
    db: Database, url: str, values: list[float]
) -> None:
    rows = [(at(0.5), None, 200, value) for value in values]
    put_traffic(url, rows)
    require_traffic(db, rows, at(0), at(1))
    rollups.refresh(db)
    require_traffic(db, rows, at(0), at(1))
    require_traffic(db, rows, at(-1440), at(1440))


def test_an_empty_table_has_empty_statistics(db: Database) -> None:
    found = traffic.statistics(db, since=at(0), until=at(60))

    assert found.endpoints == ()
    assert (found.total.requests, found.total.errors) == (0, 0)
    assert (found.total.average_ms, found.total.p99_ms, found.total.bins) == (None, None, [])


def test_a_window_that_ends_before_it_begins_is_refused(db: Database) -> None:
    with pytest.raises(ParameterError, match=r"traffic\.statistics: since is after until"):
        traffic.statistics(db, since=at(1), until=at(0))
    with pytest.raises(ParameterError, match=r"latency\.statistics: since is after until"):
        latency.statistics(db, since=at(1), until=at(0))


async def test_statistics_are_the_same_from_asyncio(
    adb: AsyncDatabase, db: Database, url: str
) -> None:
    put_traffic(url, requests(random.Random(8), 500, 0, 100))

    assert await traffic.statistics(adb, since=at(0), until=at(50)) == traffic.statistics(
        db, since=at(0), until=at(50)
    )
    assert (await rollups.refresh(adb)).batches == 1


# Bins -------------------------------------------------------------------------------------------

BIN = "select oadb.duration_bin(%s), oadb.bin_duration(oadb.duration_bin(%s))"


@pytest.fixture(scope="module")
def bin_of(shared_url: str) -> Any:
    with psycopg.connect(shared_url, autocommit=True) as connection:

        def ask(value: float) -> tuple[int, float]:
            row = connection.execute(BIN, [value, value]).fetchone()
            assert row is not None
            return row[0], row[1]

        yield ask


@given(value=st.floats(min_value=-1e9, max_value=1e9))
def test_the_middle_of_a_bin_is_within_the_error_of_its_values(
    bin_of: Callable[[float], tuple[int, float]], value: float
) -> None:
    number, middle = bin_of(value)
    low, high = rollups.bin_edges(number)

    assert middle == pytest.approx(value, rel=RELATIVE_ERROR, abs=0.001)
    assert low * (1 - 1e-9 * (low > 0)) - 1e-12 <= value or low < 0
    assert low - abs(low) * 1e-9 <= value <= high + abs(high) * 1e-9


@given(pair=st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)))
def test_a_longer_duration_is_never_in_a_lower_bin(
    bin_of: Callable[[float], tuple[int, float]], pair: tuple[float, float]
) -> None:
    low, high = sorted(pair)

    assert bin_of(low)[0] <= bin_of(high)[0]
