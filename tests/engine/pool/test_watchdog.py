"""The watchdog and what callers rely on it for, where something goes wrong in this process."""

import _thread
import asyncio
import gc
import threading
from collections.abc import Callable
from datetime import timedelta
from statistics import median
from time import monotonic
from typing import Any

import pytest

from oadb.engine import transactions, wire
from oadb.engine.database import AsyncDatabase, Database
from oadb.engine.pool import upkeep
from oadb.engine.pool.connection_pool import Pool
from oadb.engine.pool.waiters import WaitingThread
from oadb.engine.pool.watchdog import Watchdog
from oadb.engine.prepared_statements import PreparedStatement
from oadb.errors import TransactionError, UnavailableError
from tests.support import pool_probes as probes
from tests.support.rig import config, eventually


def test_a_thread_that_cannot_be_started_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    watchdog, refusals = Watchdog(), iter([True, True, False])
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "oadb pool" and next(refusals, False):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    watchdog.start(lambda: started.append("work"))

    eventually(lambda: started == ["work"])
    watchdog._generation += 1  # ends its thread
    watchdog.expect(0.0)


def test_a_watchdog_that_failed_looks_again() -> None:
    looks: list[float] = []

    class Failing:
        def inspect(self, now: float) -> float:
            looks.append(now)
            raise ValueError("on purpose")

    watchdog, failing = Watchdog(), Failing()
    watchdog.watch(failing)

    eventually(lambda: len(looks) > 1)
    watchdog._generation += 1
    watchdog.expect(0.0)


def test_pools_that_are_made_at_once_have_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    class Quiet:
        def inspect(self, now: float) -> float:
            return now + 1

    started: list[object] = []
    monkeypatch.setattr(_thread, "start_new_thread", lambda *given: started.append(given))
    watchdog, pools = Watchdog(), [Quiet(), Quiet()]
    for each in pools:
        watchdog.watch(each)

    assert len(started) == 1


def test_a_watchdog_sleeps_until_something_is_due() -> None:
    class Work:
        def __init__(self) -> None:
            self.timeouts: list[float] = []

        def get(self, timeout: float) -> float:
            self.timeouts.append(timeout)
            watchdog._generation += 1  # ends its thread
            return 0.0

    class Late(Watchdog):
        def _look(self, now: float) -> None:
            self._next = now + 60

    watchdog, work = Late(), Work()
    watchdog._work = work  # type: ignore[assignment]  # stands in for the queue
    watchdog._ensure_running()

    eventually(lambda: bool(work.timeouts))
    assert work.timeouts[0] > 1


def test_a_short_deadline_does_not_wait_for_the_next_look(url: str) -> None:
    with Database(config(url, pool_size=1, max_overflow=0)) as db:
        times: list[float] = []
        for _ in range(9):
            assert probes.one(db) == 1  # connected again
            started = monotonic()
            with pytest.raises(UnavailableError, match="before the deadline"):
                probes.pause(db.within(0.05), 1.0)
            times.append(monotonic() - started)
        assert median(times) < 0.15, "an interval between two looks is longer"


def test_a_caller_that_left_the_queue_is_not_counted_as_one_that_has_a_connection(url: str) -> None:
    with Database(config(url, pool_size=1, max_overflow=0)) as db:
        assert probes.one(db) == 1
        idle = db._inner._pool._idle
        connection = idle.pop()
        waiter = WaitingThread()
        idle.enqueue(waiter, "a caller")
        assert waiter.withdraw() is None
        idle.push(connection)

        assert db.stats().leased == 0
        assert probes.one(db) == 1


def test_a_lease_that_is_never_confirmed_is_taken_back(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "UNCONFIRMED", 0.2)
    with Database(config(url, pool_size=1, max_overflow=0)) as db:
        assert probes.one(db) == 1
        with monkeypatch.context() as interrupted:
            interrupted.setattr(transactions, "TransactionSession", _interrupt)
            with pytest.raises(KeyboardInterrupt):
                db.transaction().__enter__()
        assert db.stats().leased == 1

        assert probes.one(db) == 1, "another connection is opened in its place"
        assert db.stats().overdue == 1


