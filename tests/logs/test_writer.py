"""The writer of logs, on a real server: stored once, redacted, dated by the database, counted."""

import asyncio
import gc
import logging
from collections.abc import Generator, Iterator
from dataclasses import fields, replace
from time import monotonic
from typing import Any
from unittest import mock

import pytest

from oadb import Config, Secret
from oadb.accounts import api_keys
from oadb.engine import dsn
from oadb.errors import (
    BusyError,
    ConfigError,
    OutcomeUnknownError,
    ParameterError,
    UnavailableError,
)
from oadb.logs import analyzer_logs, api_logs, latency, traffic
from oadb.logs.writer import AsyncLogWriter, Limits, LogWriter, Row
from tests.support.hostile import incompressible
from tests.support.payloads import hostile
from tests.support.rig import Observer, eventually, threads

QUICK = Limits(flush_seconds=0.01)
ROWS: list[Row] = [
    api_logs.Call(
        "/api/v1/placeorder", "POST", 200, 7, "203.0.113.7", {"symbol": "SBIN"}, {}, None
    ),
    analyzer_logs.Analysis("placeorder", {"quantity": 1}, {"status": "success"}, 7),
    traffic.Request("::1", "GET", "/x", 200, 1.5, "/x", "algo.example.in", 7, "none"),
    latency.Timing(12.5, "partial", "zerodha", "MARKET", "SBIN", "1", 7, 1.0, 2.0, 3.0, -4.0, "x"),
]


def request(number: int = 0, **values: Any) -> traffic.Request:
    return replace(traffic.Request("203.0.113.7", "GET", f"/{number}", 200, 1.5), **values)


@pytest.fixture
def observer(config: Config) -> Observer:
    return Observer(observed(config))


def observed(config: Config) -> str:
    return " ".join(f"{name}='{value}'" for name, value in config.dsn.keywords.items())


@pytest.fixture
def logs(config: Config) -> Generator[LogWriter]:
    with LogWriter(config, QUICK) as logs:
        yield logs


def drained(logs: LogWriter | AsyncLogWriter) -> None:
    eventually(lambda: not logs.stats().queued_rows)


# What is stored ---------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS, ids=lambda row: type(row).__module__)
def test_every_field_of_every_row_is_in_its_column(
    logs: LogWriter, observer: Observer, row: Row
) -> None:
    logs.record(row)
    table = f"oadb.{type(row).__module__.rpartition('.')[2]}"
    names = [field.name for field in fields(row)]
    [found] = observer.rows(f"select {', '.join(names)} from {table}")

    given = [getattr(row, name) for name in names]
    assert [
        str(value) if name == "ip" else value for name, value in zip(names, found, strict=True)
    ] == given


def test_a_row_with_nothing_but_what_it_must_have_is_stored(
    logs: LogWriter, observer: Observer
) -> None:
    assert logs.write(request())
    assert logs.write(latency.Timing(1, "failed"))
    assert logs.write(api_logs.Call("/x", "GET", 404))
    drained(logs)

    assert observer.rows("select endpoint, host, user_id, error from oadb.traffic") == [(None,) * 4]
    assert observer.rows("select total_ms, broker from oadb.latency") == [(1.0, None)]
    assert observer.rows("select request, ip from oadb.api_logs") == [(None, None)]


def test_many_rows_are_few_batches_and_each_is_on_record(
    logs: LogWriter, observer: Observer
) -> None:
    for number in range(5000):
        assert logs.write(request(number))
    drained(logs)

    stats = logs.stats()
    assert observer.rows("select count(*), count(distinct path) from oadb.traffic") == [
        (5000, 5000)
    ]
    assert observer.rows("select sum(rows), count(*) from oadb.log_batches") == [
        (5000, stats.batches)
    ]
    assert stats.batches < 100
    assert observer.ask(
        "select count(*) from oadb.traffic where not exists (select from oadb.log_batches "
        "where logged_at between first_at and last_at)"
    ) == 0  # fmt: skip


def test_rows_are_dated_by_the_database_however_wrong_our_clock_is(
    config: Config, observer: Observer
) -> None:
    limits = Limits(flush_seconds=0.5)
    before = observer.ask("select clock_timestamp()")
    with (
        mock.patch("time.time", return_value=0.0),
        mock.patch("time.time_ns", return_value=0),
        LogWriter(config, limits) as logs,
    ):
        logs.write(request(1))
        taken = observer.ask("select clock_timestamp()")
        drained(logs)
    logged_at = observer.ask("select logged_at from oadb.traffic")

    assert before < logged_at < taken, "when it was taken, not when it was stored"


