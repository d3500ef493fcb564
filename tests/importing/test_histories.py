"""Logs of OpenAlgo are imported with their times, without secrets; invalid rows are reported."""

import logging
import re
from datetime import UTC, datetime

import pytest

from oadb import Database
from oadb.accounts import users
from oadb.importing import streams
from tests.importing.openalgo import SECRETS, Installation
from tests.importing.running import HISTORIES, LOGS, counts, run_import, tally, text_of
from tests.support.rig import Observer


@pytest.mark.long("a whole installation")
@pytest.mark.parametrize("rows_of_a_batch", [5000, 2])
def test_each_log_is_imported_with_its_times_and_without_secrets(
    db: Database,
    observer: Observer,
    origin: Installation,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    rows_of_a_batch: int,
) -> None:
    monkeypatch.setattr(streams, "_ROWS", rows_of_a_batch)  # full batches go to processes
    caplog.set_level(logging.DEBUG)
    origin.add_asha()
    origin.add_logs(3)
    reports = run_import(db, origin)
    user = users.find_by_username(db, "asha")

    assert user is not None
    assert {table: reports[table].written for table in HISTORIES} == dict.fromkeys(HISTORIES, 3)
    assert counts(observer) == dict.fromkeys(LOGS, 3)
    (call, *_) = observer.rows(
        "select logged_at, user_id, endpoint, method, status, ip, request, response, error "
        "from oadb.api_logs order by logged_at",
    )
    at = datetime(2025, 7, 31, 3, 45, 0, 123456, tzinfo=UTC)
    request, response = (
        {"***": 1, "symbol": "SBIN", "quantity": 0},
        {"status": "success", "orderid": "250731000000"},
    )
    assert call == (
        at,
        user.user_id,
        "/api/v1/placeorder",
        "POST",
        200,
        None,
        request,
        response,
        None,
    )
    (analysis, *_) = observer.rows(
        "select logged_at, user_id, api_type, request, response from oadb.analyzer_logs order by 1",
    )
    assert analysis == (at, user.user_id, "placeorder", request, response)
    (seen, *_) = observer.rows(
        "select logged_at, host(ip), method, path, endpoint, status, duration_ms, host, user_id, "
        "error from oadb.traffic order by 1",
    )
    assert seen == (
        datetime(2025, 7, 31, 9, 15, tzinfo=UTC),
        "203.0.113.7",
        "POST",
        "/strategy/webhook/***",
        None,
        200,
        12.5,
        "algo.example.in",
        None,
        None,
    )
    (timed, *_) = observer.rows(
        "select logged_at, order_id, broker, symbol, order_type, rtt_ms, validation_ms, "
        "response_ms, overhead_ms, total_ms, outcome, error from oadb.latency order by 1",
    )
    assert timed == (
        datetime(2025, 7, 31, 9, 15, tzinfo=UTC),
        "0",
        "zerodha",
        "SBIN",
        "PLACE",
        40.5,
        1.0,
        2.5,
        -0.5,
        45.0,
        "succeeded",
        None,
    )
    (tried, *_) = observer.rows(
        "select attempted_at, username, user_id, host(ip), device, method, outcome, reason "
        "from oadb.login_attempts order by 1",
    )
    assert tried == (
        at,
        "asha",
        user.user_id,
        "203.0.113.7",
        "Firefox",
        "password",
        "failed",
        "password",
    )
    everything = [
        row
        for (table,) in observer.rows("select tablename from pg_tables where schemaname = 'oadb'")
        for row in observer.rows(f"select t::text from oadb.{table} as t")
    ]
    said = text_of(reports) + caplog.text + "".join(text for (text,) in everything)
    assert "asha@example.in" in said
    assert [secret for secret in SECRETS if secret in said] == []
    batches = observer.rows(
        "select table_name, sum(rows) from oadb.log_batches group by 1 order by 1"
    )
    assert batches == [(log, 3) for log in sorted({*LOGS} - {"login_attempts"})]


TIMES = {
    "2025-07-31 09:15:00": (9, 15 - 330),
    "2025-07-31 09:15:00.123456+05:30": (9, 15 - 330),
    "2025-07-31T09:15:00Z": (9, 15),
    "2025-07-31 09:15:00-04:00": (13, 15),
}
NO_TIMES = (None, "", "yesterday", 1753950000, "1999-12-31 00:00:00", "2999-01-01 00:00:00", b"\0")


def test_times_with_and_without_a_zone_are_converted(
    db: Database, observer: Observer, origin: Installation
) -> None:
    for time in (*TIMES, *NO_TIMES):
        body = {"request_data": "{}", "response_data": "{}", "created_at": time}
        origin.add("order_logs", {"api_type": "x", **body})
    reports = run_import(db, origin)
    stored = [at for (at,) in observer.rows("select logged_at from oadb.api_logs order by log_id")]

    day = datetime(2025, 7, 31, tzinfo=UTC).timestamp()
    assert [int(at.timestamp() - day) for at in stored] == [
        hours * 3600 + minutes * 60 for hours, minutes in TIMES.values()
    ]
    assert reports["order_logs"].left_out == len(NO_TIMES)
    assert "created_at is not a time such as 2026-11-23 09:15:00" in text_of(reports)


