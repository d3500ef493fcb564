"""Defects of logs that a comparable data layer has, and oadb must not have.

The numbers are those of the study of its defects, as in tests/test_defects.py. Other files test the
same in more detail; these tests are the list.
"""

import inspect
from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from oadb import Database
from oadb.engine.config import Config
from oadb.logs import analyzer_logs, api_logs
from oadb.logs.analyzer_logs import Analysis
from oadb.logs.api_logs import Call
from oadb.tools import maintenance, retention
from tests.support.log_rows import INSERTS, LONG_AGO, insert, places


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York", "UTC"])
def test_39_times_do_not_depend_on_the_zone_of_a_session(url: str, zone: str) -> None:
    """Clocks were mixed: with a zone, or without one, read as UTC, India or the server's."""
    config = Config.from_env({"DATABASE_URL": f"{url}&options=-ctimezone%3D{zone}"})
    before = datetime.now(UTC)
    with Database(config) as db:
        api_logs.record(db, Call(endpoint="/", method="GET", status=200))
        analyzer_logs.record(db, Analysis(api_type="placeorder", request={}, response={}))
        (call,), (analysis,) = api_logs.list_calls(db), analyzer_logs.list_analyses(db)
        insert(url, "analyzer_logs", "2026-01-02 18:29:59+00", "2026-01-02 18:30:00+00")
        india = analyzer_logs.list_analyses(db, day=date(2026, 1, 2))

    slack = timedelta(seconds=2)
    for moment in (call.logged_at, analysis.logged_at):
        assert before - slack <= moment <= datetime.now(UTC) + slack
    assert [log.logged_at for log in india] == [datetime(2026, 1, 2, 18, 29, 59, tzinfo=UTC)]


def test_47_no_log_grows_without_bound(url: str) -> None:
    """Order logs, analyzer logs, sign-ins and latency were kept forever, or trimmed at a start."""
    for table in INSERTS:
        insert(url, table, LONG_AGO, "now")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "insert into oadb.login_attempts (username, method, outcome, attempted_at) "
            "values ('asha', 'password', 'failed', now() - interval '3 years')"
        )
        findings = [
            *maintenance.run(Config.from_env({"DATABASE_URL": url}), retention.from_env({}))
        ]

        assert all(finding.ok for finding in findings)
        assert [sum(places(url, table).values()) for table in INSERTS] == [1] * len(INSERTS)
        left = connection.execute("select count(*) from oadb.login_attempts").fetchone()
        assert left == (0,)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        *((table, "logged_at") for table in INSERTS),
        ("api_logs", "user_id"),
        ("api_logs", "endpoint"),
        ("api_logs", "status"),
        ("analyzer_logs", "user_id"),
    ],
)
def test_48_what_logs_are_read_by_has_an_index(url: str, table: str, column: str) -> None:
    """The time of an order log, and all of latency, had none."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select indexdef from pg_indexes where schemaname = 'oadb' and tablename = %s", [table]
        ).fetchall()

    assert any(f"({column}" in definition for (definition,) in rows)


def test_50_bodies_are_searched_by_their_structure_and_counted_in_the_database(
    db: Database,
) -> None:
    """They were text, searched with LIKE; Python parsed each one to count them."""
    order = {"reason": "symbol: SBIN", "legs": [{"quantity": 1}]}
    api_logs.record(db, Call(endpoint="/", method="POST", status=200, request=order))
    analyzer_logs.record(
        db,
        Analysis(api_type="placeorder", request={"symbol": "SBIN"}, response={"status": "error"}),
    )

    assert not api_logs.search(db, {"symbol": "SBIN"})
    assert len(api_logs.search(db, {"legs": [{"quantity": 1}]})) == 1
    tallied = {
        (t.facet, t.value): t.analyses for t in analyzer_logs.count_by_facet(db, since=LONG_AGO)
    }
    assert tallied["symbol", "SBIN"] == tallied["error", "other"] == tallied["total", ""] == 1


def test_56_both_logs_are_written_alike_and_no_body_can_take_the_place_of_another() -> None:
    """One took the type first, the other last, and both accepted any arguments in any order."""
    shapes = [len(inspect.signature(each.record).parameters) for each in (api_logs, analyzer_logs)]
    assert shapes == [2, 2]
    assert [*Analysis.__dataclass_fields__][:3] == ["api_type", "request", "response"]
    analysis = Analysis(api_type="placeorder", request={"a": 1}, response={"b": 2})
    with pytest.raises(FrozenInstanceError):
        analysis.request = {}  # type: ignore[misc]  # refused