async def test_an_asyncio_writer_stores_the_same(config: Config, observer: Observer) -> None:
    async with AsyncLogWriter(config, QUICK) as logs:
        assert all([await logs.write(request(number)) for number in range(100)])
        await logs.record(ROWS[0])
        with pytest.raises(ParameterError, match="log_rejects"):
            await logs.record(request(status=5))

    assert observer.ask("select count(*) from oadb.traffic") == 100


# What is acknowledged ---------------------------------------------------------------------------


def test_a_recorded_row_is_there_when_record_returns(logs: LogWriter, observer: Observer) -> None:
    for number in range(20):
        logs.record(request(number))
        assert observer.ask("select count(*) from oadb.traffic") == number + 1


def test_rows_recorded_by_many_threads_share_transactions(
    logs: LogWriter, observer: Observer
) -> None:
    with threads(16) as pool:
        list(pool.map(lambda number: logs.record(request(number), 30), range(400)))

    assert observer.ask("select count(distinct path) from oadb.traffic") == 400
    assert logs.stats().batches < 400


@pytest.fixture
def nowhere(config: Config) -> Config:
    """Give a configuration whose server is not there."""
    return replace(config, dsn=dsn.parse("postgresql://nobody@127.0.0.1:9/none"))


def test_a_row_that_cannot_be_stored_in_time_is_told_of(
    nowhere: Config, caplog: pytest.LogCaptureFixture
) -> None:
    logs = LogWriter(nowhere, Limits(max_rows=100, flush_seconds=60))
    caplog.set_level(logging.ERROR, "psycopg.pool")
    with pytest.raises(OutcomeUnknownError, match="still being stored; do not write it again"):
        logs.record(request(1), 0.2)
    with pytest.raises(UnavailableError, match="was not stored within"):
        logs.record(request(2), 0.2)
    while logs.write(request()):
        pass
    started = monotonic()
    with pytest.raises(BusyError, match="the queue was full for 0.2 s"):
        logs.record(request(3), 0.2)

    assert monotonic() - started < 1
    assert logs.stats().accepted == 100, "a row that was taken back still waits to be passed over"
    assert logs.close(0.1) == 100
    with pytest.raises(UnavailableError, match="was closed"):
        logs.record(request(4), 0.2)


async def test_asyncio_is_told_the_same_and_its_loop_goes_on(nowhere: Config) -> None:
    logs = AsyncLogWriter(nowhere, Limits(max_rows=100, flush_seconds=60, wait_seconds=0.2))
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.001)

    ticking = asyncio.create_task(tick())
    with pytest.raises(OutcomeUnknownError):
        await logs.record(request(1), 0.2)
    with pytest.raises(UnavailableError):
        await logs.record(request(2), 0.2)
    task = asyncio.create_task(logs.record(request(3), 60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    while await logs.write(request()):
        pass
    with pytest.raises(BusyError):
        await logs.record(request(4), 0.2)
    assert await logs.close(0.1) == 100
    assert not await logs.write(request())
    ticking.cancel()

    assert ticks > 50


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), 1e9])
def test_an_impossible_timeout_is_refused(logs: LogWriter, timeout: float) -> None:
    with pytest.raises(ParameterError, match="timeout must be"):
        logs.record(request(), timeout)


# What is redacted -------------------------------------------------------------------------------


def everything(observer: Observer) -> str:
    tables = ["api_logs", "analyzer_logs", "traffic", "latency", "log_rejects", "log_drops"]
    return "".join(
        observer.ask(f"select coalesce(string_agg(t::text, ''), '') from oadb.{name} as t")
        for name in tables
    )


def planted(canary: str) -> Iterator[Row]:
    """Yield rows with a canary in every field, as it is or in a text, and at any depth."""
    header, url = f"Authorization: Bearer {canary}", f"/x?apikey={canary}&symbol=SBIN"
    bodies: list[dict[Any, Any]] = [
        {"apikey": canary}, {canary: 1}, {"symbol": url}, {"data": [{"headers": {"a": canary}}]},
        {"message": header}, {"error": f'{{"password": "{canary}"}}'}, {"data": {canary: {canary}}},
        {"data": {"symbol": canary.encode()}}, {"message": f"%61pikey%3D{canary}"},
    ]  # fmt: skip
    for body in bodies:
        yield api_logs.Call(url, "POST", 200, request=body, response=body, error=header)
        yield api_logs.Call(url, header, 99, request=body, ip=header)
        yield analyzer_logs.Analysis(url, body, body)
    for text in [canary, url, header, f"cookie: session={canary}", f"a\nSet-Cookie: {canary}"]:
        names = [field.name for field in fields(traffic.Request)]
        for name in names:
            yield request(**{name: text})
        for name in (field.name for field in fields(latency.Timing)):
            yield replace(latency.Timing(1.0, "failed"), **{name: text})


