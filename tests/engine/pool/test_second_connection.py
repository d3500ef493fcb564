"""Who holds a connection and asks the Database for another is told so, before the pool starves."""

import asyncio
import threading
import warnings
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from oadb import AsyncDatabase, Database
from oadb.errors import ConfigError, SecondConnectionError, SecondConnectionWarning
from tests.support import pool_probes as probes
from tests.support.rig import config

HELD = r"already holds a transaction \(begun at .*test_second_connection\.py:\d+\): pass tx"


@pytest.fixture
def db(url: str) -> Generator[Database]:
    with Database(config(url, second_connection="warn")) as db:
        yield db


@pytest.fixture
def strict(url: str) -> Generator[Database]:
    with Database(config(url, second_connection="error")) as db:
        yield db


def test_a_thread_that_asks_again_is_warned_with_both_places(db: Database) -> None:
    with db.transaction() as tx:
        probes.one(tx)
        with pytest.warns(SecondConnectionWarning, match="probe.one: this thread " + HELD) as told:
            probes.one(db)

    assert [record.filename for record in told] == [__file__]


def test_a_place_is_told_once(db: Database) -> None:
    def ask() -> None:
        with db.transaction():
            probes.one(db)

    def ask_twice() -> None:
        ask()
        ask()

    with pytest.warns(SecondConnectionWarning) as told:
        ask_twice()

    assert len(told) == 1


async def test_a_task_that_asks_again_is_warned(url: str) -> None:
    settings = config(url, second_connection="warn")
    async with AsyncDatabase(settings) as adb, adb.transaction() as tx:
        await probes.one(tx)
        with pytest.warns(SecondConnectionWarning, match="probe.one: this task " + HELD):
            await probes.one(adb)


async def test_tasks_beside_each_other_are_not_told(url: str) -> None:
    async def work(adb: AsyncDatabase) -> None:
        async with adb.transaction() as tx:
            await probes.pause(tx, 0.01)
        await probes.one(adb)

    async with AsyncDatabase(config(url, second_connection="error")) as adb:
        await asyncio.gather(*[work(adb) for _ in range(12)])


def test_threads_beside_each_other_are_not_told(strict: Database) -> None:
    def work(_: int) -> None:
        with strict.transaction() as tx:
            probes.pause(tx, 0.01)
        probes.one(strict)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(16)))


@pytest.mark.parametrize("again", ["call", "transaction", "batch", "operation", "as identity"])
def test_every_way_of_asking_is_refused_where_that_is_wanted(strict: Database, again: str) -> None:
    ways: dict[str, Callable[[], object]] = {
        "call": lambda: probes.one(strict),
        "transaction": lambda: strict.transaction().__enter__(),
        "batch": lambda: _batch(strict),
        "operation": lambda: strict.transact(probes.one),
        "as identity": lambda: probes.one(strict.within(5)),
    }
    with strict.transaction() as tx:
        with pytest.raises(SecondConnectionError, match=HELD):
            ways[again]()
        assert probes.one(tx) == 1
    assert strict.stats().leased == 0


def _batch(db: Database) -> None:
    with db.batch() as batch:
        probes.one(batch)


def test_a_reader_of_a_stream_is_told_to_read_it_in_a_transaction(strict: Database) -> None:
    rows = probes.numbers(strict, 3)
    next(rows)
    with pytest.raises(
        SecondConnectionError,
        match=r"holds the stream probe\.numbers .*: read it and ask in one transaction",
    ):
        probes.one(strict)
    rows.close()
    assert probes.one(strict) == 1


def test_a_plain_connection_is_held_too(strict: Database) -> None:
    with strict.connection(), pytest.raises(SecondConnectionError, match="a plain connection"):
        probes.one(strict)
    assert probes.one(strict) == 1


def test_calls_that_are_meant_outside_are_not_told(strict: Database) -> None:
    with strict.transaction() as tx:
        probes.put(tx, 1, "rolled back")
        probes.put(strict.outside(), 2, "stays")
        with strict.outside().transaction() as other:
            probes.put(other, 3, "stays")
        probes.one(strict.within(5).outside())
        probes.one(strict.outside().within(5))


