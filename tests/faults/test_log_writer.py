"""Logs are stored exactly once although servers, sessions and networks fail."""

import os
import random
import signal
from collections.abc import Callable, Generator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from time import sleep
from typing import Literal

import psycopg
import pytest

from oadb.embedded.system_user import account_for
from oadb.engine import dsn
from oadb.logs import api_logs
from oadb.logs.writer import Limits, LogWriter
from oadb.logs.writing import delivery
from oadb.testing.control import ServerControl
from tests.faults.log_load import LIMITS, CommitCuts, LogLoad, loading, request
from tests.faults.proxy import Proxy
from tests.support.log_records import logged
from tests.support.prepared_servers import MIGRATED, Prepared
from tests.support.rig import Observer, config, eventually
from tests.support.small_disk import small_disk

pytestmark = pytest.mark.fault

TABLES = "oadb.traffic, oadb.log_batches, oadb.log_rejects, oadb.log_drops"


@pytest.fixture(scope="module")
def server(prepared: Prepared) -> Generator[ServerControl]:
    with prepared(*MIGRATED) as server:
        yield server


@pytest.fixture
def url(server: ServerControl) -> str:
    server.start()
    observer = Observer(server.url)
    observer.terminate()
    observer.rows(f"truncate {TABLES}")
    return server.url


@pytest.fixture
def observer(url: str) -> Observer:
    return Observer(url)


@pytest.fixture
def load(url: str) -> Generator[LogLoad]:
    with loading(url) as load:
        yield load


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_restarts_lose_and_double_nothing(
    load: LogLoad,
    server: ServerControl,
    observer: Observer,
    mode: Literal["fast", "immediate"],
) -> None:
    with load.running():
        for _ in range(2):
            server.restart(mode)
            load.flows()

    load.check(observer)
    assert load.logs.stats().retries


@pytest.mark.holds("F5", "I1", "I2", "I4")
def test_a_killed_server_loses_and_doubles_nothing(
    load: LogLoad, server: ServerControl, observer: Observer
) -> None:
    with load.running():
        server.kill()
        eventually(lambda: load.logs.stats().retries)
        server.start()
        load.flows()

    load.check(observer)


def test_killed_and_terminated_backends_lose_and_double_nothing(
    load: LogLoad, observer: Observer
) -> None:
    with load.running():
        for number in range(10):
            pid = eventually_one(observer)
            with suppress(ProcessLookupError):
                if number == 5:
                    os.kill(pid, signal.SIGKILL)
                else:
                    observer.ask("select pg_terminate_backend(%s)", pid)
            if number == 5:
                load.flows()
            sleep(random.random() / 50)  # paces the faults; it waits for nothing

    load.check(observer)


def eventually_one(observer: Observer) -> int:
    found: list[int] = []

    def one() -> bool:
        with suppress(psycopg.Error):  # the server is recovering
            found.extend(observer.backends())
        return bool(found)

    eventually(one, 30)
    return found[0]


def test_a_stopped_session_delays_its_own_table_only_and_is_an_error(
    url: str, observer: Observer
) -> None:
    order = api_logs.Call(endpoint="/api/v1/placeorder", method="POST", status=200)
    with LogWriter(config(url), limits=LIMITS) as logs:
        logs.record(request("/first"), timeout_seconds=30)
        [pid] = observer.keeps(1)
        os.kill(pid, signal.SIGSTOP)
        try:
            logs.offer(request("/second"))
            eventually(lambda: logs._worker._db.stats().leased == 1)
            logs.record(order, timeout_seconds=10)
            eventually(lambda: logs.stats().last_error, 10)
            silent = logs.stats()
        finally:
            os.kill(pid, signal.SIGCONT)
        assert logs.drain(deadline_seconds=30) == 0
        assert logs.stats().last_error is None

    assert (silent.last_error or "").startswith("traffic: no answer from the database for ")
    assert silent.tables["api_logs"].stored == 1
    assert observer.ask("select count(*) from oadb.traffic") == 2


