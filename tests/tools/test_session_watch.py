"""Sessions that may wait long: a wait ends when an answer cannot come, and says why it goes on."""

import logging
import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from threading import Timer
from time import monotonic

import psycopg
import pytest

from oadb.engine.direct_connection import DirectConnection
from oadb.tools.session_watch import Pace, SessionWatch
from tests.faults.proxy import Proxy
from tests.support.log_records import said
from tests.support.migrations import MigrationDatabase

PACE = Pace(first=0.1, longest=0.2, doubtful=0.1, patience=0.3, probe=1.0)


def watched(
    database: MigrationDatabase, through: Proxy | None = None, pace: Pace = PACE
) -> DirectConnection:
    """Return a connection whose watch looks at it directly."""
    keywords = database.dsn.keywords
    connection = DirectConnection.to(through.keywords if through else keywords, seconds=5.0)
    row = connection.execute("select pg_backend_pid()").fetchone()
    assert row is not None
    assert isinstance(row[0], int)
    connection.look = SessionWatch(keywords, row[0], "the subject", pace)
    return connection


@pytest.fixture
def proxy(database: MigrationDatabase) -> Generator[Proxy]:
    with Proxy(database.dsn.keywords) as proxy:
        yield proxy


@contextmanager
def stopped(pid: int) -> Generator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def given_up(reason: str, within: float = 4.0) -> Generator[None]:
    started = monotonic()
    with pytest.raises(psycopg.OperationalError, match=reason):
        yield
    assert monotonic() - started < within


@pytest.mark.holds("F9")
def test_a_process_that_was_stopped_while_it_was_idle_is_given_up(
    database: MigrationDatabase,
) -> None:
    connection = watched(database)
    pid = connection.info.backend_pid
    reason = rf"no answer for \d s: server process {pid} is idle: it did not get the statement"
    with stopped(pid), given_up(reason):
        connection.execute("select 1")
    assert connection.closed


@pytest.mark.holds("F18")
def test_an_answer_that_is_lost_is_given_up(database: MigrationDatabase, proxy: Proxy) -> None:
    connection = watched(database, proxy)
    proxy.hook = lambda end, _: not end.is_client
    with given_up("is idle: it did not get the statement, or its answer was lost"):
        connection.execute("select 1")


def test_a_process_that_does_not_exist_any_more_is_given_up(
    database: MigrationDatabase, proxy: Proxy
) -> None:
    connection = watched(database, proxy)
    proxy.pause()
    database.query(f"select pg_terminate_backend({connection.info.backend_pid})")
    with given_up("does not exist any more; the connection was closed"):
        connection.execute("select 1")


@pytest.mark.long("waits for a bound")
@pytest.mark.holds("F13")
def test_a_server_that_answers_nobody_is_given_up(
    database: MigrationDatabase, proxy: Proxy
) -> None:
    connection = watched(database, proxy)
    assert isinstance(connection.look, SessionWatch)
    connection.look.keywords = proxy.keywords
    proxy.pause()
    with given_up("the server does not answer another connection either", within=12.0):
        connection.execute("select 1")


@pytest.mark.long("waits for a long statement")
def test_a_long_statement_is_waited_for_and_reported(
    database: MigrationDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    connection = watched(database)
    with caplog.at_level(logging.WARNING, "oadb.tools"):
        assert connection.execute("select pg_sleep(1.2), 7").fetchone() == ("", 7)
    reports = said(caplog, "oadb.tools")
    process = f"server process {connection.info.backend_pid}"
    assert reports[0] == (
        f"the subject: no answer for 0 s: {process} is active, waits for Timeout PgSleep"
    )
    assert 3 <= len(reports) <= 8
    connection.close()


def test_a_statement_that_waits_for_a_lock_names_who_holds_it(
    database: MigrationDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    connection = watched(database, pace=Pace(first=0.1, longest=0.1, most=0.5))
    with database.connect() as other, given_up("is active, waits for Lock advisory, blocked by"):
        other.execute("select pg_advisory_lock(7)")
        holder = f"blocked by server process {other.info.backend_pid}"
        with caplog.at_level(logging.WARNING, "oadb.tools"):
            connection.execute("select pg_advisory_lock(7)")
    assert said(caplog, "oadb.tools")[0].endswith(holder)


@pytest.mark.long("waits for attempts to connect")
def test_a_server_that_takes_no_more_connections_is_not_given_up(
    database: MigrationDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    home = MigrationDatabase(database.host, "postgres")
    connection = watched(database)
    home.query(f"alter database {database.name} with allow_connections false")
    try:
        with caplog.at_level(logging.WARNING, "oadb.tools"):
            connection.execute("select pg_sleep(1)")
    finally:
        home.query(f"alter database {database.name} with allow_connections true")
    assert "the server is there, and refuses to say more" in said(caplog, "oadb.tools")[0]
    connection.close()


@pytest.mark.holds("F9", "F45")
def test_ctrl_c_ends_the_wait_for_a_stopped_process_at_once(database: MigrationDatabase) -> None:
    connection = watched(database, pace=Pace())
    with stopped(connection.info.backend_pid):
        interrupted: list[float] = []

        def interrupt() -> None:
            interrupted.append(monotonic())
            os.kill(os.getpid(), signal.SIGINT)

        Timer(0.3, interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            connection.execute("select 1")
        assert monotonic() - interrupted[0] < 0.5
    assert connection.closed


def test_a_connection_of_a_tool_has_a_limit_of_its_own(database: MigrationDatabase) -> None:
    connection = DirectConnection.to(database.dsn.keywords, seconds=0.3)
    pid = connection.info.backend_pid
    with stopped(pid), given_up(f"server process {pid} has not answered for 0.3 s", within=1.3):
        connection.execute("select 1")
    assert connection.closed
