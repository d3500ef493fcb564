"""Analyzer logs: written, read in pages and by day of a time zone, and tallied."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from oadb import AsyncDatabase, Database, Transaction
from oadb.errors import ParameterError
from oadb.logs import analyzer_logs
from oadb.logs.analyzer_logs import Analysis, FacetCount
from tests.support.declared import declaration
from tests.support.log_rows import insert
from tests.support.plans import plan

ERROR = {"status": "error", "message": "Invalid symbol SBINN"}
ANALYSIS = Analysis(
    api_type="placeorder",
    request={"symbol": "SBIN", "strategy": "Trend"},
    response={"status": "ok"},
    user_id=7,
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def counts(tx: Transaction, **window: Any) -> list[tuple[str, str, int]]:
    found = analyzer_logs.count_by_facet(tx, since=EPOCH, **window)
    return [(each.facet, each.value, each.analyses) for each in found]


def test_an_analysis_is_read_as_it_was_written(tx: Transaction) -> None:
    analyzer_logs.record(tx, ANALYSIS)

    (log,) = analyzer_logs.list_analyses(tx)
    assert (
        Analysis(
            api_type=log.api_type, request=log.request, response=log.response, user_id=log.user_id
        )
        == ANALYSIS
    )
    assert [log] == analyzer_logs.list_analyses(tx, user_id=7).rows
    assert not analyzer_logs.list_analyses(tx, user_id=8)
    assert analyzer_logs.get(tx, log.log_id, logged_at=log.logged_at) == log
    assert analyzer_logs.get(tx, log.log_id, logged_at=EPOCH) is None


async def test_an_analysis_is_written_and_read_from_asyncio(adb: AsyncDatabase) -> None:
    await analyzer_logs.record(adb, ANALYSIS)
    (log,) = await analyzer_logs.list_analyses(adb)

    today = log.logged_at.astimezone(UTC).date()
    assert (await analyzer_logs.list_analyses(adb, day=today, time_zone="UTC")).rows == [log]


def test_an_analysis_is_undone_with_its_transaction(db: Database) -> None:
    with suppress(ZeroDivisionError), db.transaction() as tx:
        analyzer_logs.record(tx, ANALYSIS)
        raise ZeroDivisionError

    assert analyzer_logs.count(db) == 0


def test_a_body_that_is_not_an_object_is_refused(tx: Transaction) -> None:
    with pytest.raises(ParameterError):
        analyzer_logs.record(tx, Analysis(api_type="placeorder", request="{}", response={}))  # type: ignore[arg-type]  # refused


# Days -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "zone", "first", "end"),
    [
        (date(2024, 2, 29), "Asia/Kolkata", "2024-02-28 18:30+00", "2024-02-29 18:30+00"),
        (date(2023, 12, 31), "Asia/Kolkata", "2023-12-30 18:30+00", "2023-12-31 18:30+00"),
        (date(2024, 2, 29), "UTC", "2024-02-29 00:00+00", "2024-03-01 00:00+00"),
        # Days of 23 and 25 hours; of 23.5 on Lord Howe.
        (date(2024, 3, 10), "America/New_York", "2024-03-10 05:00+00", "2024-03-11 04:00+00"),
        (date(2024, 11, 3), "America/New_York", "2024-11-03 04:00+00", "2024-11-04 05:00+00"),
        (date(2024, 10, 6), "Australia/Lord_Howe", "2024-10-05 13:30+00", "2024-10-06 13:00+00"),
        # Samoa skipped this day.
        (date(2011, 12, 30), "Pacific/Apia", "2011-12-30 10:00+00", "2011-12-30 10:00+00"),
    ],
)
def test_a_day_is_a_calendar_day_of_its_time_zone(
    db: Database, url: str, day: date, zone: str, first: str, end: str
) -> None:
    start, stop = (datetime.fromisoformat(text) for text in (first, end))
    tick = timedelta(microseconds=1)
    inside = [] if start == stop else [stop - tick, start]
    insert(url, "analyzer_logs", start - tick, *inside, stop)

    found = analyzer_logs.list_analyses(db, day=day, time_zone=zone).rows
    assert [log.logged_at for log in found] == inside
    if inside:
        page = analyzer_logs.list_analyses(db, day=day, time_zone=zone, limit=1)
        rest = analyzer_logs.list_analyses(db, day=day, time_zone=zone, cursor=page.next)
        assert page.rows + rest.rows == found


@pytest.mark.parametrize("zone", ["IST", "COM1", "Mars/Olympus", "", "../etc/passwd", "a\0"])
def test_an_unknown_time_zone_is_refused(tx: Transaction, zone: str) -> None:
    with pytest.raises(ParameterError, match=r"list_analyses: time_zone must be a time zone"):
        analyzer_logs.list_analyses(tx, day=date(2026, 1, 1), time_zone=zone)


def test_a_day_is_read_from_its_partition_by_its_index(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for month in (1, 2):
            connection.execute(
                "call oadb.make_log_partition('analyzer_logs', make_date(2026, %s, 1), '1 s', "
                "null)",
                [month],
            )
        connection.execute(
            "insert into oadb.analyzer_logs (logged_at, user_id, api_type, request, response) "
            "select timestamptz '2026-01-01' + n * interval '2 minutes', n % 1000, 'x', '{}', '{}' "
            "from generate_series(1, 40000) as n"
        )
        connection.execute("vacuum analyze oadb.analyzer_logs")
        connection.execute("set plan_cache_mode = force_generic_plan")
        planned = declaration("analyzer_logs.list_analyses +day")
        assert planned.statement.params == (
            "api_type",
            "text",
            "day",
            "time_zone",
            "limit",
        )
        connection.execute(b"prepare planned as " + planned.statement.sql)
        lines = connection.execute(
            "explain execute planned (null, null, '2026-02-10', 'Asia/Kolkata', 10)"
        ).fetchall()
        read = "\n".join(line for (line,) in lines)

    assert "Subplans Removed" in read
    assert "analyzer_logs_202602_logged_at_log_id_idx" in read
    assert "analyzer_logs_202601" not in read
    for window in ("", " +day", " +since +until"):
        found = plan(
            url,
            "analyzer_logs",
            f"list_analyses +user_id{window}",
            day="'2026-02-10'",
            time_zone="'Asia/Kolkata'",
            since="'2026-02-10'",
            until="'2026-02-11'",
        )
        assert "analyzer_logs_202602_pkey" in found


# Tallies ----------------------------------------------------------------------------------------


def test_a_window_is_tallied_by_type_error_strategy_and_symbol(tx: Transaction) -> None:
    for _ in range(2):
        analyzer_logs.record(tx, ANALYSIS)
    analyzer_logs.record(
        tx, Analysis(api_type="cancelorder", request={"symbol": "SBIN"}, response=ERROR, user_id=8)
    )

    assert counts(tx) == [
        ("total", "", 3),
        ("api_type", "placeorder", 2),
        ("api_type", "cancelorder", 1),
        ("error", "symbol", 1),
        ("strategy", "Trend", 2),
        ("strategy", "unknown", 1),
        ("symbol", "SBIN", 3),
    ]
    assert counts(tx, user_id=8)[:2] == [("total", "", 1), ("api_type", "cancelorder", 1)]


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        ({"status": "error", "message": "Rate Limit exceeded"}, "rate_limit"),
        ({"status": "error", "message": "Missing quantity"}, "quantity"),
        ({"status": "error", "message": "Unknown EXCHANGE"}, "exchange"),
        (ERROR, "symbol"),
        ({"status": "error"}, "other"),
        ({"status": "error", "message": ["x"]}, "other"),
        ({"status": "success", "message": "symbol"}, None),
        ({"status": None}, None),
        ({}, None),
    ],
)
def test_the_message_of_an_error_gives_its_kind(
    tx: Transaction, response: dict[str, object], kind: str | None
) -> None:
    analyzer_logs.record(tx, Analysis(api_type="placeorder", request={}, response=response))

    kinds = [value for facet, value, _ in counts(tx) if facet == "error"]
    assert kinds == ([] if kind is None else [kind])


def test_an_empty_window_has_a_total_of_0(tx: Transaction) -> None:
    assert counts(tx) == [("total", "", 0)]


def test_a_tally_is_ordered_and_bounded(db: Database, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "insert into oadb.analyzer_logs (logged_at, api_type, request, response) "
            "select now(), 'x', jsonb_build_object('symbol', 'S' || lpad((n % 150)::text, 3, '0')),"
            " '{}' from generate_series(1, 1000) as n"
        )
    symbols = [
        tally for tally in analyzer_logs.count_by_facet(db, since=EPOCH) if tally.facet == "symbol"
    ]

    assert len(symbols) == 100
    assert symbols == sorted(symbols, key=lambda tally: (-tally.analyses, tally.value))
    assert symbols[0] == FacetCount("symbol", "S001", 7)


def test_a_tally_does_not_include_its_end(db: Database, url: str) -> None:
    now = datetime.now(UTC)
    insert(url, "analyzer_logs", now, now + timedelta(seconds=1))

    assert (
        analyzer_logs.count_by_facet(db, since=now, until=now + timedelta(seconds=1))[0].analyses
        == 1
    )
    assert analyzer_logs.count(db, since=now, until=now + timedelta(seconds=1)) == 1
