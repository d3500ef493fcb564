"""A call is interrupted: by a signal, an exception or a cancellation."""

import asyncio
import ctypes
import signal
import threading
from collections.abc import Callable, Generator

import pytest
from psycopg.pq import TransactionStatus

from oadb.engine.database import AsyncDatabase, Database
from tests.support import pool_probes as probes
from tests.support.rig import Connect, Db, Observer, config, eventually, idle_connections, threads

pytestmark = pytest.mark.fault


class Interruption(BaseException):
    """Thrown into a thread; ``except Exception`` does not catch it."""


@pytest.fixture
def db(url: str) -> Generator[Database]:
    with Database(config(url, pool_size=1, max_overflow=0, pool_timeout_seconds=5.0)) as db:
        yield db


def interrupt_when(condition: Callable[[], object]) -> threading.Thread:
    """Send this process the signal of Ctrl-C as soon as *condition* is true."""

    def wait() -> None:
        eventually(condition)
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def is_whole(db: Db, observer: Observer) -> None:
    """Assert that the pool has its only connection, idle, and that no statement is running."""
    eventually(lambda: db.stats().leased == 0)
    assert probes.one(db) == 1
    with db.transaction() as tx:
        assert probes.one(tx) == 1
    eventually(lambda: db.stats().idle == db.stats().size == 1)
    eventually(lambda: len(observer.backends()) == 1)
    eventually(lambda: len(observer.backends("idle")) == len(observer.backends()) == 1)


@pytest.mark.holds("F45", "I5")
def test_ctrl_c_in_a_query_leaves_the_pool_whole(db: Database, observer: Observer) -> None:
    thread = interrupt_when(lambda: observer.running("pg_sleep"))
    with pytest.raises(KeyboardInterrupt):
        probes.pause(db, 20.0)
    thread.join()

    eventually(lambda: observer.running("pg_sleep") == 0)
    is_whole(db, observer)


@pytest.mark.holds("F45")
def test_ctrl_c_in_a_transaction_rolls_it_back(db: Database, observer: Observer) -> None:
    def work() -> None:
        with db.transaction() as tx:
            probes.put(tx, 1, "rolled back")
            probes.pause(tx, 20.0)

    thread = interrupt_when(lambda: observer.running("pg_sleep"))
    with pytest.raises(KeyboardInterrupt):
        work()
    thread.join()

    is_whole(db, observer)
    assert probes.count_all(db) == 0


def test_ctrl_c_while_waiting_for_a_connection_loses_none(db: Database, observer: Observer) -> None:
    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        with db.transaction():
            held.set()
            go.wait(10)

    with threads(1) as pool:
        holder = pool.submit(hold)
        held.wait(10)
        thread = interrupt_when(lambda: db.stats().waiting == 1)
        with pytest.raises(KeyboardInterrupt):
            probes.one(db)
        thread.join()
        go.set()
        holder.result()

    is_whole(db, observer)


@pytest.mark.holds("F45", "I5")
def test_an_exception_thrown_into_a_thread_leaves_the_pool_whole(
    db: Database, observer: Observer
) -> None:
    ended: list[BaseException] = []

    def work() -> None:
        try:
            while True:
                probes.pause(db, 0.01)
        except Interruption as interruption:
            ended.append(interruption)

    for number in range(1, 11):
        thread = threading.Thread(target=work)
        thread.start()
        eventually(lambda: observer.running("pg_sleep"))
        throw_into(thread)
        thread.join(10)
        assert len(ended) == number

    is_whole(db, observer)


