"""Faults between working and broken: stopped processes, slow networks, answers that are cut."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest

from oadb.engine import dsn
from oadb.errors import OutcomeUnknownError, UnavailableError
from oadb.testing.control import ServerControl
from tests.faults.proxy import End, Proxy
from tests.faults.traffic import Traffic
from tests.support import pool_probes as probes
from tests.support.rig import Connect, Observer, eventually, threads

pytestmark = pytest.mark.fault


@pytest.mark.holds("F10")
def test_a_server_that_accepts_nobody_serves_its_clients_and_refuses_others_in_time(
    connect: Connect, victim: ServerControl, url: str
) -> None:
    db = connect(url, pool_size=1, max_overflow=1, pool_timeout_seconds=1.0)
    assert probes.one(db) == 1
    postmaster = victim.postmaster
    os.kill(postmaster, signal.SIGSTOP)
    try:
        with db.transaction() as tx:
            assert probes.one(tx) == 1
            started = monotonic()
            with pytest.raises(UnavailableError):
                probes.one(db)
            assert monotonic() - started < 5.0
        assert probes.one(db) == 1
    finally:
        os.kill(postmaster, signal.SIGCONT)
    eventually(lambda: db.stats().size == db.stats().idle)


class _Cut:
    """A hook of the proxy that cuts a connection after some bytes of an answer."""

    def __init__(self, most: int) -> None:
        self.left = most
        self.is_armed = False

    def __call__(self, end: End, data: bytes) -> bool:
        if not self.is_armed or end.is_client:
            return False
        self.left -= len(data)
        if self.left > 0:
            return False
        self.is_armed = False
        end.close(reset=True)
        return True


@pytest.mark.holds("F16", "I2", "I7")
@pytest.mark.parametrize("most", [1, 3_000, 60_000])
def test_an_answer_that_is_cut_in_its_middle_gives_no_rows(
    connect: Connect, url: str, most: int
) -> None:
    with Proxy(dsn.parse(url).keywords) as proxy:
        db = connect(proxy.url, pool_size=1, max_overflow=0)
        probes.put(db, 1, "x" * 100_000)
        assert len(probes.notes(db)) == 1
        proxy.hook = cut = _Cut(most)
        cut.is_armed = True
        assert [len(each) for each in probes.notes(db)] == [100_000], "a read is run again"

        cut.left, cut.is_armed = 1, True
        with pytest.raises(OutcomeUnknownError):
            probes.put(db, 2, "written, and the answer is lost")
        assert sorted(probes.ids(db)) == [1, 2]


@pytest.mark.holds("F17")
def test_a_slow_network_costs_time_and_nothing_else(
    connect: Connect, url: str, observer: Observer
) -> None:
    with Proxy(dsn.parse(url).keywords) as proxy:
        db = connect(proxy.url, pool_size=4, max_overflow=4)
        proxy.delay(0.05)
        with threads(32) as pool:
            assert list(pool.map(lambda n: probes.echo(db, n), range(64))) == [*range(64)]
        assert len(observer.backends()) <= 8
        assert db.stats().overdue == db.stats().stale_replaced == 0
    eventually(lambda: db.stats().leased == 0)


_SERVICE = """
import sys
from oadb.engine.database import Database
from tests.support import pool_probes as probes
from tests.support.rig import config

with Database(config(sys.argv[1], pool_size=2, call_deadline_seconds=0.5)) as db:
    print(probes.one(db), flush=True)
    for line in sys.stdin:
        print(probes.one(db), db.stats().overdue, flush=True)
"""


@pytest.mark.holds("F32")
def test_a_process_that_was_stopped_beyond_its_deadlines_goes_on(url: str) -> None:
    command = [sys.executable, "-c", _SERVICE, url]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    ) as service:
        assert service.stdin is not None
        assert service.stdout is not None
        assert service.stdout.readline() == "1\n"
        service.send_signal(signal.SIGSTOP)
        stopped = monotonic()
        eventually(lambda: monotonic() - stopped > 1.5)
        service.send_signal(signal.SIGCONT)
        service.stdin.write("go on\n")
        service.stdin.flush()
        assert service.stdout.readline() == "1 0\n"
        service.stdin.close()


def test_traffic_through_a_stopped_and_continued_backend_settles(
    connect: Connect, observer: Observer
) -> None:
    db = connect(pool_size=8, max_overflow=0, call_deadline_seconds=0.5)
    traffic = Traffic(db)
    with traffic.running(readers=4, transactors=4, writers=2):
        pids = observer.backends()[:4]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        eventually(lambda: db.stats().overdue >= len(pids))
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        traffic.flows()
    traffic.settles(8)