def test_no_canary_reaches_the_tables_the_rejects_the_queue_or_an_error(
    config: Config, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    canary = api_keys.TOKEN.new().reveal()
    logs = LogWriter(config, Limits(flush_seconds=60))
    rows = [*planted(canary)]
    said = []
    for row in rows:
        assert logs.write(row)
    queued = repr([[*lane] for lane in logs._worker.queue._lanes.values()])
    for row in rows[:6]:
        try:
            logs.record(row, 30)
        except ParameterError as error:
            said.append(str(error))
    assert logs.close(60) == 0
    stats = logs.stats()

    assert canary not in queued
    assert canary not in everything(observer)
    assert canary not in "".join(said) + caplog.text + repr(stats)
    assert stats.stored + stats.rejected == stats.accepted > len(rows)
    assert stats.rejected == observer.ask("select count(*) from oadb.log_rejects") > 0
    assert said


def test_hostile_bodies_are_stored_and_hurt_no_caller(logs: LogWriter, observer: Observer) -> None:
    bodies = [*hostile()]
    for name, body in bodies:
        assert logs.write(api_logs.Call(name, "POST", 200, request=body, response=None))  # type: ignore[arg-type]
        assert logs.write(request(path=body, endpoint=name))
    drained(logs)
    stored = observer.rows("select endpoint from oadb.api_logs")

    assert {name for (name,) in stored} == {name for name, _ in bodies}
    assert logs.stats().rejected == 0
    assert observer.ask("select count(*) from oadb.traffic") == len(bodies)
    assert observer.ask("select max(octet_length(t::text)) from oadb.traffic as t") < 300_000
    assert "correcthorse" not in everything(observer)


def test_a_body_that_changes_after_it_was_given_is_stored_as_it_was(
    logs: LogWriter, observer: Observer
) -> None:
    body: dict[str, object] = {"symbol": "SBIN", "orders": [1]}
    logs.write(api_logs.Call("/x", "POST", 200, request=body))
    body.clear()
    drained(logs)

    assert observer.ask("select request from oadb.api_logs") == {"symbol": "SBIN", "orders": [1]}


def test_more_fields_are_kept_where_they_are_named(config: Config, observer: Observer) -> None:
    with LogWriter(config, fields=["colour"]) as logs:
        logs.record(api_logs.Call("/x?colour=red", "GET", 200, request={"Colour": Secret("x")}))

    assert observer.rows("select endpoint, request from oadb.api_logs") == [
        ("/x?colour=red", {"Colour": "[Secret]"})
    ]


# What is parked ---------------------------------------------------------------------------------


def test_poison_rows_are_parked_alone_and_the_others_are_stored(
    config: Config, observer: Observer
) -> None:
    poison: dict[int, dict[str, Any]] = {
        0: {"status": 5}, 17: {"ip": "nonsense"}, 18: {"user_id": 2**70}, 400: {"path": None},
        401: {"duration_ms": float("nan")}, 700: {"status": "many"}, 998: {"user_id": 10**5000},
        999: {"ip": None},
    }  # fmt: skip
    logs = LogWriter(config, Limits(flush_seconds=60))
    for number in range(1000):
        logs.write(request(number, **poison.get(number, {})))
    assert logs.close(60) == 0
    parked = observer.rows("select row_text, reason, table_name from oadb.log_rejects")

    assert observer.ask("select count(distinct path) from oadb.traffic") == 992
    assert len(parked) == 8
    assert {table for _, _, table in parked} == {"traffic"}
    assert [f"path: /{number}," in "".join(text for text, *_ in parked) for number in poison] == [
        number != 400 for number in poison
    ]
    assert logs.stats().rejected == 8
    assert logs.stats().batches == 1
    assert observer.rows("select rows from oadb.log_batches") == [(1000,)]


def test_a_batch_of_nothing_but_poison_is_done_with(config: Config, observer: Observer) -> None:
    logs = LogWriter(config, Limits(flush_seconds=60))
    for number in range(20):
        logs.write(request(number, status=number))
        logs.write(request(number, ip="x"))
    assert logs.close(60) == 0

    assert observer.ask("select count(*) from oadb.log_rejects") == 40
    assert observer.ask("select count(*) from oadb.traffic") == 0


def test_a_parked_row_is_cut_and_says_why(logs: LogWriter, observer: Observer) -> None:
    logs.write(request(status=5, path="/a b" * 5000, error="c d " * 5000))
    drained(logs)
    [(text, reason)] = observer.rows("select row_text, reason from oadb.log_rejects")

    assert len(text) <= 2000
    assert "traffic_status_check" in reason
    assert "/a b" not in reason


def test_a_row_that_is_larger_than_an_index_takes_is_parked(
    logs: LogWriter, observer: Observer
) -> None:
    for endpoint in ("/before", incompressible(990), "/behind"):
        logs.write(api_logs.Call(endpoint, "GET", 200))
    drained(logs)

    assert observer.ask("select count(*) from oadb.api_logs") == 2
    [(reason,)] = observer.rows("select reason from oadb.log_rejects")
    assert "api_logs.store: index row size" in reason


# Settings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [None, "x", {"path": "/x"}, traffic, object()])
def test_what_is_a_row_of_no_table_is_refused(logs: LogWriter, row: Any) -> None:
    with pytest.raises(ParameterError, match=r"one of api_logs\.Call, .*latency\.Timing"):
        logs.write(row)


def test_the_environment_names_a_database_for_logs() -> None:
    url = "postgresql://a@127.0.0.1:9/logs"
    both = {"DATABASE_URL": "postgresql://a@127.0.0.1:9/main", "OADB_LOG_DATABASE_URL": url}

    def database(environ: dict[str, str]) -> str:
        logs = LogWriter.from_env(environ)
        logs.close()
        return str(logs._worker._db._inner._config.dsn)

    assert database(both).endswith("/logs")
    assert database({**both, "OADB_LOG_DATABASE_URL": " "}).endswith("/main")
    assert database({"OADB_LOG_DATABASE_URL": url}).endswith("/logs")
    with pytest.raises(ConfigError, match=r"^OADB_LOG_DATABASE_URL, read like DATABASE_URL: "):
        LogWriter.from_env({**both, "OADB_LOG_DATABASE_URL": "mysql://x"})
    with pytest.raises(ConfigError, match=r"^DATABASE_URL is not set"):
        LogWriter.from_env({})


def test_one_connection_is_all_that_a_writer_takes(logs: LogWriter, observer: Observer) -> None:
    with threads(8) as pool:
        list(pool.map(lambda number: logs.record(request(number), 30), range(50)))

    assert len(observer.backends()) == 1


def test_a_role_that_may_insert_alone_is_enough(config: Config) -> None:
    """What oadb_log may is asked of the catalog in tests/test_roles.py."""
    observer = Observer(observed(config))
    observer.rows("create role only_logs login")
    try:
        for table, columns in observer.rows(
            "select table_name, privileges from oadb.role_privileges "
            "where role_name = 'oadb_log' and table_name <> 'login_attempts'"
        ):
            observer.rows(f"grant {columns} on oadb.{table} to only_logs")
        observer.rows("grant usage on schema oadb to only_logs")
        limited = replace(config, dsn=dsn.Dsn({**config.dsn.keywords, "user": "only_logs"}))
        with LogWriter(limited, QUICK) as logs:
            for row in ROWS:
                logs.record(row)
            with pytest.raises(ParameterError):
                logs.record(request(status=5))
            logs._worker.queue.drop("traffic")
            eventually(lambda: observer.ask("select sum(rows) from oadb.log_drops") == 1)
        assert observer.ask("select count(*) from oadb.log_rejects") == 1
    finally:
        observer.rows("drop owned by only_logs")
        observer.rows("drop role only_logs")


def test_a_writer_that_was_closed_takes_nothing_and_says_so(logs: LogWriter) -> None:
    assert logs.write(request())
    assert logs.close() == 0
    assert logs.close() == 0

    assert not logs.write(request())
    assert (logs.stats().stored, logs.stats().refused) == (1, 1)


def test_a_writer_that_nobody_holds_any_more_still_stores(
    config: Config, observer: Observer
) -> None:
    LogWriter(config, QUICK).write(request())
    gc.collect()

    eventually(lambda: observer.ask("select count(*) from oadb.traffic") == 1)
    for worker in [*_workers()]:
        worker.close(5)


def _workers() -> set[Any]:
    from oadb.logs.writing import worker  # noqa: PLC0415

    return worker._open_workers
