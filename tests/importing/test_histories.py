"""Logs of OpenAlgo: every row once, with its time and without secrets, however often one tries."""

import logging
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from oadb import Config, Database
from oadb.accounts import users
from oadb.errors import LoadError
from oadb.importing import imports, streams
from oadb.importing.reports import TableReport
from tests.conftest import RING
from tests.importing.openalgo import ENVIRON, SECRETS, Installation
from tests.importing.running import bring, told
from tests.support.hostile import incompressible

LOGS = ("api_logs", "analyzer_logs", "traffic", "latency", "login_attempts")
THERE = ("order_logs", "analyzer_logs", "traffic_logs", "order_latency", "login_attempts")


def ask(config: Config, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(**config.connection_keywords()) as connection:
        return connection.execute(statement.encode()).fetchall()


def counts(config: Config) -> dict[str, int]:
    return {log: ask(config, f"select count(*) from oadb.{log}")[0][0] for log in LOGS}


def tally(report: TableReport) -> tuple[int, int, int]:
    return report.found, report.written, report.there


@pytest.mark.parametrize("rows_of_a_batch", [5000, 2])
def test_each_log_is_brought_over_with_its_times_and_without_secrets(
    db: Database,
    config: Config,
    there: Installation,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    rows_of_a_batch: int,
) -> None:
    monkeypatch.setattr(streams, "_ROWS", rows_of_a_batch)  # full ones go to processes
    caplog.set_level(logging.DEBUG)
    there.add_asha()
    there.add_logs(3)
    reports = bring(db, there)
    user = users.find_by_username(db, "asha")

    assert user is not None
    assert {table: reports[table].written for table in THERE} == dict.fromkeys(THERE, 3)
    assert counts(config) == dict.fromkeys(LOGS, 3)
    (call, *_) = ask(
        config,
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
    (analysis, *_) = ask(
        config,
        "select logged_at, user_id, api_type, request, response from oadb.analyzer_logs order by 1",
    )
    assert analysis == (at, user.user_id, "placeorder", request, response)
    (seen, *_) = ask(
        config,
        "select logged_at, host(ip), method, path, endpoint, status, duration_ms, host, user_id, "
        "error from oadb.traffic order by 1",
    )
    assert seen == (
        datetime(2025, 7, 31, 9, 15, tzinfo=UTC), "203.0.113.7", "POST", "/strategy/webhook/***",
        None, 200, 12.5, "algo.example.in", None, None,
    )  # fmt: skip
    (timed, *_) = ask(
        config,
        "select logged_at, order_id, broker, symbol, order_type, rtt_ms, validation_ms, "
        "response_ms, overhead_ms, total_ms, outcome, error from oadb.latency order by 1",
    )
    assert timed == (
        datetime(2025, 7, 31, 9, 15, tzinfo=UTC), "0", "zerodha", "SBIN", "PLACE", 40.5, 1.0, 2.5,
        -0.5, 45.0, "succeeded", None,
    )  # fmt: skip
    (tried, *_) = ask(
        config,
        "select attempted_at, username, user_id, host(ip), device, method, outcome, reason "
        "from oadb.login_attempts order by 1",
    )
    assert tried == (
        at, "asha", user.user_id, "203.0.113.7", "Firefox", "password", "failed", "password",
    )  # fmt: skip
    everything = [
        row
        for (table,) in ask(config, "select tablename from pg_tables where schemaname = 'oadb'")
        for row in ask(config, f"select t::text from oadb.{table} as t")
    ]
    said = told(reports) + caplog.text + "".join(text for (text,) in everything)
    assert "asha@example.in" in said
    assert [secret for secret in SECRETS if secret in said] == []
    batches = ask(
        config, "select table_name, sum(rows) from oadb.log_batches group by 1 order by 1"
    )
    assert batches == [(log, 3) for log in sorted({*LOGS} - {"login_attempts"})]


def test_a_second_run_brings_what_was_added_since_and_nothing_else(
    db: Database, config: Config, there: Installation
) -> None:
    there.add_logs(2)
    dry = bring(db, there, applies=False)
    assert counts(config) == dict.fromkeys(LOGS, 0)
    first = bring(db, there)
    second = bring(db, there)
    there.add_logs(1)
    third = bring(db, there)

    assert told(dry) == told(first)
    assert {each: tally(second[each]) for each in THERE} == dict.fromkeys(THERE, (0, 0, 2))
    assert {each: tally(third[each]) for each in THERE} == dict.fromkeys(THERE, (1, 1, 2))
    assert counts(config) == dict.fromkeys(LOGS, 3)


KILLED = """
import multiprocessing, os, signal, sys
from pathlib import Path
from oadb import Database
from oadb.importing import runs, sources, streams
streams._ROWS = 10
seen = 0
def watch(rows):
    global seen
    seen += rows
    if seen >= {batches} * 10:
        for victim in {victims}:  # none is left where the one was killed before
            os.kill(victim, signal.SIGKILL)
with sources.opened([Path(sys.argv[1])], []) as found, Database.from_env() as db:
    for _ in runs.run(db, found, os.environ, runs.Plan("openalgo", None, True), watch):
        pass
"""


def killed(
    there: Installation, url: str, batches: int, victims: str
) -> subprocess.CompletedProcess[str]:
    """Run until *batches* were stored, and kill *victims*; its processes are gone as well then."""
    # It returns once all that have its output have ended.
    return subprocess.run(
        [sys.executable, "-c", KILLED.format(batches=batches, victims=victims), str(there.folder)],
        env={**ENVIRON, "DATABASE_URL": url, "OADB_KEYRING": RING.to_json()},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.fault
def test_a_run_that_is_killed_is_gone_on_with(
    db: Database, config: Config, there: Installation, oadb_database_url: str
) -> None:
    there.add_logs(25)
    for batches in (4, 3, 1):
        done = killed(there, oadb_database_url, batches, "[os.getpid()]")
        assert done.returncode == -9, done.stderr
    assert 0 < sum(counts(config).values()) < 5 * 25
    bring(db, there)

    assert counts(config) == dict.fromkeys(LOGS, 25)
    assert ask(config, "select count(*), count(distinct order_id) from oadb.latency") == [(25, 25)]


@pytest.mark.fault
def test_a_run_whose_process_is_killed_says_so_and_is_gone_on_with(
    db: Database, config: Config, there: Installation, oadb_database_url: str
) -> None:
    there.add_logs(100)
    one = "[each.pid for each in multiprocessing.active_children()[:1]]"
    done = killed(there, oadb_database_url, 12, one)

    assert done.returncode == 1
    assert (
        "LoadError: order_logs: a process that converts rows could not start or was ended"
        in done.stderr
    )
    assert counts(config)["api_logs"] < 100
    bring(db, there)
    assert counts(config) == dict.fromkeys(LOGS, 100)


def test_two_runs_at_once_bring_nothing_twice(
    db: Database, config: Config, there: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.add_logs(1)
    real = imports.get_progress

    def slow(*args: Any) -> Any:
        found = real(*args)
        monkeypatch.setattr(imports, "get_progress", real)
        bring(db, there)
        return found

    monkeypatch.setattr(imports, "get_progress", slow)
    with pytest.raises(LoadError, match="another import of openalgo is running"):
        bring(db, there)

    assert counts(config) == dict.fromkeys(LOGS, 1)


def calls(there: Installation, *times: str) -> None:
    """Add a row to order_logs for each time."""
    bodies = {"api_type": "placeorder", "request_data": "{}", "response_data": "{}"}
    there.add("order_logs", *({**bodies, "created_at": time} for time in times))


def test_another_installation_needs_a_name_of_its_own(
    db: Database, config: Config, there: Installation
) -> None:
    there.add_logs(1)
    bring(db, there)
    there.add_asha()
    there.change("order_logs", 1, created_at="2025-07-30 10:00:00")

    for applies in (False, True):
        with pytest.raises(LoadError, match=r"^order_logs: up to id 1, .* another OpenAlgo\. "):
            bring(db, there, applies=applies)
    assert users.count_all(db) == 0
    bring(db, there, installation="second")
    assert counts(config) == dict.fromkeys(LOGS, 2)


def test_an_older_or_a_smaller_copy_is_refused_before_anything_is_written(
    db: Database, config: Config, there: Installation
) -> None:
    calls(there, *(f"2025-07-31 09:0{number}:00" for number in range(5)))
    bring(db, there)
    there.add_asha()
    there.script("openalgo", "delete from order_logs where id > 3")

    with pytest.raises(LoadError, match=r"order_logs: .* as 'openalgo': .* an older copy, .*"):
        bring(db, there)
    assert (counts(config)["api_logs"], users.count_all(db)) == (5, 0)


@pytest.mark.parametrize("again", [1, 2, 3])
def test_a_table_that_was_cleared_is_brought_over_from_its_first_row(
    db: Database, config: Config, there: Installation, again: int
) -> None:
    calls(there, "2025-07-31 09:00:00", "2025-07-31 09:01:00")
    bring(db, there)
    there.script("openalgo", "delete from order_logs")
    assert tally(bring(db, there)["order_logs"]) == (0, 0, 2)
    calls(there, *(f"2025-08-01 09:0{number}:00" for number in range(again)))
    reports = bring(db, there)

    assert tally(reports["order_logs"]) == (again, again, 2)
    assert "its ids began again: it is brought over from its first row" in told(reports)
    calls(there, "2025-08-02 09:00:00")
    assert tally(bring(db, there)["order_logs"]) == (1, 1, 2 + again)
    assert counts(config)["api_logs"] == 3 + again
    assert ask(config, "select count(distinct logged_at) from oadb.api_logs") == [(3 + again,)]


@pytest.mark.parametrize("gone", ["id < 3", "id = 3", "id in (1, 3)", "id <= 3"])
def test_rows_that_were_deleted_since_do_not_stop_a_run(
    db: Database, config: Config, there: Installation, gone: str
) -> None:
    calls(there, *(f"2025-07-31 09:0{number}:00" for number in range(3)))
    bring(db, there)
    calls(there, "2025-07-31 09:03:00")
    there.script("openalgo", f"delete from order_logs where {gone}")
    reports = bring(db, there)

    assert tally(reports["order_logs"]) == (1, 1, 3)
    assert "began again" not in told(reports)
    assert counts(config)["api_logs"] == 4


def test_what_came_before_times_were_recorded_is_refused_where_it_is_not_the_same(
    db: Database, config: Config, there: Installation
) -> None:
    calls(there, "2025-07-31 09:00:00")
    bring(db, there)
    with psycopg.connect(**config.connection_keywords()) as connection:
        connection.execute("update oadb.imports set last_at = null")
    assert tally(bring(db, there)["order_logs"]) == (0, 0, 1)
    there.change("order_logs", 1, created_at="2025-08-01 10:00:00")

    with pytest.raises(LoadError, match="order_logs: up to id 1"):
        bring(db, there)


def test_two_runs_at_once_bring_nothing_twice_where_ids_began_again(
    db: Database, config: Config, there: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.add_logs(1)
    bring(db, there)
    there.change("login_attempts", 1, timestamp="2025-08-01 09:00:00")
    real = imports.get_progress

    def slow(*args: Any) -> Any:
        found = real(*args)
        monkeypatch.setattr(imports, "get_progress", real)
        bring(db, there)
        return found

    monkeypatch.setattr(imports, "get_progress", slow)
    with pytest.raises(LoadError, match="another import of openalgo is running"):
        bring(db, there)

    assert counts(config) == {**dict.fromkeys(LOGS, 1), "login_attempts": 2}


def test_rows_without_a_positive_id_are_brought_over_as_well(
    db: Database, config: Config, there: Installation
) -> None:
    calls(there, "2025-07-31 09:00:00", "2025-07-31 09:01:00", "2025-07-31 09:02:00")
    there.script("openalgo", "update order_logs set id = case id when 1 then -5 else id - 2 end")
    reports = [bring(db, there) for _ in range(2)]

    assert [tally(each["order_logs"]) for each in reports] == [(3, 3, 0), (0, 0, 3)]
    assert counts(config)["api_logs"] == 3


TIMES = {
    "2025-07-31 09:15:00": (9, 15 - 330),
    "2025-07-31 09:15:00.123456+05:30": (9, 15 - 330),
    "2025-07-31T09:15:00Z": (9, 15),
    "2025-07-31 09:15:00-04:00": (13, 15),
}
NO_TIMES = (None, "", "yesterday", 1753950000, "1999-12-31 00:00:00", "2999-01-01 00:00:00", b"\0")


def test_times_with_and_without_a_zone_stand_beside_each_other(
    db: Database, config: Config, there: Installation
) -> None:
    for time in (*TIMES, *NO_TIMES):
        body = {"request_data": "{}", "response_data": "{}", "created_at": time}
        there.add("order_logs", {"api_type": "x", **body})
    reports = bring(db, there)
    stored = [at for (at,) in ask(config, "select logged_at from oadb.api_logs order by log_id")]

    day = datetime(2025, 7, 31, tzinfo=UTC).timestamp()
    assert [int(at.timestamp() - day) for at in stored] == [
        hours * 3600 + minutes * 60 for hours, minutes in TIMES.values()
    ]
    assert reports["order_logs"].left_out == len(NO_TIMES)
    assert "created_at is no time such as 2026-11-23 09:15:00" in told(reports)


BODIES: dict[str, object] = {
    '{"symbol": "SBIN"}': {"symbol": "SBIN"},
    "[1, 2]": {"value": [1, 2]},
    "not json": {"value": "not json"},
    '{"symbol": "\\u0000\\ud800"}': {"symbol": "\\u0000\\ud800"},
    '{"price": NaN, "quantity": 1e400}': {"price": "NaN", "quantity": "inf"},
    "[" * 5000: None,
    '{"quantity": ' + "9" * 5000 + "}": None,
    '{"symbol": "a\\tb\\\\N\\n"}': {"symbol": "a\tb\\N\n"},
}


def test_bodies_of_every_kind_are_kept_as_what_can_be_stored(
    db: Database, config: Config, there: Installation
) -> None:
    for body in BODIES:
        at = {"created_at": "2025-07-31 09:15:00"}
        there.add(
            "order_logs", {"api_type": "x", "request_data": body, "response_data": "{}", **at}
        )
    reports = bring(db, there)
    stored = [body for (body,) in ask(config, "select request from oadb.api_logs order by log_id")]

    assert reports["order_logs"].left_out == 0
    expected = BODIES.values()
    assert [a for a, b in zip(stored, expected, strict=True) if b is not None and a != b] == []


def test_a_row_that_the_table_does_not_take_does_not_keep_the_others_out(
    db: Database, config: Config, there: Installation
) -> None:
    there.add_logs(7)
    with psycopg.connect(**config.connection_keywords()) as connection:
        connection.execute(
            "alter table oadb.api_logs add constraint api_logs_x_check "
            "check (request ->> 'quantity' <> '3')"
        )
    reports = bring(db, there)

    assert counts(config)["api_logs"] == 6
    assert "the table here does not take it (id 4)" in told(reports)
    assert (reports["order_logs"].written, reports["order_logs"].left_out) == (6, 1)


def test_a_row_that_is_larger_than_an_index_takes_does_not_keep_the_others_out(
    db: Database, config: Config, there: Installation
) -> None:
    calls(there, "2025-07-31 09:00:00", "2025-07-31 09:01:00", "2025-07-31 09:02:00")
    there.change("order_logs", 2, api_type=incompressible(990))
    reports = bring(db, there)

    assert counts(config)["api_logs"] == 2
    assert "the table here does not take it (id 2)" in told(reports)


def test_rows_that_are_none_are_told_by_their_ids(db: Database, there: Installation) -> None:
    good = {
        "timestamp": "2025-07-31 09:15:00", "client_ip": "203.0.113.7", "method": "GET",
        "path": "/", "status_code": 200, "duration_ms": 1.0,
    }  # fmt: skip
    there.add("traffic_logs", good, {**good, "client_ip": "unknown"}, {**good, "status_code": 99},
              {**good, "duration_ms": -1}, {**good, "duration_ms": "x"}, {**good, "path": ""},
              file="logs")  # fmt: skip
    timing = {"timestamp": "2025-07-31 09:15:00", "order_id": "1", "total_latency_ms": 1.0}
    there.add("order_latency", {**timing, "status": "SUCCESS"}, {**timing, "status": "DONE"},
              {**timing, "status": None}, {**timing, "status": "FAILED", "overhead_ms": 1e12},
              file="latency")  # fmt: skip
    reports = bring(db, there)

    assert reports["traffic_logs"].left_out_ids() == {
        "client_ip is no IP address": ["2"],
        "status_code is no HTTP status": ["3"],
        "duration_ms is no time in milliseconds": ["4"],
        "duration_ms is no number": ["5"],
        "path is missing": ["6"],
    }
    assert reports["order_latency"].left_out_ids() == {
        "status is none of SUCCESS, FAILED, PARTIAL": ["2", "3"],
        "overhead_ms is no time in milliseconds": ["4"],
    }