def test_a_transaction_that_is_interrupted_before_it_returns_its_connection_is_taken_back(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(db: Database) -> None:
        with db.transaction() as tx:
            assert probes.one(tx) == 1

    with Database(config(url, pool_size=1, max_overflow=0)) as db:
        with monkeypatch.context() as interrupted:
            interrupted.setattr(Pool, "release", _interrupt)
            with pytest.raises(KeyboardInterrupt):
                work(db)
        gc.collect()

        assert probes.one(db) == 1, "another connection is opened in its place"
        assert db.stats().leaked == 1


def test_a_connection_that_is_neither_idle_nor_leased_is_replaced(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_IN_BETWEEN", 0.2)
    with Database(config(url, pool_size=1, max_overflow=0)) as db:
        assert probes.one(db) == 1
        assert db._inner._pool._idle.pop()  # as a caller does that is interrupted then

        assert probes.one(db) == 1
        assert db.stats().lost == 1


def test_a_transaction_that_its_own_statement_ended_goes_on_with_none(url: str) -> None:
    def work(db: Database) -> None:
        with db.transaction() as tx:
            probes.put(tx, 1, "committed by hand")
            tx._inner._open.connection.execute("commit")
            probes.put(tx, 2, "never sent")

    with Database(config(url, pool_size=1, max_overflow=0)) as db:
        with pytest.raises(TransactionError, match="ended by one of its own statements"):
            work(db)
        assert probes.ids(db) == [1]


def test_ctrl_c_in_a_transaction_that_was_taken_back_is_not_replaced(url: str) -> None:
    def work(db: Database) -> None:
        with db.transaction(deadline=timedelta(seconds=0.1)) as tx:
            probes.one(tx)
            assert probes.one(db) == 1  # another caller has a connection again
            raise KeyboardInterrupt

    with Database(config(url, pool_size=1, max_overflow=0)) as db:
        with pytest.raises(KeyboardInterrupt):
            work(db)
        assert probes.one(db) == 1


def test_ctrl_c_while_a_stream_begins_is_not_replaced(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Database(config(url, pool_size=1, max_overflow=0)) as db:
        assert probes.one(db) == 1
        with monkeypatch.context() as interrupted:
            interrupted.setattr(wire, "leave_pipeline", _interrupt)
            with pytest.raises(KeyboardInterrupt):
                next(iter(probes.numbers(db, 5)))
        assert [*probes.numbers(db, 3)] == [1, 2, 3]


def _interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def _interrupt_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupt the next exchange of several statements before anything is sent."""
    original: Callable[..., wire.Exchange] = wire._pipeline

    def interrupted(*_: object) -> wire.Exchange:
        monkeypatch.setattr(wire, "_pipeline", original)
        raise KeyboardInterrupt

    monkeypatch.setattr(wire, "_pipeline", interrupted)


def test_a_begin_that_was_not_sent_is_sent_with_the_next_statement(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(db: Database) -> None:
        with db.transaction() as tx:
            _interrupt_once(monkeypatch)
            with pytest.raises(KeyboardInterrupt):
                probes.put(tx, 1, "not sent")
            probes.put(tx, 2, "rolled back")
            raise ValueError("on purpose")

    with Database(config(url, pool_size=1, max_overflow=0)) as db:
        with pytest.raises(ValueError, match="on purpose"):
            work(db)
        assert probes.ids(db) == []


def test_a_statement_that_was_interrupted_after_the_server_parsed_it_is_parsed_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = wire._pipeline

    def interrupted(*args: Any) -> wire.Exchange:
        monkeypatch.setattr(wire, "_pipeline", original)
        yield from original(*args)
        raise KeyboardInterrupt

    with Database(config(url, pool_size=1, max_overflow=0)) as db:
        before = probes.backend(db)
        monkeypatch.setattr(wire, "_pipeline", interrupted)
        with pytest.raises(KeyboardInterrupt):
            probes.echo(db, 7)
        assert [probes.echo(db, number) for number in range(3)] == [0, 1, 2]
        assert probes.backend(db) == before


def test_the_names_of_a_statement_that_is_parsed_again_differ_in_the_bytes_that_count() -> None:
    statement = PreparedStatement(b"0 " + 80 * b"x", None)
    names: set[bytes] = set()
    for _ in range(3):
        statement.rename()
        names.add(statement.name[:63])

    assert len(names) == 3


def use_in_two_loops(url: str) -> None:
    """Use a database in an event loop that ends in the middle of calls, and in the next one."""
    db = AsyncDatabase(config(url, pool_size=2, max_overflow=0))

    async def leave_in_the_middle() -> None:
        assert await probes.one(db) == 1
        calls = [asyncio.ensure_future(probes.pause(db, 20.0)) for _ in range(2)]
        await asyncio.to_thread(eventually, lambda: db.stats().leased == len(calls))

    async def call() -> int:
        answer = await probes.one(db)
        # psycopg_pool does not let a loop end while it connects.
        await asyncio.to_thread(eventually, lambda: db.stats().idle == db.stats().size == 2)
        return answer

    asyncio.run(leave_in_the_middle())
    assert asyncio.run(call()) == 1
    asyncio.run(db.close())


def test_an_async_database_works_in_the_event_loop_after_one_that_ended_in_its_middle(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    use_in_two_loops(url)
    gc.collect()

    assert caplog.messages == []  # asyncio would say that its tasks were destroyed


async def test_an_async_database_is_refused_in_two_event_loops_at_once(url: str) -> None:
    async with AsyncDatabase(config(url, pool_size=1)) as db:
        with pytest.raises(UnavailableError, match="make one for each loop"):
            await asyncio.to_thread(lambda: asyncio.run(probes.one(db)))
        assert await probes.one(db) == 1