BODIES: dict[str, object] = {
    '{"symbol": "SBIN"}': {"symbol": "SBIN"},
    "[1, 2]": {"value": [1, 2]},
    "not json": {"value": "not json"},
    '{"symbol": "\\u0000\\ud800"}': {"symbol": "\\u0000\\ud800"},
    '{"price": NaN, "quantity": 1e400}': {"price": "NaN", "quantity": "inf"},
    "[" * 5000: None,
    '{"quantity": ' + "9" * 5000 + "}": None,
    '{"symbol": "a\\tb\\\\N\\n"}': {"symbol": "a\t***"},
}


def test_bodies_of_every_kind_are_stored(
    db: Database, observer: Observer, origin: Installation
) -> None:
    for body in BODIES:
        at = {"created_at": "2025-07-31 09:15:00"}
        origin.add(
            "order_logs", {"api_type": "x", "request_data": body, "response_data": "{}", **at}
        )
    reports = run_import(db, origin)
    stored = [
        body for (body,) in observer.rows("select request from oadb.api_logs order by log_id")
    ]

    assert reports["order_logs"].left_out == 0
    expected = BODIES.values()
    assert [a for a, b in zip(stored, expected, strict=True) if b is not None and a != b] == []


def test_a_row_that_the_table_refuses_does_not_keep_the_others_out(
    db: Database, observer: Observer, origin: Installation
) -> None:
    origin.add_logs(7)
    observer.rows(
        "alter table oadb.api_logs add constraint api_logs_x_check "
        "check (request ->> 'quantity' <> '3')"
    )
    reports = run_import(db, origin)

    assert counts(observer)["api_logs"] == 6
    assert "the table in oadb refuses it (id 4)" in text_of(reports)
    assert (reports["order_logs"].written, reports["order_logs"].left_out) == (6, 1)


def test_invalid_rows_are_reported_by_their_ids(db: Database, origin: Installation) -> None:
    good = {
        "timestamp": "2025-07-31 09:15:00",
        "client_ip": "203.0.113.7",
        "method": "GET",
        "path": "/",
        "status_code": 200,
        "duration_ms": 1.0,
    }
    origin.add(
        "traffic_logs",
        good,
        {**good, "client_ip": "unknown"},
        {**good, "status_code": 99},
        {**good, "duration_ms": -1},
        {**good, "duration_ms": "x"},
        {**good, "path": ""},
        file="logs",
    )
    timing = {"timestamp": "2025-07-31 09:15:00", "order_id": "1", "total_latency_ms": 1.0}
    origin.add(
        "order_latency",
        {**timing, "status": "SUCCESS"},
        {**timing, "status": "DONE"},
        {**timing, "status": None},
        {**timing, "status": "FAILED", "overhead_ms": 1e12},
        file="latency",
    )
    reports = run_import(db, origin)

    assert reports["traffic_logs"].left_out_ids() == {
        "client_ip is not an IP address": ["2"],
        "status_code is not an HTTP status": ["3"],
        "duration_ms is not a duration in milliseconds": ["4"],
        "duration_ms is not a number": ["5"],
        "path is missing": ["6"],
    }
    assert reports["order_latency"].left_out_ids() == {
        "status is not one of SUCCESS, FAILED, PARTIAL": ["2", "3"],
        "overhead_ms is not a duration in milliseconds": ["4"],
    }


CHANGES = {
    "order_logs": "update oadb.api_logs set response = '[]' where {}",
    "analyzer_logs": "delete from oadb.analyzer_logs where {}",
    "traffic_logs": "update oadb.traffic set duration_ms = duration_ms + 0.001 where {}",
    "order_latency": "update oadb.latency set order_id = null where {}",
    "login_attempts": "update oadb.login_attempts set device = 'Chrome' where {}",
}


@pytest.mark.parametrize(
    "rows_of_a_batch", [5000, pytest.param(2, marks=pytest.mark.long("reads by two rows"))]
)
def test_a_verification_compares_each_row_of_a_history(
    db: Database,
    observer: Observer,
    origin: Installation,
    monkeypatch: pytest.MonkeyPatch,
    rows_of_a_batch: int,
) -> None:
    monkeypatch.setattr(streams, "_ROWS", rows_of_a_batch)
    origin.add_asha()
    origin.add_logs(3)
    run_import(db, origin)
    same = run_import(db, origin, applies=False, verifies=True)
    for change in CHANGES.values():
        table = re.findall(r"oadb\.(\w+)", change)[0]
        time = "attempted_at" if table == "login_attempts" else "logged_at"
        observer.rows(change.format(f"{time} = (select max({time}) from oadb.{table})"))
    changed = run_import(db, origin, applies=False, verifies=True)

    for table in HISTORIES:
        assert tally(same[table]) == tally(changed[table]) == (3, 0, 3)
        assert not same[table].differs
        ((reason, ids),) = changed[table].left_out_ids().items()
        assert (reason[:24], ids) == ("oadb has no such row: it", ["3"])
    assert counts(observer) == {**dict.fromkeys(LOGS, 3), "analyzer_logs": 2}
