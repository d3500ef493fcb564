"""The pool: the number of its connections, waiting callers, and closing."""

import asyncio
import threading
from functools import partial
from statistics import median
from time import monotonic
from typing import Any

import psycopg_pool
import pytest

from oadb.engine.database import AsyncDatabase, Database
from oadb.engine.pool import upkeep
from oadb.engine.pool.upkeep import Upkeep
from oadb.errors import PoolTimeoutError, TransactionError, UnavailableError
from tests.support import pool_probes as probes
from tests.support.rig import Connect, Db, Observer, config, eventually, pool_of, threads


def open_connections(db: Db) -> tuple[int, int]:
    stats = db.stats()
    return stats.size, stats.idle


def test_nothing_is_connected_before_the_first_call(connect: Connect, observer: Observer) -> None:
    db = connect(pool_size=2)

    assert open_connections(db) == (0, 0)
    observer.keeps(0)


def test_the_first_call_opens_the_pool(connect: Connect) -> None:
    assert probes.one(connect()) == 1


def test_pool_size_connections_are_kept_open(connect: Connect, observer: Observer) -> None:
    db = connect(pool_size=4, max_overflow=3)
    db.open()

    eventually(lambda: open_connections(db) == (4, 4))
    eventually(lambda: len(observer.backends("idle")) == 4)
    assert probes.one(db) == 1
    assert len(observer.backends("idle")) == 4


