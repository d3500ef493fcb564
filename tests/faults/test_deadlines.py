"""Every call ends by its deadline, whatever has become of the server; the pool heals by itself."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import count
from time import monotonic
from typing import Any

import psycopg
import pytest

from oadb.engine import dsn
from oadb.engine.binding.operations import operation
from oadb.engine.database import AsyncDatabase, Database
from oadb.engine.executors import AsyncExecutor
from oadb.engine.transactions import AsyncTransaction
from oadb.errors import OutcomeUnknownError, PoolTimeoutError, TransactionError, UnavailableError
from tests.faults.proxy import Proxy
from tests.support import pool_probes as probes
from tests.support.instrument_rows import INFY
from tests.support.loading import load
from tests.support.rig import Connect, Db, Observer, config, eventually, is_idle, threads

pytestmark = pytest.mark.fault

_DEADLINE = 0.5

# A deadline is kept within this many seconds: two ticks of the watchdog on a busy machine.
_LATE = 1.0


@pytest.fixture
def only(connect: Connect) -> Db:
    """Give a database with one connection and a short deadline."""
    db = connect(pool_size=1, max_overflow=0, call_deadline_seconds=_DEADLINE)
    assert probes.one(db) == 1
    return db


@pytest.fixture
def proxy(url: str) -> Generator[Proxy]:
    with Proxy(dsn.parse(url).keywords) as proxy:
        yield proxy


@contextmanager
def stopped(observer: Observer) -> Generator[None]:
    """Stop the backends of all clients; they go on at the end."""
    pids = observer.backends()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def in_time(seconds: float = _DEADLINE) -> Generator[None]:
    started = monotonic()
    yield
    assert monotonic() - started < seconds + _LATE


@pytest.mark.holds("F9", "I3", "I5", "I7")
def test_a_read_from_a_stopped_backend_is_unavailable_at_the_deadline(
    only: Db, observer: Observer
) -> None:
    with stopped(observer):
        with in_time(), pytest.raises(UnavailableError, match="before the deadline") as refused:
            probes.backend(only)
        assert str(refused.value).startswith("probe.backend: ")
        with in_time(1.0):
            assert probes.one(only) == 1, "the pool has another connection while it is stopped"
    assert only.stats().overdue == 1
    eventually(lambda: only.stats().idle == only.stats().size == 1)


@pytest.mark.holds("F9", "I3", "I7")
def test_a_write_to_a_stopped_backend_has_an_unknown_outcome(only: Db, observer: Observer) -> None:
    with stopped(observer), in_time(), pytest.raises(OutcomeUnknownError, match="deadline passed"):
        probes.put(only, 1, "sent")
    eventually(lambda: observer.ask("select count(*) from probe") == 1)


@pytest.mark.holds("F13", "I3", "I4", "I7")
def test_all_callers_of_a_server_that_vanished_end_and_the_pool_heals(
    connect: Connect, proxy: Proxy
) -> None:
    db = connect(
        proxy.url,
        pool_size=4,
        max_overflow=4,
        call_deadline_seconds=_DEADLINE,
        pool_timeout_seconds=1.0,
    )
    assert probes.one(db) == 1
    proxy.pause()
    with threads(60) as pool, in_time(4.0):
        calls = [pool.submit(probes.one, db) for _ in range(60)]
        errors = [call.exception() for call in calls]
    assert all(isinstance(error, UnavailableError) for error in errors)
    proxy.resume()
    started = monotonic()
    eventually(lambda: _answers(db), 10.0)
    assert monotonic() - started < 4.0


def _answers(db: Db) -> bool:
    try:
        return probes.one(db) == 1
    except UnavailableError:
        return False


def test_within_bounds_the_wait_for_a_connection_as_well(only: Db) -> None:
    with only.transaction(), in_time(0.3), pytest.raises(PoolTimeoutError, match="no connection"):
        probes.one(_within(only, 0.3))
    assert probes.one(_within(only, 5.0)) == 1


def test_within_bounds_a_statement_that_runs(only: Db, observer: Observer) -> None:
    with in_time(0.2), pytest.raises(UnavailableError, match="before the deadline"):
        probes.pause(_within(only, 0.2), 0.45)
    eventually(lambda: observer.running("pg_sleep") == 0)


def test_a_transaction_has_a_deadline_as_a_whole(connect: Connect) -> None:
    db = connect(pool_size=1, max_overflow=0)

    def work() -> None:
        with db.transaction(deadline=timedelta(seconds=0.4)) as tx:
            probes.put(tx, 1, "rolled back")
            for _ in range(20):
                probes.pause(tx, 0.1)

    with in_time(0.4), pytest.raises(UnavailableError, match="before the deadline"):
        work()
    assert probes.count_all(db) == 0


@pytest.mark.holds("F28")
def test_a_transaction_whose_owner_is_busy_beyond_its_deadline_is_taken_back(
    connect: Connect,
) -> None:
    db = connect(pool_size=1, max_overflow=0)

    def work() -> None:
        with db.transaction(deadline=timedelta(seconds=0.2)) as tx:
            probes.put(tx, 1, "rolled back")
            eventually(lambda: probes.one(db) == 1)  # another caller has a connection again
            probes.put(tx, 2, "too late")

    with pytest.raises(UnavailableError, match="before the deadline"):
        work()
    assert probes.count_all(db) == 0
    eventually(lambda: db.stats().leased == 0)


@pytest.mark.holds("F13")
def test_an_operation_may_allow_the_statements_of_its_transaction_more_time(only: Db) -> None:
    @operation
    async def work(db: AsyncExecutor) -> None:
        async with db.transaction() as tx:
            tx.allow(timedelta(seconds=10))
            await probes.pause(tx, 1.5)

    work(only)  # type: ignore[arg-type]  # or its double for asyncio
    with in_time(), pytest.raises(UnavailableError, match="before the deadline"):
        probes.pause(only, 1.5)


def test_a_load_waits_longer_than_the_deadline_of_a_call(oadb_database_url: str) -> None:
    observer = Observer(oadb_database_url)
    with Database(config(oadb_database_url, call_deadline_seconds=_DEADLINE)) as db:
        rows = [INFY]
        with psycopg.connect(oadb_database_url) as other, threads(1) as pool:
            other.execute("lock table oadb.instruments in share mode")
            loaded = pool.submit(load, db, rows)
            eventually(lambda: observer.running("hold_search_indexes"))
            sleep_until = monotonic() + 2 * _DEADLINE
            eventually(lambda: monotonic() > sleep_until)
            other.rollback()
            assert loaded.result().inserted == 1


def test_a_commit_that_is_not_answered_has_an_unknown_outcome(
    connect: Connect, proxy: Proxy
) -> None:
    db = connect(proxy.url, pool_size=1, max_overflow=0, call_deadline_seconds=_DEADLINE)

    def work() -> None:
        with db.transaction() as tx:
            probes.put(tx, 1, "one")
            proxy.pause()

    with in_time(), pytest.raises(OutcomeUnknownError, match=r"commit: the deadline passed"):
        work()
    proxy.resume()


@pytest.mark.holds("F13", "I3", "I7")
def test_a_stream_has_a_deadline_for_each_batch(connect: Connect, proxy: Proxy) -> None:
    db = connect(proxy.url, pool_size=1, max_overflow=0, call_deadline_seconds=_DEADLINE)
    rows = iter(probes.numbers(db, 100_000))
    next(rows)
    proxy.pause()
    with in_time(), pytest.raises(UnavailableError, match="before the deadline"):
        list(rows)
    proxy.resume()
    eventually(lambda: _answers(db))


async def _cancelled(work: Any) -> float:
    """Cancel *work* once it waits for the server; return the seconds that it took to end."""
    task = asyncio.ensure_future(work)
    await asyncio.sleep(0.2)
    started = monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return monotonic() - started


@pytest.mark.holds("F9", "F45")
async def test_cancelling_a_call_to_a_stopped_backend_ends_it_at_once(
    url: str, observer: Observer
) -> None:
    async with AsyncDatabase(config(url, pool_size=1, max_overflow=0)) as db:
        with stopped(observer):
            assert await _cancelled(probes.one(db)) < 0.1
            async with asyncio.timeout(5):
                assert await probes.one(db) == 1
        assert is_idle(db)


@pytest.mark.holds("F9", "F45")
async def test_cancelling_a_transaction_on_a_stopped_backend_ends_it_at_once(
    url: str, observer: Observer
) -> None:
    async with AsyncDatabase(config(url, pool_size=1, max_overflow=0)) as db:

        async def work() -> None:
            async with db.transaction() as tx:
                await probes.put(tx, 1, "rolled back")
                async with tx.transaction() as nested:
                    with stopped(observer):
                        await probes.one(nested)

        assert await _cancelled(work()) < 0.1
        assert await probes.count_all(db) == 0


async def _read_slowly(db: AsyncDatabase) -> None:
    async for _ in probes.dump(db):
        await asyncio.sleep(20)


async def _read(db: AsyncDatabase) -> None:
    async for _ in probes.numbers(db, 100_000_000):
        pass


async def _write(db: AsyncDatabase) -> None:
    await probes.load(db, ((number, "x" * 500) for number in count(10)))


@pytest.mark.holds("F9", "F45")
@pytest.mark.parametrize("work", [_read_slowly, _read, _write])
async def test_cancelling_a_stream_or_a_copy_on_a_stopped_backend_ends_it_at_once(
    url: str, observer: Observer, work: Callable[[AsyncDatabase], Coroutine[Any, Any, None]]
) -> None:
    async with AsyncDatabase(config(url, pool_size=1, max_overflow=1)) as db:
        await probes.put(db, 1, "x" * 100_000)
        task = asyncio.ensure_future(work(db))
        await asyncio.sleep(0.3)
        with stopped(observer):
            assert await _cancelled(task) < 0.1
            async with asyncio.timeout(5):
                assert await probes.one(db) == 1


async def test_a_statement_that_timed_out_in_a_savepoint_does_not_end_the_transaction(
    url: str,
) -> None:
    async def try_for_a_while(tx: AsyncTransaction) -> None:
        async with asyncio.timeout(0.1), tx.transaction() as nested:
            await probes.put(nested, 2, "rolled back")
            await probes.pause(nested, 20.0)

    async with AsyncDatabase(config(url, pool_size=1, max_overflow=0)) as db:
        async with db.transaction() as tx:
            await probes.put(tx, 1, "kept")
            with pytest.raises(TimeoutError):
                await try_for_a_while(tx)
            await probes.put(tx, 3, "kept")
        assert await probes.ids(db) == [1, 3]


async def test_a_transaction_that_swallowed_a_timeout_is_rolled_back(url: str) -> None:
    async def work(db: AsyncDatabase) -> None:
        async with db.transaction() as tx:
            await probes.put(tx, 1, "rolled back")
            with suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await probes.pause(tx, 20.0)

    async with AsyncDatabase(config(url, pool_size=1, max_overflow=0)) as db:
        with pytest.raises(TransactionError, match="swallowed"):
            await work(db)
        assert await probes.count_all(db) == 0


def _within(db: Db, seconds: float) -> Any:
    return db.within(seconds)
