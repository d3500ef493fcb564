"""Log writers: every row is stored once, in its columns, dated by the database."""

import gc
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest

from oadb import Config
from oadb.engine import dsn
from oadb.errors import ConfigError, ParameterError
from oadb.logs import api_logs, latency, traffic
from oadb.logs.writer import AsyncLogWriter, Limits, LogRow, LogWriter
from oadb.logs.writing import exits
from oadb.testing.chosen_layout import is_cluster
from tests.support.log_rows import QUICK, ROWS, drained, request
from tests.support.rig import Observer, eventually, threads


@pytest.mark.parametrize("row", ROWS, ids=lambda row: type(row).__module__)
def test_every_field_of_every_row_is_in_its_column(
    logs: LogWriter, observer: Observer, row: LogRow
) -> None:
    logs.record(row)
    table = f"oadb.{type(row).__module__.rpartition('.')[2]}"
    names = [field.name for field in fields(row)]
    [found] = observer.rows(f"select {', '.join(names)} from {table}")

    given = [getattr(row, name) for name in names]
    assert [
        str(value) if name == "ip" else value for name, value in zip(names, found, strict=True)
    ] == given


def test_a_row_with_only_its_required_fields_is_stored(logs: LogWriter, observer: Observer) -> None:
    assert logs.offer(request())
    assert logs.offer(latency.Timing(total_ms=1, outcome="failed"))
    assert logs.offer(api_logs.Call(endpoint="/x", method="GET", status=404))
    drained(logs)

    assert observer.rows("select endpoint, host, user_id, error from oadb.traffic") == [(None,) * 4]
    assert observer.rows("select total_ms, broker from oadb.latency") == [(1.0, None)]
    assert observer.rows("select request, ip from oadb.api_logs") == [(None, None)]


def test_many_rows_make_few_batches_and_each_batch_is_recorded(
    logs: LogWriter, observer: Observer
) -> None:
    for number in range(5000):
        assert logs.offer(request(number))
    drained(logs)

    stats = logs.stats()
    assert observer.rows("select count(*), count(distinct path) from oadb.traffic") == [
        (5000, 5000)
    ]
    assert observer.rows("select sum(rows), count(*) from oadb.log_batches") == [
        (5000, stats.batches)
    ]
    assert stats.batches < 100
    assert (
        observer.ask(
            "with stored as materialized (select logged_at from oadb.traffic) "
            "select count(*) from stored where not exists (select from oadb.log_batches "
            "where logged_at between first_at and last_at)"
        )
        == 0
    )


@pytest.mark.holds("F31", "F33")
def test_rows_are_dated_by_the_database_even_if_the_local_clock_is_wrong(
    config: Config, observer: Observer
) -> None:
    limits = Limits(flush_seconds=0.5)
    before = observer.ask("select clock_timestamp()")
    with (
        mock.patch("time.time", return_value=0.0),
        mock.patch("time.time_ns", return_value=0),
        LogWriter(config, limits=limits) as logs,
    ):
        logs.offer(request(1))
        taken = observer.ask("select clock_timestamp()")
        drained(logs)
    logged_at = observer.ask("select logged_at from oadb.traffic")

    # Stored half a second after it was queued; a busy machine answers late.
    assert before < logged_at < taken + timedelta(seconds=0.25), "the time of write"


def test_a_closed_writer_leaves_no_connection(config: Config, observer: Observer) -> None:
    others = (
        "select count(*) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid()"
    )
    with LogWriter(config, limits=QUICK) as logs:
        logs.record(ROWS[0])
        assert observer.ask(others) == 1

    eventually(lambda: observer.ask(others) == 0)


async def test_an_asyncio_writer_stores_the_same(config: Config, observer: Observer) -> None:
    async with AsyncLogWriter(config, limits=QUICK) as logs:
        assert all([await logs.offer(request(number)) for number in range(100)])
        await logs.record(ROWS[0])
        with pytest.raises(ParameterError, match="log_rejects"):
            await logs.record(request(status=5))

    assert observer.ask("select count(*) from oadb.traffic") == 100


# Settings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [None, "x", {"path": "/x"}, traffic, object()])
def test_a_value_that_is_not_a_row_is_refused(logs: LogWriter, row: Any) -> None:
    with pytest.raises(ParameterError, match=r"one of api_logs\.Call, .*latency\.Timing"):
        logs.offer(row)


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


def test_a_writer_uses_one_connection(logs: LogWriter, observer: Observer) -> None:
    with threads(8) as pool:
        list(pool.map(lambda number: logs.record(request(number), timeout_seconds=30), range(50)))

    observer.keeps(1)


def test_a_role_that_may_only_insert_is_enough(config: Config, observer: Observer) -> None:
    """tests/test_roles.py compares the privileges of oadb_log with the catalog."""
    # On a cluster a writer of logs must not be bound by row-level security.
    bypassing = "bypassrls" if is_cluster() else "nobypassrls"
    observer.rows(f"create role only_logs login {bypassing} in role oadb_log")
    try:
        limited = replace(config, dsn=dsn.Dsn({**config.dsn.keywords, "user": "only_logs"}))
        with LogWriter(limited, limits=QUICK) as logs:
            for row in ROWS:
                logs.record(row)
            with pytest.raises(ParameterError):
                logs.record(request(status=5))
            logs._worker.queue_of(request()).drop()
            eventually(lambda: observer.ask("select sum(rows) from oadb.log_drops") == 1)
        assert observer.ask("select count(*) from oadb.log_rejects") == 1
    finally:
        observer.rows("drop owned by only_logs")
        observer.rows("drop role only_logs")


def test_a_closed_writer_refuses_rows_and_counts_them(logs: LogWriter) -> None:
    assert logs.offer(request())
    assert logs.close() == 0
    assert logs.close() == 0

    assert not logs.offer(request())
    assert (logs.stats().stored, logs.stats().refused) == (1, 1)


def test_a_writer_without_references_still_stores_its_rows(
    config: Config, observer: Observer
) -> None:
    LogWriter(config, limits=QUICK).offer(request())
    gc.collect()

    eventually(lambda: observer.ask("select count(*) from oadb.traffic") == 1)
    for each in [*exits.open_workers]:
        each.close(deadline_seconds=5)
