"""A process with rows in its log queue forks, ends or is killed."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from time import monotonic

import psycopg
import pytest

from oadb.errors import ParameterError
from oadb.logs.writer import AsyncLogWriter, Limits, LogWriter, drain_on_sigterm
from tests.faults import log_processes
from tests.faults.log_load import request
from tests.support.forks import in_child
from tests.support.rig import Observer, config, eventually, threads

pytestmark = [
    pytest.mark.fault,
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

NOWHERE = "postgresql://nobody@127.0.0.1:9/none"


@pytest.fixture
def observer(oadb_database_url: str) -> Observer:
    return Observer(oadb_database_url)


def started(name: str, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(Path(log_processes.__file__)), name, url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# Killed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.holds("F24", "I1", "I2")
def test_a_killed_process_loses_its_queue_at_most_and_nothing_acknowledged(
    oadb_database_url: str, observer: Observer, kills: int
) -> None:
    acknowledged: list[str] = []
    for number in range(kills):
        with started("fill", oadb_database_url) as process:
            assert process.stdout is not None
            acknowledged += [process.stdout.readline().strip() for _ in range(1 + number % 5)]
            process.kill()
            acknowledged += process.stdout.read().split()
    eventually(lambda: not observer.backends(), 30)
    rows, distinct = observer.rows("select count(*), count(distinct path) from oadb.traffic")[0]
    batched = observer.ask("select sum(rows) from oadb.log_batches where table_name = 'traffic'")
    with psycopg.connect(oadb_database_url) as connection:
        found = connection.execute(
            "select count(*) from oadb.traffic where path = any(%s)", [acknowledged]
        ).fetchone()

    assert found == (len(acknowledged),)
    assert len(acknowledged) >= kills
    assert rows == distinct == batched, "a batch is stored as a whole, once, or not at all"


# Ended ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "code"), [("end", 0), ("fail", 1)])
@pytest.mark.holds("F46")
def test_a_process_that_ends_stores_its_queued_rows(
    oadb_database_url: str, observer: Observer, name: str, code: int
) -> None:
    with started(name, oadb_database_url) as process:
        _, stderr = process.communicate(timeout=60)

    assert process.returncode == code
    assert observer.ask("select count(distinct path) from oadb.traffic") == 3000
    assert "not stored" not in stderr


@pytest.mark.holds("F46")
def test_a_process_ends_without_a_server_and_reports_the_lost_rows() -> None:
    with started("end", NOWHERE) as process:
        assert process.stdout is not None
        before = float(process.stdout.readline())
        _, stderr = process.communicate(timeout=60)
        took = monotonic() - before

    assert process.returncode == 0
    assert took < 5
    assert "3000 log rows were not stored before the process ended" in stderr


@pytest.mark.parametrize(("name", "rows"), [("children", 1800), ("inherited", 1200)])
@pytest.mark.holds("F46")
def test_children_of_multiprocessing_store_their_rows_when_they_end(
    oadb_database_url: str, observer: Observer, name: str, rows: int
) -> None:
    with started(name, oadb_database_url) as process:
        _, stderr = process.communicate(timeout=100)

    assert process.returncode == 0, stderr
    assert observer.rows("select count(*), count(distinct path) from oadb.traffic") == [
        (rows, rows)
    ]


# Terminated -------------------------------------------------------------------------------------


@pytest.mark.holds("F46")
def test_a_terminated_process_stores_the_rows_that_it_took(
    oadb_database_url: str, observer: Observer
) -> None:
    with started("terminated", oadb_database_url) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        stdout, stderr = process.communicate(timeout=60)
    stored = observer.rows("select path from oadb.traffic")

    assert process.returncode == -signal.SIGTERM, stderr
    assert len([path for (path,) in stored if path.startswith("taken/")]) == 900
    later = [int(path.rpartition("/")[2]) for (path,) in stored if path.startswith("later/")]
    assert sorted(later) == [*range(len(later))], "what was taken meanwhile is stored"
    if stdout:  # the first row that was not taken
        assert len(later) == int(stdout)


def test_the_handler_of_sigterm_passes_the_signal_on_to_the_one_before_it(
    oadb_database_url: str, observer: Observer
) -> None:
    with started("graceful", oadb_database_url) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        process.communicate(timeout=60)

    assert process.returncode == 7
    assert observer.ask("select count(*) from oadb.traffic") == 901


def test_a_process_that_is_terminated_without_a_server_ends_in_time() -> None:
    with started("terminated", NOWHERE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        before = monotonic()
        process.terminate()
        _, stderr = process.communicate(timeout=60)

    assert monotonic() - before < 5
    assert process.returncode == -signal.SIGTERM
    assert "log rows were not stored before the process ended" in stderr


def test_the_handler_of_sigterm_is_restored() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with drain_on_sigterm():
        assert signal.getsignal(signal.SIGTERM) != before

    assert signal.getsignal(signal.SIGTERM) == before


def test_a_handler_of_sigterm_is_refused_outside_of_the_main_thread() -> None:
    def install() -> None:
        with drain_on_sigterm():
            pass

    with threads(1) as pool, pytest.raises(ParameterError, match="main thread"):
        pool.submit(install).result(5)


# Forked -----------------------------------------------------------------------------------------


@pytest.fixture
def logs(oadb_database_url: str) -> Generator[LogWriter]:
    with LogWriter(config(oadb_database_url), limits=Limits(flush_seconds=0.5)) as logs:
        yield logs


def test_a_child_has_a_queue_a_thread_and_a_connection_of_its_own(
    logs: LogWriter, observer: Observer
) -> None:
    logs.record(request("parent/recorded"), timeout_seconds=30)
    for number in range(100):
        logs.offer(request(f"parent/{number}"))

    def write() -> tuple[int, int]:
        before = logs.stats().accepted
        for number in range(50):
            logs.offer(request(f"child/{number}"))
        logs.record(request("child/recorded"), timeout_seconds=10)
        return before, logs.close()

    assert in_child(write) == "(0, 0)"
    logs.record(request("parent/last"), timeout_seconds=30)
    assert logs.close(deadline_seconds=30) == 0
    stored = [path for (path,) in observer.rows("select path from oadb.traffic")]
    assert len(stored) == len({*stored}) == 153


def test_a_child_that_is_forked_while_rows_are_written_and_stored_does_not_hang(
    logs: LogWriter, observer: Observer
) -> None:
    for number in range(20):
        for row in range(300):
            logs.offer(request(f"parent.{number}.{row}"))

        def write(number: int = number) -> bool:
            return logs.offer(request(f"child/{number}")) and logs.close(deadline_seconds=10) == 0

        assert in_child(write) == "True"
    assert logs.close(deadline_seconds=30) == 0
    stored = [path for (path,) in observer.rows("select path from oadb.traffic")]
    assert len(stored) == len({*stored}) == 20 * 301


def test_a_child_of_an_asyncio_service_writes_too(
    oadb_database_url: str, observer: Observer
) -> None:
    logs = AsyncLogWriter(config(oadb_database_url))

    async def write(path: str) -> bool:
        return await logs.offer(request(path))

    assert asyncio.run(write("parent"))

    def in_a_child() -> tuple[bool, int]:
        return asyncio.run(write("child")), asyncio.run(logs.close())

    assert in_child(in_a_child) == "(True, 0)"
    assert asyncio.run(logs.close(deadline_seconds=30)) == 0
    stored = observer.rows("select path from oadb.traffic order by path")
    assert stored == [("child",), ("parent",)]


def test_a_child_that_ends_at_once_disturbs_neither_the_rows_nor_the_connection(
    logs: LogWriter, observer: Observer
) -> None:
    logs.record(request("/first"), timeout_seconds=30)
    [connection] = observer.keeps(1)
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    logs.record(request("/second"), timeout_seconds=30)

    assert observer.backends() == [connection]