def test_nobody_asks_for_one_more_while_connections_are_being_made(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """psycopg_pool makes one more if it is asked before it has those it makes."""
    pool, asked = psycopg_pool.ConnectionPool, threading.Semaphore(0)
    add, count, get = pool._add_to_pool, pool.get_stats, pool.getconn

    def add_late(self: Any, connection: Any) -> None:
        for _ in range(3):
            assert asked.acquire(timeout=10)
        add(self, connection)

    def counted(self: Any) -> Any:
        asked.release()
        return count(self)

    def got(self: Any, seconds: float) -> Any:
        asked.release(3)
        return get(self, seconds)

    for name, double in {"_add_to_pool": add_late, "get_stats": counted, "getconn": got}.items():
        monkeypatch.setattr(pool, name, double)
    with Database(config(url, pool_size=2)) as db, threads(2) as callers:
        assert list(callers.map(lambda _: probes.pause(db, 0.1), range(2))) == [1, 1]
        assert db.stats().size == 2


def test_no_more_than_size_and_overflow_are_opened(connect: Connect, observer: Observer) -> None:
    db = connect(pool_size=1, max_overflow=2)
    with threads(8) as pool:
        answers = [pool.submit(probes.pause, db, 0.3) for _ in range(8)]
        eventually(lambda: observer.running("pg_sleep") == 3)
        most = len(observer.backends())

    assert [answer.result() for answer in answers] == [1] * 8
    assert most == db.stats().size == db.stats().most == 3


@pytest.mark.long("waits until they are idle")
def test_connections_beyond_the_size_are_closed_when_they_are_not_used(
    connect: Connect, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "OVERFLOW_UNUSED", 0.2)
    db = connect(pool_size=1, max_overflow=3)
    with threads(4) as pool:
        assert list(pool.map(lambda _: probes.pause(db, 0.1), range(12))) == [1] * 12
        assert db.stats().size == 4

    eventually(lambda: open_connections(db) == (1, 1))
    observer.keeps(1)
    assert probes.one(db) == 1


def test_without_overflow_calls_share_the_connections_of_the_pool(
    connect: Connect, observer: Observer
) -> None:
    db = connect(pool_size=1, max_overflow=0)
    with threads(4) as pool:
        pids = set(pool.map(lambda _: probes.backend(db), range(20)))

    assert len(pids) == 1
    eventually(lambda: observer.backends() == list(pids))


def test_a_pool_timeout_names_what_holds_the_connections(connect: Connect) -> None:
    db = connect(pool_size=1, max_overflow=0, pool_timeout_seconds=0.3)
    with db.transaction():
        started = monotonic()
        with pytest.raises(PoolTimeoutError) as caught:
            probes.one(db)
        waited = monotonic() - started

    assert 0.25 <= waited < 1.3
    assert "1 of 1 connections are in use, longest by a transaction for" in str(caught.value)
    assert "DB_POOL_SIZE" in str(caught.value)


@pytest.mark.long("waits for a timeout")
def test_the_query_that_holds_a_connection_longest_is_named(connect: Connect) -> None:
    db = connect(pool_size=1, max_overflow=0, pool_timeout_seconds=0.3)
    probes.one(db)
    with threads(1) as pool:
        holder = pool.submit(probes.pause, db, 1.0)
        eventually(lambda: db.stats().leased == 1)
        with pytest.raises(PoolTimeoutError, match=r"longest by probe\.pause for"):
            probes.one(db)

    assert holder.result() == 1


def test_the_newest_calls_are_refused_at_once_where_too_many_wait(connect: Connect) -> None:
    db = connect(pool_size=1, max_overflow=0, pool_timeout_seconds=60.0, pool_max_waiting=4)
    with threads(12) as pool:
        with db.transaction():
            waiting = [pool.submit(probes.one, db) for _ in range(4)]
            eventually(lambda: db.stats().waiting == 4)
            newest = [pool.submit(probes.one, db) for _ in range(8)]
            refused = [answer.exception(timeout=2) for answer in newest]
        served = [answer.result() for answer in waiting]

    assert served == [1] * 4
    assert all(isinstance(error, PoolTimeoutError) for error in refused)
    assert all("4 callers are waiting already" in str(error) for error in refused)


@pytest.mark.long("hundreds of threads")
def test_a_burst_far_beyond_the_pool_is_served_in_its_order(connect: Connect) -> None:
    db = connect(pool_size=1, max_overflow=1)
    probes.put(db, 1, "counter")
    with threads(300) as pool:
        with db.transaction(), db.transaction():
            answers = []
            for number in range(1, 301):
                answers.append(pool.submit(probes.bump, db, 1))
                eventually(partial(_waiting, db, number))
        served = [answer.result() for answer in answers]

    assert sorted(served) == [*range(1, 301)]
    # A thread that has its connection may have to wait for a processor: single ones may be late.
    assert median(abs(place - number) for number, place in enumerate(served, 1)) < 5


def _waiting(db: Db, callers: int) -> bool:
    return db.stats().waiting == callers


def test_a_waiting_call_gets_the_connection_that_is_returned(connect: Connect) -> None:
    db = connect(pool_size=1, max_overflow=0)
    with threads(1) as pool, db.transaction():
        answer = pool.submit(probes.one, db)
        eventually(lambda: db.stats().waiting == 1)

        assert not answer.done()
    assert answer.result() == 1
    assert db.stats().waiting == 0


def test_nothing_stays_leased_after_calls_that_failed(connect: Connect) -> None:
    db = connect(pool_size=2, max_overflow=0)
    for _ in range(10):
        with pytest.raises(Exception, match="division by zero"):
            probes.divide(db, 0)

    assert db.stats().leased == 0
    eventually(lambda: open_connections(db) == (2, 2))


def test_stats_count_connections_in_use(connect: Connect) -> None:
    db = connect(pool_size=2, max_overflow=1)
    with db.transaction(), db.transaction():
        assert db.stats().leased == 2
    assert db.stats().leased == db.stats().leaked == db.stats().stale_replaced == 0


def test_closing_ends_every_idle_connection(connect: Connect, observer: Observer) -> None:
    db = connect(pool_size=3, max_overflow=0)
    db.open()
    eventually(lambda: len(observer.backends()) == 3)
    db.close()

    eventually(lambda: observer.backends() == [])


def test_a_transaction_that_is_open_while_the_database_closes_still_commits(
    connect: Connect, observer: Observer
) -> None:
    db = connect(pool_size=2)
    with db.transaction() as tx:
        probes.put(tx, 1, "kept")
        db.close()

    assert observer.ask("select note from probe") == "kept"
    eventually(lambda: observer.backends() == [])


def test_a_closed_database_says_so(connect: Connect) -> None:
    db = connect()
    probes.one(db)
    db.close()

    with pytest.raises(UnavailableError, match=r"closed: close\(\) was called"):
        probes.one(db)
    with pytest.raises(UnavailableError, match="closed"), db.transaction():
        pass


def test_a_database_closed_before_its_first_call_stays_closed(connect: Connect) -> None:
    db = connect()
    db.close()

    with pytest.raises(UnavailableError, match="closed"):
        probes.one(db)


def test_a_database_closed_while_its_first_call_begins_keeps_no_connection(
    connect: Connect, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, fetch = threading.Event(), Upkeep._fetch

    async def fetch_late(upkeep: Upkeep) -> None:
        while not closed.is_set():
            await upkeep._driver.sleep(0.01)
        await fetch(upkeep)

    monkeypatch.setattr(Upkeep, "_fetch", fetch_late)
    db = connect(pool_size=2)
    with threads(1) as pool:
        answer = pool.submit(probes.one, db)
        eventually(lambda: db.stats().waiting == 1)
        db.close()
        closed.set()

        assert isinstance(answer.exception(), UnavailableError)
    eventually(lambda: not pool_of(db)._upkeep._is_fetching)
    observer.keeps(0)


def test_a_connection_returned_while_the_database_closes_is_closed(
    connect: Connect, observer: Observer
) -> None:
    db = connect(pool_size=1, max_overflow=0)
    probes.one(db)
    idle = pool_of(db)._idle
    connection = idle.pop()
    db.close()
    idle.push(connection)  # as a thread does that saw it open

    observer.keeps(0)


def test_a_waiting_call_fails_when_the_database_is_closed(connect: Connect) -> None:
    db = connect(pool_size=1, max_overflow=0)
    with threads(1) as pool, db.transaction():
        answer = pool.submit(probes.one, db)
        eventually(lambda: db.stats().waiting == 1)
        db.close()

        assert isinstance(answer.exception(), UnavailableError)


def test_closing_twice_does_nothing(connect: Connect) -> None:
    db = connect()
    probes.one(db)
    db.close()
    db.close()


def test_a_with_block_closes_the_database(url: str, observer: Observer) -> None:
    with Database(config(url)) as db:
        assert probes.one(db) == 1

    eventually(lambda: observer.backends() == [])


async def test_an_async_with_block_closes_the_database(url: str, observer: Observer) -> None:
    async with AsyncDatabase(config(url)) as db:
        assert await probes.one(db) == 1

    eventually(lambda: observer.backends() == [])


async def test_no_task_is_left_when_a_database_is_closed_while_a_connection_is_cleared(
    url: str, observer: Observer
) -> None:
    db = AsyncDatabase(config(url, pool_size=1, max_overflow=0))
    call = asyncio.create_task(probes.pause(db, 20.0))
    await asyncio.to_thread(eventually, lambda: observer.running("pg_sleep"))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    await db.close()

    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_tasks_run_at_the_same_time(url: str) -> None:
    started = monotonic()
    async with AsyncDatabase(config(url, pool_size=8)) as db:
        await asyncio.gather(*(probes.pause(db, 0.3) for _ in range(8)))

    assert monotonic() - started < 2


def test_a_transaction_cannot_be_used_after_its_end(connect: Connect) -> None:
    db = connect()
    with db.transaction() as tx:
        probes.one(tx)

    with pytest.raises(TransactionError):
        probes.one(tx)