def test_whoever_may_ask_again_is_not_told(url: str) -> None:
    with Database(config(url, second_connection="allow")) as db, db.transaction():
        assert probes.one(db) == 1


def test_a_transaction_that_ended_is_not_held(strict: Database) -> None:
    with pytest.raises(ZeroDivisionError), strict.transaction():
        raise ZeroDivisionError
    with strict.transaction() as tx, tx.transaction():
        pass

    assert probes.one(strict) == 1


def test_transactions_that_end_in_another_order_are_not_held(strict: Database) -> None:
    first, second = strict.transaction(), strict.outside().transaction()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    with pytest.raises(SecondConnectionError):
        probes.one(strict)
    second.__exit__(None, None, None)

    assert probes.one(strict) == 1


def test_another_database_may_be_asked(strict: Database, url: str) -> None:
    with strict.transaction(), Database(config(url, second_connection="error")) as other:
        assert probes.one(other) == 1


def test_what_a_hook_began_is_held_while_its_caller_goes_on(strict: Database) -> None:
    """A web framework calls one function before the request, and another one for it."""

    def serve() -> None:
        with ExitStack() as stack:
            _begin(stack, strict)
            with pytest.raises(SecondConnectionError):
                probes.one(strict)

    serve()


def _begin(stack: ExitStack, db: Database) -> None:
    stack.enter_context(db.transaction())


def test_a_thread_of_a_pool_does_not_hold_what_it_began_for_another_one(strict: Database) -> None:
    """FastAPI runs a dependency's first half in one thread, and its rest in any other."""
    with ThreadPoolExecutor(1) as threads:
        tx = threads.submit(_entered, strict).result()
        assert threads.submit(probes.one, strict).result() == 1
        with pytest.raises(SecondConnectionError):
            threads.submit(_twice, strict).result()
        tx.__exit__(None, None, None)


def _entered(db: Database) -> Any:
    tx = db.transaction()
    tx.__enter__()
    return tx


def _twice(db: Database) -> None:
    with db.transaction():
        probes.one(db)


def test_a_transaction_that_was_left_open_is_not_held_by_its_thread(strict: Database) -> None:
    def leave() -> None:
        strict.transaction().__enter__()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        leave()

    assert strict._inner._pool.holders.table == {}


async def test_sixteen_requests_on_a_pool_of_five_are_told_at_once_instead_of_starving(
    url: str,
) -> None:
    settings = {"pool_size": 5, "max_overflow": 0, "second_connection": "error"}
    async with AsyncDatabase(config(url, **settings)) as adb:

        async def request(number: int) -> None:
            async with adb.transaction() as tx:
                await probes.put(tx, number, "an order")
                await probes.one(adb)

        async with asyncio.timeout(10):
            found = await asyncio.gather(*map(request, range(16)), return_exceptions=True)

        assert {type(each) for each in found} == {SecondConnectionError}
        assert await probes.count_all(adb) == 0


def test_sixteen_threads_on_a_pool_of_five_are_told_at_once(url: str) -> None:
    settings = {"pool_size": 5, "max_overflow": 0, "second_connection": "error"}
    with Database(config(url, **settings)) as db, ThreadPoolExecutor(16) as threads:
        start = threading.Barrier(16)

        def request(number: int) -> None:
            start.wait()
            with db.transaction() as tx:
                probes.put(tx, number, "an order")
                probes.one(db)

        done = [threads.submit(request, number) for number in range(16)]

        assert {type(each.exception(10)) for each in done} == {SecondConnectionError}


def test_a_warning_that_is_an_error_leaves_the_pool_whole(db: Database) -> None:
    with db.transaction() as tx, warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(SecondConnectionWarning):
            probes.one(db)
        assert probes.one(tx) == 1

    assert db.stats().leased == 0


def test_the_variable_has_three_values(url: str) -> None:
    for value in ("warn", "error", "allow"):
        Database.from_env({"DATABASE_URL": url, "DB_SECOND_CONNECTION": value}).close()
    with pytest.raises(
        ConfigError, match="DB_SECOND_CONNECTION is 'yes'; it must be warn, error or allow"
    ):
        Database.from_env({"DATABASE_URL": url, "DB_SECOND_CONNECTION": "yes"})
