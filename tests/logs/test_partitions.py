"""Partitions of log tables: where rows go, how partitions are made and dropped, and who waits."""

import threading
from datetime import UTC, datetime, timedelta
from time import perf_counter

import psycopg
import pytest
from psycopg.errors import DuplicateTable, LockNotAvailable, UndefinedTable

from oadb import Database
from oadb.logs import partitions
from tests.support.log_rows import INSERTS, LONG_AGO, held, insert, partitions_of, places
from tests.support.rig import Observer, eventually, threads

SHORTLY = timedelta(milliseconds=200)
ZONES = ["UTC", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati"]


# Where rows go ----------------------------------------------------------------------------------


def test_a_migration_leaves_a_week_of_days_and_two_months_ahead(db: Database, url: str) -> None:
    today = datetime.now(UTC)

    assert partitions.list_missing(db) == []
    assert partitions_of(url, "traffic") == [
        f"traffic_{today + timedelta(days=days):%Y%m%d}" for days in range(8)
    ]
    assert len(partitions_of(url, "api_logs")) == 3
    assert partitions_of(url, "api_logs")[0] == f"api_logs_{today:%Y%m}"


@pytest.mark.parametrize("table", [*INSERTS])
def test_a_row_of_now_goes_to_the_partition_of_its_time(url: str, table: str) -> None:
    insert(url, table, "now")

    (place,) = places(url, table)
    assert place == partitions_of(url, table)[0]


@pytest.mark.parametrize("table", [*INSERTS])
def test_a_row_without_a_partition_is_kept_and_reported(db: Database, url: str, table: str) -> None:
    insert(url, table, LONG_AGO)

    assert places(url, table) == {f"{table}_default": 1}
    (strays,) = partitions.list_strays(db)
    assert (strays.table_name, strays.rows) == (table, 1)
    assert strays.starts_at is not None
    assert strays.starts_at <= LONG_AGO


def test_a_time_that_cannot_have_a_partition_is_reported_without_one(
    db: Database, url: str
) -> None:
    moments = [
        ("infinity", None),
        ("-infinity", None),
        ("0044-03-15 12:00+00 BC", None),
        ("1969-12-31 23:59:59+00", None),
        ("10000-01-01 00:00+00", None),
        ("1970-01-01 00:00+00", datetime(1970, 1, 1, tzinfo=UTC)),
        ("9998-12-31 23:59+00", datetime(9998, 12, 31, tzinfo=UTC)),
    ]
    found = []
    for moment, _ in moments:
        insert(url, "traffic", moment)
        found.append((moment, *(strays.starts_at for strays in partitions.list_strays(db))))
        Observer(url).rows("delete from oadb.traffic")

    assert found == moments


# Bounds -----------------------------------------------------------------------------------------


BOUNDS = [
    ("traffic", "2024-02-29 23:59:59.999999+00", "traffic_20240229", "02-29", "03-01"),
    # Days of 23 and 25 hours in New York, and of 23.5 on Lord Howe.
    ("traffic", "2024-03-10 12:00:00+00", "traffic_20240310", "03-10", "03-11"),
    ("traffic", "2024-11-03 12:00:00+00", "traffic_20241103", "11-03", "11-04"),
    ("traffic", "2024-10-05 20:00:00+00", "traffic_20241005", "10-05", "10-06"),
    ("api_logs", "2024-02-10 00:00:00+00", "api_logs_202402", "02-01", "03-01"),
    ("api_logs", "2024-03-31 12:00:00+00", "api_logs_202403", "03-01", "04-01"),
]


@pytest.mark.parametrize("zone", ZONES)
def test_a_partition_is_a_day_or_month_of_utc_in_any_session_time_zone(url: str, zone: str) -> None:
    tick = timedelta(microseconds=1)
    found = []
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("select set_config('timezone', %s, false)", [zone])
        connection.execute("set datestyle = 'SQL, DMY'")
        for table, moment, name, *days in BOUNDS:
            connection.execute("call oadb.make_log_partition(%s, %s, '1 s', null)", [table, moment])
            first, end = (datetime.fromisoformat(f"2024-{day}T00:00:00+00:00") for day in days)
            insert(url, table, first - tick, first, end - tick, end)
            found.append((table, moment, places(url, table)))
            connection.execute(f"drop table oadb.{name}".encode())
            connection.execute(f"delete from oadb.{table}".encode())

    assert found == [
        (table, moment, {name: 2, f"{table}_default": 2}) for table, moment, name, *_ in BOUNDS
    ]


@pytest.mark.long("hundreds of partitions")
def test_partitions_follow_each_other_without_a_gap_through_leap_days_and_new_years(
    db: Database, url: str
) -> None:
    first = datetime(2027, 12, 20, tzinfo=UTC)
    days = [first + timedelta(days=number) for number in range(80)]
    for day in days:
        partitions.make(db, "traffic", day)
    insert(url, "traffic", *days, *(day + timedelta(hours=23, minutes=59) for day in days))

    assert places(url, "traffic") == {f"traffic_{day:%Y%m%d}": 2 for day in days}


# Making -----------------------------------------------------------------------------------------


def test_a_new_partition_takes_its_rows_out_of_the_default_partition(
    db: Database, url: str
) -> None:
    insert(url, "traffic", LONG_AGO, LONG_AGO, LONG_AGO + timedelta(days=1))

    assert partitions.make(db, "traffic", LONG_AGO) == 2
    assert places(url, "traffic") == {"traffic_20200229": 2, "traffic_default": 1}


def test_an_existing_partition_is_not_made_again(db: Database) -> None:
    partitions.make(db, "traffic", LONG_AGO)

    with pytest.raises(DuplicateTable):
        partitions.make(db, "traffic", LONG_AGO)


@pytest.mark.parametrize(
    "name", ["users", "traffic_default", "x; drop table oadb.users", 'tra"ffic', ""]
)
def test_only_log_tables_have_partitions(db: Database, name: str) -> None:
    with pytest.raises(UndefinedTable):
        partitions.make(db, name, LONG_AGO)
    with pytest.raises(UndefinedTable):
        partitions.drop(db, name, "traffic_20200229")
    with pytest.raises(UndefinedTable):
        partitions.drop(db, "traffic", name)


@pytest.mark.parametrize("name", ["traffic_default", "latency_20200229", "users"])
def test_only_a_dated_partition_of_the_table_itself_is_dropped(db: Database, name: str) -> None:
    partitions.make(db, "latency", LONG_AGO)

    with pytest.raises(UndefinedTable):
        partitions.drop(db, "traffic", name)


def test_a_partition_made_ahead_does_not_wait_for_readers_or_writers(
    db: Database, url: str
) -> None:
    """They lock the partition of now; the default partition is not locked."""
    with held(url, INSERTS["traffic"].replace("%s", "now()")):
        partitions.make(db, "traffic", datetime(2040, 1, 1, tzinfo=UTC), SHORTLY)


def test_no_row_is_lost_or_refused_while_its_missing_partition_is_made(
    url: str, db: Database
) -> None:
    """Four writers insert rows of now, whose partition is missing."""
    today = datetime.now(UTC)
    partitions.drop(db, "traffic", f"traffic_{today:%Y%m%d}")
    stop, started = threading.Event(), threading.Barrier(5)

    def write(_thread: int) -> int:
        written = 0
        with psycopg.connect(url, autocommit=True) as connection:
            started.wait()
            while not stop.is_set():
                connection.execute(INSERTS["traffic"].encode(), ["now"])
                written += 1
        return written

    with threads(4) as pool:
        writers = [pool.submit(write, number) for number in range(4)]
        started.wait()
        observer = Observer(url)
        eventually(lambda: observer.ask("select count(*) from oadb.traffic_default") > 50)
        moved = partitions.make(db, "traffic", today)
        before = observer.ask("select count(*) from oadb.traffic")
        eventually(lambda: observer.ask("select count(*) from oadb.traffic") > before + 50)
        stop.set()
        written = sum(writer.result() for writer in writers)

    assert moved > 50
    assert sum(places(url, "traffic").values()) == written
    assert "traffic_default" not in places(url, "traffic")


# Waiting ----------------------------------------------------------------------------------------


@pytest.mark.long("waits for locks")
def test_a_long_reader_prevents_a_drop_which_blocks_no_other_reader(db: Database, url: str) -> None:
    insert(url, "traffic", "now")
    partitions.make(db, "traffic", LONG_AGO)
    waits: list[float] = []
    with (
        held(url, "select count(*) from oadb.traffic"),
        psycopg.connect(url, autocommit=True) as other,
        threads(1) as pool,
    ):
        dropped = pool.submit(
            partitions.drop, db, "traffic", "traffic_20200229", timedelta(seconds=1)
        )
        while not dropped.done():
            started = perf_counter()
            other.execute("select count(*) from oadb.traffic")
            waits.append(perf_counter() - started)
        with pytest.raises(LockNotAvailable):
            dropped.result()

    assert "traffic_20200229" in partitions_of(url, "traffic")
    # At most 20 ms for the lock, and the delays of a busy machine.
    assert max(waits) < 0.5
    partitions.drop(db, "traffic", "traffic_20200229")
    assert "traffic_20200229" not in partitions_of(url, "traffic")


def test_a_reader_of_a_partition_prevents_its_drop(db: Database, url: str) -> None:
    partitions.make(db, "traffic", LONG_AGO)

    with (
        held(url, "select count(*) from oadb.traffic_20200229"),
        pytest.raises(LockNotAvailable),
    ):
        partitions.drop(db, "traffic", "traffic_20200229", SHORTLY)


def test_a_partition_is_dropped_as_soon_as_its_reader_has_ended(db: Database, url: str) -> None:
    partitions.make(db, "traffic", LONG_AGO)
    observer = Observer(url)
    with threads(1) as pool:
        with held(url, "select count(*) from oadb.traffic"):
            dropped = pool.submit(partitions.drop, db, "traffic", "traffic_20200229")
            eventually(lambda: observer.backends("active"))
        dropped.result()

    assert "traffic_20200229" not in partitions_of(url, "traffic")


# Retention --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ("traffic", ["traffic_20200229", "traffic_20200301"]),
        ("api_logs", ["api_logs_202002", "api_logs_202003"]),
    ],
)
def test_a_partition_expires_when_its_end_does(db: Database, table: str, names: list[str]) -> None:
    first, second = datetime(2020, 2, 29, tzinfo=UTC), datetime(2020, 3, 1, tzinfo=UTC)
    partitions.make(db, table, first)
    partitions.make(db, table, second)
    age, hours = datetime.now(UTC) - second, timedelta(hours=12)

    assert partitions.list_expired(db, table, age + hours) == []
    assert partitions.list_expired(db, table, age - hours) == names[:1]
    assert partitions.list_expired(db, table, timedelta(days=365)) == names


def test_partitions_of_now_or_later_never_expire(db: Database) -> None:
    for table in INSERTS:
        assert partitions.list_expired(db, table, timedelta()) == []


# Planning ---------------------------------------------------------------------------------------


@pytest.mark.long("hundreds of partitions")
def test_ten_years_of_partitions_are_planned_in_bounded_time(db: Database, url: str) -> None:
    """By month, as for logs that are kept for years."""
    for number in range(120):
        month = datetime(2040 + number // 12, 1 + number % 12, 1, tzinfo=UTC)
        partitions.make(db, "analyzer_logs", month)
    with psycopg.connect(url, autocommit=True) as connection:
        question = (
            b"explain (summary on, format json) select log_id from oadb.analyzer_logs "
            b"where logged_at >= now() - interval '1 day' order by logged_at desc limit 100"
        )
        connection.execute(question)  # reads the catalog
        (plan,) = connection.execute(question).fetchone() or ()

    assert plan[0]["Planning Time"] < 500
