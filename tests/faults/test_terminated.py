"""Sessions end at random: by pg_terminate_backend, or cut by a proxy."""

import random
from collections.abc import Callable
from time import sleep

import psycopg
import pytest

from oadb.engine import dsn
from tests.faults.proxy import Proxy
from tests.faults.traffic import Traffic
from tests.support import pool_probes as probes
from tests.support.rig import Connect, Observer, eventually, threads

pytestmark = pytest.mark.fault


def terminate(url: str, sessions: int) -> None:
    """End *sessions* random sessions of the pool, at most one every 50 ms."""
    ended = 0
    with psycopg.connect(url, autocommit=True, application_name="terminator") as terminator:
        while ended < sessions:
            cursor = terminator.execute(
                "select pid from pg_stat_activity where datname = current_database() "
                "and application_name like 'oadb/%'"
            )
            pids = [pid for (pid,) in cursor]
            if pids:
                terminator.execute("select pg_terminate_backend(%s::int)", [random.choice(pids)])
                ended += 1
            sleep(0.05)  # paces the faults; it waits for nothing


@pytest.mark.parametrize("sessions", [15, pytest.param(900, marks=pytest.mark.slow)])
@pytest.mark.holds("F6", "I1", "I2", "I5", "I7")
def test_reads_and_transact_do_not_notice_terminated_backends(
    connect: Connect, url: str, observer: Observer, sessions: int
) -> None:
    db = connect(pool_size=8, max_overflow=0)
    traffic = Traffic(db)
    with traffic.running(readers=6, transactors=6, writers=4):
        terminate(url, sessions)

    traffic.set_aside_lost_commits()
    traffic.check(observer)
    traffic.settles(8)


@pytest.mark.parametrize("fault", [Proxy.cut, Proxy.reset])
@pytest.mark.holds("F11", "F12", "I1", "I2", "I5", "I7")
def test_reads_and_transact_do_not_notice_cut_connections(
    connect: Connect, url: str, observer: Observer, fault: Callable[[Proxy], None]
) -> None:
    with Proxy(dsn.parse(url).keywords) as proxy:
        db = connect(proxy.url, pool_size=8, max_overflow=0)
        traffic = Traffic(db)
        with traffic.running(readers=3, transactors=3, writers=2):
            for _ in range(3):
                fault(proxy)
                traffic.flows()
        traffic.set_aside_lost_commits()
        traffic.settles(8)
        db.close()
    # Statements of cut connections may still be running.
    eventually(lambda: observer.backends("active") == [])
    traffic.check(observer)


@pytest.mark.holds("F7")
def test_cancelled_queries_raise_and_are_not_repeated(connect: Connect, observer: Observer) -> None:
    db = connect(pool_size=1, max_overflow=0)
    pid = probes.backend(db)
    with threads(1) as pool:
        answer = pool.submit(probes.pause, db, 20.0)
        eventually(lambda: observer.running("pg_sleep"))
        observer.ask("select pg_cancel_backend(%s)", pid)

        assert isinstance(answer.exception(), psycopg.errors.QueryCanceled)
    assert probes.backend(db) == pid
