"""Statistics are those of all rows, whatever was rolled up when; rollups may be killed and wait."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oadb import Database
from oadb.errors import Error, ParameterError
from oadb.logs import latency, rollups, traffic
from tests.support.rollup_rows import (
    RELATIVE_ERROR,
    at,
    duration,
    put_traffic,
    require_quantiles,
    windows,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ENDPOINTS = (None, "/api/v1/placeorder", "/api/v1/quotes")


def execute(url: str, statement: str, *params: object) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), params)
        return cursor.fetchall() if cursor.description else []


# What statistics have to be ---------------------------------------------------------------------


def require_traffic(db: Database, rows: Iterable[Any], since: datetime, until: datetime) -> None:
    """Compare what SQL says of a window with what Python says of all rows."""
    inside = [row for row in rows if since <= row[0] < until]
    found = traffic.statistics(db, since, until)
    groups = {None: found.total} | {each.endpoint or "": each for each in found.endpoints}
    assert len(groups) == 1 + len(found.endpoints)
    assert groups.keys() - {None} == {row[1] or "" for row in inside}
    for endpoint, summary in groups.items():
        mine = [row for row in inside if endpoint is None or (row[1] or "") == endpoint]
        classes = Counter(row[2] // 100 for row in mine)
        assert summary.requests == len(mine)
        assert summary.errors == classes[4] + classes[5]
        assert [
            summary.status_1xx, summary.status_2xx, summary.status_3xx, summary.status_4xx,
            summary.status_5xx,
        ] == [classes[number] for number in range(1, 6)]  # fmt: skip
        few = len(inside) <= rollups.FEW
        require_quantiles(summary, [row[3] for row in mine], exactly=few)


def requests(chance: random.Random, count: int, first: float, last: float) -> list[Any]:
    return [
        (
            at(chance.uniform(first, last)),
            chance.choice(ENDPOINTS),
            chance.choice([200] * 20 + [100, 302, 404, 429, 500]),
            duration(chance),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_statistics_of_any_window_are_those_of_its_rows(
    db: Database, oadb_database_url: str, seed: int
) -> None:
    chance = random.Random(seed)
    rows: list[Any] = []
    for number in range(6):
        late = number in {2, 5}  # a batch that waited for long
        batch = requests(chance, 900, *((0, 2880) if late else (number * 480, number * 480 + 480)))
        put_traffic(oadb_database_url, batch)
        rows += batch
        if number in {1, 4} or seed == 1:
            assert rollups.refresh(db).is_complete
    for since, until in windows(chance, 40):
        require_traffic(db, rows, since, until)
    rollups.refresh(db)
    for since, until in windows(chance, 40):
        require_traffic(db, rows, since, until)


def test_after_a_refresh_each_bucket_is_the_sum_of_its_rows(
    db: Database, oadb_database_url: str
) -> None:
    rows = requests(random.Random(5), 3000, 0, 3 * 1440)
    put_traffic(oadb_database_url, rows)
    rollups.refresh(db)
    for resolution in rollups._list_resolutions(db):
        found = execute(
            oadb_database_url,
            "select started_at, endpoint, requests, duration_ms "
            "from oadb.traffic_rollups where resolution = %s",
            resolution,
        )
        expected = Counter(
            (EPOCH + (row[0] - EPOCH) // resolution * resolution, row[1] or "") for row in rows
        )
        assert {(row[0], row[1]): row[2] for row in found} == expected
        assert sum(row[3] for row in found) == pytest.approx(sum(row[3] for row in rows))


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York"])
def test_days_are_24_hours_whatever_the_session_takes_for_its_time_zone(
    db: Database, oadb_database_url: str, zone: str
) -> None:
    """On March 8 and 29 of 2026 days of 23 hours fall into the window."""
    database = execute(oadb_database_url, "select current_database()")[0][0]
    execute(oadb_database_url, f"alter database \"{database}\" set timezone to '{zone}'")
    chance = random.Random(zone)
    rows = requests(chance, 2000, 0, 30 * 1440)
    put_traffic(oadb_database_url, rows)
    rollups.refresh(db)

    assert execute(oadb_database_url, "show timezone") == [(zone,)]
    for day in (5, 6, 7, 26, 27, 28):
        require_traffic(db, rows, at(day * 1440), at((day + 1) * 1440))
        require_traffic(db, rows, at(day * 1440 - 330), at((day + 2) * 1440 + 270))


@pytest.mark.parametrize("values", [[7.0], [25.0] * 1500, [0.0] * 1500, [1e9] * 1500, [0.0, 1e9]])
def test_one_row_equal_durations_none_and_the_longest(
    db: Database, oadb_database_url: str, values: list[float]
) -> None:
    rows = [(at(0.5), None, 200, value) for value in values]
    put_traffic(oadb_database_url, rows)
    require_traffic(db, rows, at(0), at(1))
    rollups.refresh(db)
    require_traffic(db, rows, at(0), at(1))
    require_traffic(db, rows, at(-1440), at(1440))


def test_nothing_logged_is_nothing_counted(db: Database) -> None:
    found = traffic.statistics(db, at(0), at(60))

    assert found.endpoints == ()
    assert (found.total.requests, found.total.errors) == (0, 0)
    assert (found.total.average_ms, found.total.p99_ms, found.total.bins) == (None, None, [])


def test_a_window_that_ends_before_it_begins_is_refused(db: Database) -> None:
    with pytest.raises(ParameterError, match=r"traffic\.statistics: since is after until"):
        traffic.statistics(db, at(1), at(0))
    with pytest.raises(ParameterError, match=r"latency\.statistics: since is after until"):
        latency.statistics(db, at(1), at(0))


async def test_statistics_are_the_same_without_waiting(
    adb: Any, db: Database, oadb_database_url: str
) -> None:
    put_traffic(oadb_database_url, requests(random.Random(8), 500, 0, 100))

    assert await traffic.statistics(adb, at(0), at(50)) == traffic.statistics(db, at(0), at(50))
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
def test_a_bin_stands_for_what_is_in_it_within_its_error(
    bin_of: Callable[[float], tuple[int, float]], value: float
) -> None:
    number, middle = bin_of(value)
    low, high = rollups.bin_edges(number)

    assert middle == pytest.approx(value, rel=RELATIVE_ERROR, abs=0.001)
    assert low * (1 - 1e-9 * (low > 0)) - 1e-12 <= value or low < 0
    assert low - abs(low) * 1e-9 <= value <= high + abs(high) * 1e-9


@given(pair=st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)))
def test_a_longer_duration_is_in_no_lower_bin(
    bin_of: Callable[[float], tuple[int, float]], pair: tuple[float, float]
) -> None:
    low, high = sorted(pair)

    assert bin_of(low)[0] <= bin_of(high)[0]


# Refreshing -------------------------------------------------------------------------------------


def test_what_was_counted_is_not_counted_again(db: Database, oadb_database_url: str) -> None:
    put_traffic(oadb_database_url, [(at(0), None, 200, 1.0), (at(2), None, 200, 1.0)])

    assert rollups.refresh(db) == rollups.Refreshed(1, 3, is_complete=True)
    assert rollups.refresh(db) == rollups.Refreshed(0, 0, is_complete=True)
    assert rollups.list_backlog(db) == []


def test_a_batch_over_many_hours_is_counted_hour_by_hour(
    db: Database, oadb_database_url: str
) -> None:
    put_traffic(oadb_database_url, [(at(30), None, 200, 1.0), (at(200), None, 200, 1.0)])
    waiting = rollups._list_waiting(db, "traffic")

    steps = rollups._list_steps(db, waiting)

    assert [(step.starts_at, step.ends_at) for step in steps] == [
        (at(30), at(60)), (at(60), at(120)), (at(120), at(180)), (at(180), at(201)),
    ]  # fmt: skip


def test_more_batches_than_are_marked_at_once_are_all_counted(
    db: Database, oadb_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollups, "_BATCHES", 2)
    monkeypatch.setattr(
        rollups,
        "_list_waiting",
        lambda db, table, original=rollups._list_waiting: original(db, table, 2),
    )
    for minute in range(7):
        put_traffic(oadb_database_url, [(at(minute), None, 200, 1.0)])

    assert rollups.refresh(db).batches == 7
    assert rollups.list_backlog(db) == []
    assert traffic.statistics(db, at(0), at(7)).total.requests == 7


def test_the_backlog_says_what_waits_and_since_when(db: Database, oadb_database_url: str) -> None:
    put_traffic(oadb_database_url, [(at(3), None, 200, 1.0)])
    put_traffic(oadb_database_url, [(at(1), None, 200, 1.0)])

    assert rollups.list_backlog(db) == [rollups.Backlog("traffic", 2, at(1))]


def test_a_second_refresh_leaves_the_work_to_the_first(
    db: Database, oadb_database_url: str
) -> None:
    put_traffic(oadb_database_url, [(at(0), None, 200, 1.0)])
    with db.transaction() as tx:
        assert rollups._claim_refresh(tx)

        assert rollups.refresh(db) == rollups.Refreshed(0, 0, is_complete=False)
    assert rollups.refresh(db).is_complete


def test_a_refresh_that_was_killed_is_taken_up_by_the_next(
    db: Database, oadb_database_url: str
) -> None:
    """Killed in its third hour: two hours are counted, none of the batches is marked."""
    rows = requests(random.Random(11), 1500, 0, 300)
    put_traffic(oadb_database_url, rows)
    execute(
        oadb_database_url,
        "create function public.stop() returns trigger language plpgsql as $$ begin "
        "if new.started_at >= '2026-03-02 02:00+00' then "
        "perform pg_terminate_backend(pg_backend_pid()); end if; return new; end $$",
    )
    execute(
        oadb_database_url,
        "create trigger stop before insert on oadb.traffic_rollups "
        "for each row execute function public.stop()",
    )
    with pytest.raises(Error):
        rollups.refresh(db)
    hours = "select count(distinct started_at) from oadb.traffic_rollups where resolution = '1 h'"
    assert execute(oadb_database_url, hours) == [(2,)]
    require_traffic(db, rows, at(30.5), at(250))

    execute(oadb_database_url, "drop function public.stop() cascade")
    rollups.refresh(db)

    assert execute(oadb_database_url, hours) == [(5,)]
    require_traffic(db, rows, at(30.5), at(250))


def test_rollups_outlive_the_rows_and_late_batches_do_not_wipe_them(
    db: Database, oadb_database_url: str
) -> None:
    rows = requests(random.Random(12), 3000, 0, 120)
    put_traffic(oadb_database_url, rows)
    rollups.refresh(db)
    before = traffic.statistics(db, at(0), at(120))
    execute(oadb_database_url, "delete from oadb.traffic")

    assert traffic.statistics(db, at(0), at(120)) == before
    put_traffic(oadb_database_url, [(at(1), None, 200, 1.0), (at(119), None, 200, 1.0)])
    rollups.refresh(db)

    assert traffic.statistics(db, at(0), at(120)) == before


def test_percentiles_of_few_rows_that_are_gone_come_from_bins(
    db: Database, oadb_database_url: str
) -> None:
    put_traffic(oadb_database_url, [(at(0), None, 200, 10.0), (at(0.5), None, 200, 30.0)])
    rollups.refresh(db)
    execute(oadb_database_url, "delete from oadb.traffic where duration_ms = 10")

    found = traffic.statistics(db, at(0), at(1)).total

    assert found.p50_ms == pytest.approx(10, rel=RELATIVE_ERROR)
    assert found.p50_ms != 10


def test_buckets_are_deleted_once_they_have_ended(db: Database, oadb_database_url: str) -> None:
    put_traffic(oadb_database_url, [(at(0), None, 200, 1.0), (at(1500), None, 200, 1.0)])
    rollups.refresh(db)

    assert rollups.delete_before(db, at(1440)) == 5
    assert rollups.delete_before(db, at(1501)) == 1
    left = execute(
        oadb_database_url, "select resolution from oadb.traffic_rollups order by resolution"
    )
    assert [resolution for (resolution,) in left] == [
        timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(days=1),
        timedelta(weeks=1),
    ]  # fmt: skip


def test_writers_and_refreshes_at_once_count_every_row_once(
    db: Database, oadb_database_url: str
) -> None:
    """Four writers into the same hours, two refreshers, and a reader that is never ahead."""
    written = Counter[str]()
    done = threading.Event()

    def write(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(25):
            written["begun"] += 20
            put_traffic(oadb_database_url, requests(chance, 20, 0, 180))
            written["stored"] += 20

    def refresh() -> None:
        while not done.is_set():
            rollups.refresh(db)

    def read() -> None:
        while not done.is_set():
            least = written["stored"]
            found = traffic.statistics(db, at(0), at(180)).total
            assert least <= found.requests <= written["begun"]
            assert sum(found.counts) == found.requests

    with ThreadPoolExecutor(7) as threads:
        lookers = [threads.submit(work) for work in (refresh, refresh, read)]
        try:
            for writer in [threads.submit(write, seed) for seed in range(4)]:
                writer.result()
        finally:
            done.set()
        for looker in lookers:
            looker.result()
    rollups.refresh(db)
    rows = execute(
        oadb_database_url, "select logged_at, endpoint, status, duration_ms from oadb.traffic"
    )
    assert len(rows) == 2000
    require_traffic(db, rows, at(0), at(180))
    require_traffic(db, rows, at(13.37), at(178.2))