def throw_into(thread: threading.Thread) -> None:
    identity = ctypes.c_ulong(thread.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(identity, ctypes.py_object(Interruption))


def test_a_stream_closed_in_the_middle_leaves_the_pool_whole(
    connect: Connect, observer: Observer
) -> None:
    db = connect(pool_size=1, max_overflow=0)
    for query in (lambda: probes.numbers(db, 100_000), lambda: probes.dump(db)):
        rows = query()
        next(rows)
        rows.close()  # type: ignore[attr-defined]  # a generator

        is_whole(db, observer)


def test_a_stream_that_is_dropped_in_the_middle_leaves_the_pool_whole(
    db: Database, observer: Observer
) -> None:
    for _ in range(5):
        next(probes.numbers(db, 100_000))

    is_whole(db, observer)


def test_a_stream_closed_in_a_transaction_leaves_the_transaction_whole(connect: Connect) -> None:
    db = connect(pool_size=1, max_overflow=0)
    with db.transaction() as tx:
        rows = probes.numbers(tx, 100_000)
        next(rows)
        rows.close()  # type: ignore[attr-defined]  # a generator
        probes.put(tx, 1, "kept")

    assert probes.notes(db) == ["kept"]


async def test_a_stream_closed_early_does_not_disturb_the_next_user_of_its_connection(
    url: str,
) -> None:
    async with AsyncDatabase(config(url, pool_size=1, max_overflow=0)) as db:
        for number in range(10):
            rows = probes.numbers(db, 100_000)
            await anext(rows)
            await rows.aclose()
            async with db.transaction() as tx:
                await probes.put(tx, number, "kept")
                await asyncio.sleep(0)
                await probes.one(tx)

        assert await probes.count_all(db) == 10


async def test_a_stream_closed_early_has_closed_its_cursor(url: str) -> None:
    async with AsyncDatabase(config(url)) as db, db.transaction() as tx:
        rows = probes.numbers(tx, 100_000)
        await anext(rows)
        await rows.aclose()
        connection = tx._session.connection  # type: ignore[union-attr]  # entered
        cursors = await connection.execute(
            "select count(*) from pg_cursors where name like 'oadb%'"
        )

        assert await cursors.fetchone() == (0,)


@pytest.mark.holds("F45", "I5")
async def test_cancelled_tasks_return_their_connection(url: str, observer: Observer) -> None:
    async with AsyncDatabase(config(url, pool_size=1, max_overflow=0)) as db:
        before = await probes.backend(db)
        for _ in range(5):
            task = asyncio.create_task(probes.pause(db, 20.0))
            await asyncio.to_thread(eventually, lambda: observer.running("pg_sleep"))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.to_thread(eventually, lambda: observer.running("pg_sleep") == 0)

        assert await probes.backend(db) == before
        assert db.stats().leased == 0


@pytest.mark.holds("F45")
async def test_a_task_cancelled_in_a_transaction_rolls_it_back(
    url: str, observer: Observer
) -> None:
    async with AsyncDatabase(config(url, pool_size=1, max_overflow=0)) as db:

        async def work() -> None:
            async with db.transaction() as tx:
                await probes.put(tx, 1, "rolled back")
                await probes.pause(tx, 20.0)

        task = asyncio.create_task(work())
        await asyncio.to_thread(eventually, lambda: observer.running("pg_sleep"))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert await probes.count_all(db) == 0
        assert db.stats().leased == 0


async def test_a_task_cancelled_while_it_waits_for_a_connection_loses_none(url: str) -> None:
    async with AsyncDatabase(config(url, pool_size=1, max_overflow=0)) as db:
        async with db.transaction():
            waiting = asyncio.create_task(probes.one(db))
            await asyncio.to_thread(eventually, lambda: db.stats().waiting)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

        assert await probes.one(db) == 1
        assert db.stats().waiting == 0


async def test_a_timeout_of_asyncio_ends_the_query_on_the_server(
    url: str, observer: Observer
) -> None:
    async with AsyncDatabase(config(url, pool_size=1, max_overflow=0)) as db:
        await db.open()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await probes.pause(db, 20.0)

        await asyncio.to_thread(eventually, lambda: observer.running("pg_sleep") == 0)
        assert await probes.one(db) == 1


def test_a_connection_is_never_returned_in_the_middle_of_a_query(
    db: Database, observer: Observer
) -> None:
    thread = interrupt_when(lambda: observer.running("pg_sleep"))
    with pytest.raises(KeyboardInterrupt):
        probes.pause(db, 20.0)
    thread.join()

    eventually(lambda: len(idle_connections(db)) == 1)
    [connection] = idle_connections(db)
    assert connection.info.transaction_status == TransactionStatus.IDLE
