"""The disk of the server is slow: each COMMIT waits longer until its log is written.

``commit_delay`` makes it so, in the server, where it waits for the disk: before a session writes
the log for all that commit meanwhile.
"""

import os
import signal
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from random import randrange
from statistics import median
from time import monotonic

import pytest

from oadb.engine import dsn
from oadb.errors import OutcomeUnknownError, PoolTimeoutError
from oadb.logs.writer import Limits
from oadb.testing.control import ServerControl
from oadb.testing.servers import Server
from oadb.tools.migrations.runner import migrate
from tests.faults.log_load import loading
from tests.support import pool_probes as probes
from tests.support.open_servers import open_server
from tests.support.rig import Connect, Db, Observer, create_tables, eventually, threads

pytestmark = pytest.mark.fault

_USER_TIMEOUT = 2  # seconds

_SLOW = 0.1  # seconds; the most that commit_delay may be


# An address of this host that nothing else listens on.
_ADDRESS = f"127.{randrange(1, 255)}.{randrange(255)}.1"


@pytest.fixture(scope="module")
def server() -> Generator[ServerControl]:
    settings = {"fsync": "on", "commit_siblings": "0"}
    with open_server({**settings, "listen_addresses": _ADDRESS}) as server:
        create_tables(server.url)
        migrate(dsn.parse(server.url))
        yield server


@pytest.fixture
def url(server: ServerControl) -> str:
    Observer(server.url).rows("truncate probe, child")
    return server.url


@contextmanager
def slow_disk(observer: Observer) -> Generator[None]:
    _delay(observer, _SLOW)
    try:
        yield
    finally:
        _delay(observer, 0.0)


def _delay(observer: Observer, seconds: float) -> None:
    observer.rows(f"alter system set commit_delay = {seconds * 1e6:.0f}")
    observer.rows("select pg_reload_conf()")
    shown = f"{seconds * 1e6:.0f}"
    eventually(lambda: observer.ask("show commit_delay") == shown)


def write(db: Db, number: int) -> tuple[Exception | None, float]:
    """Write a row; return the error, and the seconds that it took."""
    started, error = monotonic(), None
    try:
        probes.put(db, number, "row")
    except PoolTimeoutError as raised:
        error = raised
    return error, monotonic() - started


def seconds_of_writes(db: Db, first: int) -> list[float]:
    return [write(db, number)[1] for number in range(first, first + 9)]


@pytest.mark.holds("F53", "I1", "I3", "I4", "I5", "I7")
def test_a_slow_disk_makes_writes_slow_and_the_queue_of_callers_stays_bounded(
    connect: Connect, observer: Observer
) -> None:
    db = connect(pool_size=2, max_overflow=0, pool_max_waiting=6)
    assert median(seconds_of_writes(db, 1000)) < _SLOW
    with slow_disk(observer):
        assert median(seconds_of_writes(db, 2000)) >= _SLOW
        with threads(40) as pool:
            calls = [pool.submit(write, db, number) for number in range(40)]
            outcomes = [call.result() for call in calls]

    refused = [took for error, took in outcomes if error is not None]
    served = [took for error, took in outcomes if error is None]
    assert all("callers are waiting already" in str(error) for error, _ in outcomes if error)
    assert refused, "a bounded queue refuses what it cannot hold"
    assert median(refused) < _SLOW, "at once"
    assert len(served) >= 7  # the six that may wait, and one; or two, if both connections are open
    assert max(served) < 20 * _SLOW
    assert observer.ask("select count(*) from probe where probe_id < 40") == len(served)
    assert median(seconds_of_writes(db, 3000)) < _SLOW
    eventually(lambda: db.stats().leased == db.stats().waiting == 0)


@pytest.mark.holds("F53", "I1", "I2")
def test_a_slow_disk_fills_the_queue_of_logs_to_its_bound_and_not_beyond(
    url: str, observer: Observer
) -> None:
    limits = Limits(max_rows=300, flush_seconds=0.02)
    with loading(url, limits) as load:
        with slow_disk(observer), load.running():
            eventually(lambda: load.logs.stats().dropped)
            load.flows()

        load.check(observer)
        assert load.answers["dropped"]


def rows_for(session: int, resume: threading.Event) -> Iterator[tuple[int, str]]:
    """Yield more rows than buffers hold; stop the session that takes them until *resume* is set."""
    for number in range(100_000):
        if number == 1000:
            os.kill(session, signal.SIGSTOP)
            threading.Thread(target=continued, args=(session, resume)).start()
        yield number, "x" * 200


def continued(session: int, resume: threading.Event) -> None:
    resume.wait(2 * _USER_TIMEOUT)
    os.kill(session, signal.SIGCONT)


@pytest.mark.holds("F53")
@pytest.mark.parametrize("milliseconds", [1000 * _USER_TIMEOUT, 30_000])
def test_a_copy_waits_for_a_server_that_takes_nothing_as_long_as_tcp_user_timeout(
    connect: Connect, url: str, observer: Observer, milliseconds: int
) -> None:
    keywords = {**dsn.parse(url).keywords, "host": _ADDRESS, "tcp_user_timeout": str(milliseconds)}
    db = connect(Server("url", keywords).url("postgres"), pool_size=1, max_overflow=0)
    probes.one(db)
    (session,) = observer.backends()
    resume = threading.Event()
    try:
        if milliseconds > 1000 * _USER_TIMEOUT:
            assert probes.load(db, rows_for(session, resume)) == 100_000
        else:
            with pytest.raises(OutcomeUnknownError):
                probes.load(db, rows_for(session, resume))
    finally:
        resume.set()
