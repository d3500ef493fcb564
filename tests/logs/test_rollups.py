"""Rollups: a refresh counts each batch once, may be killed at any time, and can wait."""

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from oadb import Database
from oadb.errors import Error
from oadb.logs import rollups, traffic
from tests.support.rig import Observer
from tests.support.rollup_rows import (
    RELATIVE_ERROR,
    at,
    put_latency,
    put_traffic,
    requests,
    require_traffic,
)


def test_counted_batches_are_not_counted_again(db: Database, url: str) -> None:
    put_traffic(url, [(at(0), None, 200, 1.0), (at(2), None, 200, 1.0)])

    assert rollups.refresh(db) == rollups.Refreshed(1, 3, is_complete=True)
    assert rollups.refresh(db) == rollups.Refreshed(0, 0, is_complete=True)
    assert rollups.list_backlog(db) == []


def test_a_batch_over_many_hours_is_counted_hour_by_hour(db: Database, url: str) -> None:
    put_traffic(url, [(at(30), None, 200, 1.0), (at(200), None, 200, 1.0)])
    waiting = rollups._list_waiting(db, "traffic")

    steps = rollups._list_steps(db, waiting)

    assert [(step.starts_at, step.ends_at) for step in steps] == [
        (at(30), at(60)),
        (at(60), at(120)),
        (at(120), at(180)),
        (at(180), at(201)),
    ]


def test_more_batches_than_are_marked_at_once_are_all_counted(
    db: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollups, "_BATCHES", 2)
    monkeypatch.setattr(
        rollups,
        "_list_waiting",
        lambda db, table, original=rollups._list_waiting: original(db, table, 2),
    )
    for minute in range(7):
        put_traffic(url, [(at(minute), None, 200, 1.0)])

    assert rollups.refresh(db).batches == 7
    assert rollups.list_backlog(db) == []
    assert traffic.statistics(db, since=at(0), until=at(7)).total.requests == 7


def test_the_backlog_counts_waiting_batches_from_the_oldest_row(db: Database, url: str) -> None:
    put_traffic(url, [(at(3), None, 200, 1.0)])
    put_traffic(url, [(at(1), None, 200, 1.0)])

    assert rollups.list_backlog(db) == [rollups.Backlog("traffic", 2, at(1))]


def test_a_second_refresh_leaves_the_work_to_the_first(db: Database, url: str) -> None:
    put_traffic(url, [(at(0), None, 200, 1.0)])
    with db.transaction() as tx:
        assert rollups._claim_refresh(tx)

        assert rollups.refresh(db.outside()) == rollups.Refreshed(0, 0, is_complete=False)
    assert rollups.refresh(db).is_complete


def test_the_next_refresh_completes_one_that_was_killed(
    db: Database, url: str, observer: Observer
) -> None:
    """Killed in its third hour: two hours are counted, none of the batches is marked."""
    rows = requests(random.Random(11), 1500, 0, 300)
    put_traffic(url, rows)
    observer.rows(
        "create function public.stop() returns trigger language plpgsql as $$ begin "
        "if new.started_at >= '2026-03-02 02:00+00' then "
        "perform pg_terminate_backend(pg_backend_pid()); end if; return new; end $$",
    )
    observer.rows(
        "create trigger stop before insert on oadb.traffic_rollups "
        "for each row execute function public.stop()",
    )
    with pytest.raises(Error):
        rollups.refresh(db)
    hours = "select count(distinct started_at) from oadb.traffic_rollups where resolution = '1 h'"
    assert observer.rows(hours) == [(2,)]
    require_traffic(db, rows, at(30.5), at(250))

    observer.rows("drop function public.stop() cascade")
    rollups.refresh(db)

    assert observer.rows(hours) == [(5,)]
    require_traffic(db, rows, at(30.5), at(250))