@pytest.mark.holds("F9")
def test_rows_of_a_stopped_session_are_stored_by_another_one(
    url: str, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_DEADLINE", timedelta(seconds=1))
    with LogWriter(config(url), limits=LIMITS) as logs:
        logs.record(request("/first"), timeout_seconds=30)
        [pid] = observer.keeps(1)
        os.kill(pid, signal.SIGSTOP)
        try:
            logs.record(request("/second"), timeout_seconds=15)
        finally:
            os.kill(pid, signal.SIGCONT)

    assert observer.ask("select count(*) from oadb.traffic") == 2


@pytest.mark.parametrize("fault", [Proxy.cut, Proxy.reset])
def test_cut_connections_lose_and_double_nothing(
    url: str, observer: Observer, fault: Callable[[Proxy], None]
) -> None:
    with Proxy(dsn.parse(url).keywords) as proxy, loading(proxy.url) as load:
        with load.running():
            for _ in range(5):
                fault(proxy)
                load.flows(200)
        load.check(observer)


@pytest.mark.parametrize("cuts", [20, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.holds("F14", "F15", "I1", "I2")
def test_lost_commits_and_lost_answers_lose_and_double_nothing(
    url: str, observer: Observer, cuts: int
) -> None:
    with Proxy(dsn.parse(url).keywords) as proxy, loading(proxy.url) as load:
        proxy.hook = hook = CommitCuts(cuts)
        with load.running(writers=1):
            eventually(lambda: hook.left <= 0, seconds=60 + cuts)
        load.check(observer)
        stats = load.logs.stats()

    assert stats.retries >= cuts
    assert observer.ask("select count(*) from oadb.log_batches") == stats.batches


def test_an_outage_fills_the_queue_and_dropped_rows_are_counted(
    url: str, server: ServerControl, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    with loading(url, Limits(max_rows=2000, flush_seconds=0.02)) as load:
        with load.running():
            server.stop()
            eventually(lambda: load.answers["dropped"] > 500, 30)
            eventually(lambda: load.logs.stats().last_error)  # the queue can be full before that
            full = load.logs.stats()
            server.start()
            load.flows(3000)
        load.check(observer)

    assert full.is_full
    assert full.oldest_age_seconds > 0
    assert full.last_error
    assert load.logs.stats().last_error is None
    warnings = logged(caplog, "oadb.log_writer")
    assert 1 <= len(warnings) <= 3, "an outage is logged once"


@pytest.mark.parametrize(
    ("damage", "repair"),
    [
        ("alter table oadb.traffic rename to gone", "alter table oadb.gone rename to traffic"),
        (
            "alter database postgres set default_transaction_read_only = on",
            "alter database postgres set default_transaction_read_only = off",
        ),
    ],
    ids=["a missing table", "a server that is read-only"],
)
def test_rows_are_stored_after_a_dba_repairs_the_database(
    load: LogLoad, observer: Observer, damage: str, repair: str
) -> None:
    with load.running():
        observer.rows(damage)
        observer.terminate()
        eventually(lambda: load.logs.stats().last_error)
        execute_although_read_only(observer, repair)
        load.flows()

    load.check(observer)


def execute_although_read_only(observer: Observer, statement: str) -> None:
    with psycopg.connect(observer._url, autocommit=True) as connection:
        connection.execute("set default_transaction_read_only = off")
        connection.execute(statement.encode())


# A full disk ------------------------------------------------------------------------------------


@pytest.fixture
def disk(server: ServerControl, url: str, tmp_path: Path) -> Generator[Callable[[str], None]]:
    """Store the rows on a disk of 4 MB; give a function that changes its size."""
    folder = tmp_path / "disk"
    observer = Observer(url)
    with small_disk(folder, "4m") as resize:
        place = folder / "space"
        place.mkdir()
        account_for(place)
        observer.rows(f"create tablespace small location '{place}'")
        move_traffic(observer, "small")
        yield resize
        assert server.postmaster
        observer.terminate()
        move_traffic(observer, "pg_default")
        observer.rows("drop tablespace small")


def move_traffic(observer: Observer, tablespace: str) -> None:
    partitions = "select inhrelid::regclass::text from pg_inherits where inhparent = %s::regclass"
    for (partition,) in observer.rows(partitions, "oadb.traffic"):
        observer.rows(f"alter table {partition} set tablespace {tablespace}")


@pytest.mark.holds("F29", "I1", "I2", "I4")
def test_rows_are_stored_when_a_full_disk_has_space_again(
    load: LogLoad, observer: Observer, disk: Callable[[str], None]
) -> None:
    with load.running():
        eventually(lambda: "No space left" in (load.logs.stats().last_error or ""), 60)
        disk("200m")
        load.flows()

    load.check(observer)


def test_rows_are_stored_although_the_server_was_down_at_the_start(
    url: str, server: ServerControl, observer: Observer
) -> None:
    server.stop()
    with loading(url) as load:
        for number in range(100):
            assert load.logs.offer(request(f"written/{number}"))
        eventually(lambda: load.logs.stats().retries)
        server.start()

        load.check(observer)
    assert observer.ask("select count(*) from oadb.traffic") == 100
