"""Partitions of logs: where a row goes, how partitions come and go, and who waits for it."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from time import perf_counter

import psycopg
import pytest
from psycopg.errors import DuplicateTable, LockNotAvailable, UndefinedTable

from oadb import Database
from oadb.logs import partitions
from tests.support.log_rows import INSERTS, LONG_AGO, insert, partitions_of, places
from tests.support.rig import Observer, eventually, threads

SHORTLY = timedelta(milliseconds=200)
ZONES = ["UTC", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati"]


@pytest.fixture
def url(oadb_database_url: str) -> str:
    return oadb_database_url


@contextmanager
def open_transaction(url: str, statement: str) -> Generator[psycopg.Connection]:
    """Run a statement and keep its locks until the block ends."""
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())
        yield connection
        connection.rollback()


# What is there --------------------------------------------------------------------------------


def test_a_migration_leaves_a_week_of_days_and_two_months_ahead(db: Database, url: str) -> None:
    today = datetime.now(UTC)

    assert partitions.list_missing(db) == []
    assert partitions_of(url, "traffic") == [
        f"traffic_{today + timedelta(days=days):%Y%m%d}" for days in range(8)
    ]
    assert len(partitions_of(url, "api_logs")) == 3
    assert partitions_of(url, "api_logs")[0] == f"api_logs_{today:%Y%m}"


@pytest.mark.parametrize("table", [*INSERTS])
def test_a_row_of_now_is_in_a_partition_of_its_own_time(url: str, table: str) -> None:
    insert(url, table, "now")

    (place,) = places(url, table)
    assert place == partitions_of(url, table)[0]


@pytest.mark.parametrize("table", [*INSERTS])
def test_a_row_of_a_time_without_a_partition_is_kept_and_reported(
    db: Database, url: str, table: str
) -> None:
    insert(url, table, LONG_AGO)

    assert places(url, table) == {f"{table}_default": 1}
    (strays,) = partitions.list_strays(db)
    assert (strays.table_name, strays.rows) == (table, 1)
    assert strays.starts_at is not None
    assert strays.starts_at <= LONG_AGO


@pytest.mark.parametrize(
    ("moment", "starts"),
    [
        ("infinity", None),
        ("-infinity", None),
        ("0044-03-15 12:00+00 BC", None),
        ("1969-12-31 23:59:59+00", None),
        ("10000-01-01 00:00+00", None),
        ("1970-01-01 00:00+00", datetime(1970, 1, 1, tzinfo=UTC)),
        ("9998-12-31 23:59+00", datetime(9998, 12, 31, tzinfo=UTC)),
    ],
)
def test_a_time_that_can_have_no_partition_is_reported_as_that(
    db: Database, url: str, moment: str, starts: datetime | None
) -> None:
    insert(url, "traffic", moment)

    assert [strays.starts_at for strays in partitions.list_strays(db)] == [starts]


# Bounds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("table", "moment", "name", "starts", "ends"),
    [
        ("traffic", "2024-02-29 23:59:59.999999+00", "traffic_20240229", "02-29", "03-01"),
        # Days that are 23 and 25 hours long in New York, and 23.5 on Lord Howe.
        ("traffic", "2024-03-10 12:00:00+00", "traffic_20240310", "03-10", "03-11"),
        ("traffic", "2024-11-03 12:00:00+00", "traffic_20241103", "11-03", "11-04"),
        ("traffic", "2024-10-05 20:00:00+00", "traffic_20241005", "10-05", "10-06"),
        ("api_logs", "2024-02-10 00:00:00+00", "api_logs_202402", "02-01", "03-01"),
        ("api_logs", "2024-03-31 12:00:00+00", "api_logs_202403", "03-01", "04-01"),
    ],
)
def test_a_partition_is_a_day_or_a_month_of_utc_whatever_the_zone_of_the_session(
    url: str, zone: str, table: str, moment: str, name: str, starts: str, ends: str
) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("select set_config('timezone', %s, false)", [zone])
        connection.execute("set datestyle = 'SQL, DMY'")
        connection.execute("call oadb.make_log_partition(%s, %s, '1 s', null)", [table, moment])
    first, end = (datetime.fromisoformat(f"2024-{day}T00:00:00+00:00") for day in (starts, ends))
    tick = timedelta(microseconds=1)
    insert(url, table, first - tick, first, end - tick, end)

    assert places(url, table) == {name: 2, f"{table}_default": 2}


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


def test_a_new_partition_takes_the_rows_of_its_time_out_of_the_default_one(
    db: Database, url: str
) -> None:
    insert(url, "traffic", LONG_AGO, LONG_AGO, LONG_AGO + timedelta(days=1))

    assert partitions.make(db, "traffic", LONG_AGO) == 2
    assert places(url, "traffic") == {"traffic_20200229": 2, "traffic_default": 1}


def test_a_partition_that_is_there_is_not_made_again(db: Database) -> None:
    partitions.make(db, "traffic", LONG_AGO)

    with pytest.raises(DuplicateTable):
        partitions.make(db, "traffic", LONG_AGO)


@pytest.mark.parametrize(
    "name", ["users", "traffic_default", "x; drop table oadb.users", 'tra"ffic', ""]
)
def test_only_tables_of_logs_have_partitions(db: Database, name: str) -> None:
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


def test_a_partition_made_ahead_waits_for_no_reader_and_no_writer_of_the_table(
    db: Database, url: str
) -> None:
    """They use the partition of now; the default partition is free."""
    with open_transaction(url, INSERTS["traffic"].replace("%s", "now()")):
        partitions.make(db, "traffic", datetime(2040, 1, 1, tzinfo=UTC), SHORTLY)


def test_no_row_is_lost_or_refused_while_the_partition_that_it_lacks_is_made(
    url: str, db: Database
) -> None:
    """Rows of now, whose partition is missing, by four writers at once."""
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


def test_a_reader_that_stays_keeps_a_partition_and_no_other_reader_waits(
    db: Database, url: str
) -> None:
    insert(url, "traffic", "now")
    partitions.make(db, "traffic", LONG_AGO)
    waits: list[float] = []
    with (
        open_transaction(url, "select count(*) from oadb.traffic"),
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
    # 20 ms behind the lock, and what a busy machine adds.
    assert max(waits) < 0.5
    partitions.drop(db, "traffic", "traffic_20200229")
    assert "traffic_20200229" not in partitions_of(url, "traffic")


def test_a_reader_of_the_partition_itself_keeps_it(db: Database, url: str) -> None:
    partitions.make(db, "traffic", LONG_AGO)

    with (
        open_transaction(url, "select count(*) from oadb.traffic_20200229"),
        pytest.raises(LockNotAvailable),
    ):
        partitions.drop(db, "traffic", "traffic_20200229", SHORTLY)


def test_a_partition_is_dropped_as_soon_as_its_reader_has_ended(db: Database, url: str) -> None:
    partitions.make(db, "traffic", LONG_AGO)
    observer = Observer(url)
    with threads(1) as pool:
        with open_transaction(url, "select count(*) from oadb.traffic"):
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
def test_a_partition_expires_when_its_last_moment_has(
    db: Database, table: str, names: list[str]
) -> None:
    first, second = datetime(2020, 2, 29, tzinfo=UTC), datetime(2020, 3, 1, tzinfo=UTC)
    partitions.make(db, table, first)
    partitions.make(db, table, second)
    age, hours = datetime.now(UTC) - second, timedelta(hours=12)

    assert partitions.list_expired(db, table, age + hours) == []
    assert partitions.list_expired(db, table, age - hours) == names[:1]
    assert partitions.list_expired(db, table, timedelta(days=365)) == names


def test_what_holds_rows_of_now_or_later_never_expires(db: Database) -> None:
    for table in INSERTS:
        assert partitions.list_expired(db, table, timedelta()) == []


# Sweeps -----------------------------------------------------------------------------------------

_BATCH = (
    "insert into oadb.log_batches (batch_id, table_name, rows, first_at, last_at, stored_at, "
    "rolled_up_at) values (gen_random_uuid(), '{}', 1, now(), now(), now() - interval '{}', {})"
)


def test_batches_are_swept_after_a_week_unless_rollups_still_need_them(
    db: Database, url: str
) -> None:
    observer = Observer(url)
    for table, age, rolled_up_at in [
        ("traffic", "8 days", "null"),
        ("traffic", "8 days", "now()"),
        ("traffic", "6 days", "now()"),
        ("api_logs", "8 days", "null"),
        ("api_logs", "6 days", "null"),
    ]:
        observer.rows(_BATCH.format(table, age, rolled_up_at))

    assert partitions.sweep_batches(db, 1) == 1
    assert partitions.sweep_batches(db) == 1
    assert observer.rows(
        "select table_name, rolled_up_at is null from oadb.log_batches order by 1, 2"
    ) == [("api_logs", True), ("traffic", False), ("traffic", True)]


def test_rejected_and_dropped_rows_are_counted_for_a_day_and_kept_for_30(
    db: Database, url: str
) -> None:
    observer = Observer(url)
    for days in (0, 2, 31):
        observer.rows(
            "insert into oadb.log_rejects (rejected_at, batch_id, table_name, reason, row_text) "
            f"values (now() - interval '{days} days', gen_random_uuid(), 'traffic', 'x', 'x')"
        )
        observer.rows(
            "insert into oadb.log_drops (dropped_at, writer, table_name, rows) "
            f"values (now() - interval '{days} days', 'x', 'traffic', 7)"
        )

    assert partitions.count_lost(db) == partitions.Lost(rejected=1, dropped=7)
    assert (partitions.sweep_rejects(db), partitions.sweep_drops(db)) == (1, 1)


# Planning ---------------------------------------------------------------------------------------


def test_ten_years_of_partitions_are_planned_in_bounded_time(db: Database, url: str) -> None:
    """By month, as those are that are kept for years."""
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