def test_rollups_outlive_the_rows_and_late_batches_do_not_overwrite_them(
    db: Database, url: str, observer: Observer
) -> None:
    rows = requests(random.Random(12), 3000, 0, 120)
    put_traffic(url, rows)
    rollups.refresh(db)
    before = traffic.statistics(db, since=at(0), until=at(120))
    observer.rows("delete from oadb.traffic")

    assert traffic.statistics(db, since=at(0), until=at(120)) == before
    put_traffic(url, [(at(1), None, 200, 1.0), (at(119), None, 200, 1.0)])
    rollups.refresh(db)

    assert traffic.statistics(db, since=at(0), until=at(120)) == before


def test_percentiles_of_deleted_rows_come_from_bins(
    db: Database, url: str, observer: Observer
) -> None:
    put_traffic(url, [(at(0), None, 200, 10.0), (at(0.5), None, 200, 30.0)])
    rollups.refresh(db)
    observer.rows("delete from oadb.traffic where duration_ms = 10")

    found = traffic.statistics(db, since=at(0), until=at(1)).total

    assert found.p50_ms == pytest.approx(10, rel=RELATIVE_ERROR)
    assert found.p50_ms != 10


def since(moment: datetime) -> timedelta:
    """Return how long ago a moment was, up to some seconds."""
    return datetime.now(UTC) - moment


@pytest.mark.parametrize("table", ["traffic_rollups", "latency_rollups"])
def test_buckets_are_deleted_once_they_have_ended(
    db: Database, url: str, observer: Observer, table: str
) -> None:
    if table == "traffic_rollups":
        put_traffic(url, [(at(minute), None, 200, 1.0) for minute in (0, 1500)])
    else:
        call = (None, None, None, None, None, 2.0, "succeeded")
        put_latency(url, [(at(minute), *call) for minute in (0, 1500)])
    rollups.refresh(db)

    assert rollups.delete_old(db, older_than=since(at(1440))) == 5
    assert rollups.delete_old(db, older_than=since(at(1501))) == 1
    left = observer.rows(f"select resolution from oadb.{table} order by resolution")
    assert [resolution for (resolution,) in left] == [
        timedelta(minutes=10),
        timedelta(hours=1),
        timedelta(hours=6),
        timedelta(days=1),
        timedelta(weeks=1),
    ]


def test_buckets_of_both_tables_are_deleted_and_counted(
    db: Database, url: str, observer: Observer
) -> None:
    put_traffic(url, [(at(0), None, 200, 1.0)])
    put_latency(url, [(at(0), None, 1.0, None, None, None, 2.0, "succeeded")])
    rollups.refresh(db)
    count = (
        "select count(*) from oadb.traffic_rollups union all "
        "select count(*) from oadb.latency_rollups"
    )
    buckets = [number for (number,) in observer.rows(count)]

    assert all(buckets)
    assert rollups.delete_old(db, older_than=since(at(30 * 1440))) == sum(buckets)
    assert observer.rows(count) == [(0,), (0,)]


@pytest.mark.long("hundreds of concurrent writes")
def test_concurrent_writers_and_refreshes_count_every_row_once(
    db: Database, url: str, observer: Observer
) -> None:
    """Four writers to the same hours, two refreshes, and a reader that never counts too many."""
    written = Counter[str]()
    done = threading.Event()

    def write(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(25):
            written["begun"] += 20
            put_traffic(url, requests(chance, 20, 0, 180))
            written["stored"] += 20

    def refresh() -> None:
        while not done.is_set():
            rollups.refresh(db)

    def read() -> None:
        while not done.is_set():
            least = written["stored"]
            found = traffic.statistics(db, since=at(0), until=at(180)).total
            assert least <= found.requests <= written["begun"]
            assert sum(found.counts) == found.requests

    with ThreadPoolExecutor(7) as threads:
        others = [threads.submit(work) for work in (refresh, refresh, read)]
        try:
            for writer in [threads.submit(write, seed) for seed in range(4)]:
                writer.result()
        finally:
            done.set()
        for other in others:
            other.result()
    rollups.refresh(db)
    rows = observer.rows("select logged_at, endpoint, status, duration_ms from oadb.traffic")
    assert len(rows) == 2000
    require_traffic(db, rows, at(0), at(180))
    require_traffic(db, rows, at(13.37), at(178.2))
