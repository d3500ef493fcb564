"""A deferred transaction begins with its first statement, and ends when its owner says so."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import suppress

import psycopg
import pytest

from oadb.engine.database import AsyncDatabase, Database
from oadb.engine.deferred_transactions import deferred
from oadb.errors import TransactionError
from tests.support import pool_probes as probes
from tests.support.rig import config


@pytest.fixture
def db(url: str) -> Generator[Database]:
    with Database(config(url, pool_size=1, max_overflow=0)) as db:
        yield db


@pytest.fixture
async def adb(url: str) -> AsyncGenerator[AsyncDatabase]:
    async with AsyncDatabase(config(url, pool_size=1, max_overflow=0)) as db:
        yield db


def test_without_a_statement_no_connection_is_leased(db: Database) -> None:
    with deferred(db) as tx:
        assert not tx.has_begun
        assert probes.count_all(db) == 0  # the only connection is free


def test_it_commits_what_was_done(db: Database) -> None:
    tx = deferred(db)
    probes.put(tx, 1, "one")
    assert tx.has_begun
    tx.commit()

    assert probes.count_all(db) == 1
    assert not tx.has_begun


def test_it_rolls_back_what_was_done(db: Database) -> None:
    tx = deferred(db)
    probes.put(tx, 1, "one")
    tx.roll_back()

    assert probes.count_all(db) == 0


def test_after_its_end_a_call_is_refused_and_ending_it_again_does_nothing(db: Database) -> None:
    tx = deferred(db)
    tx.commit()
    with pytest.raises(TransactionError, match="has ended; for what comes afterwards"):
        probes.count_all(tx)
    tx.roll_back()
    tx.commit()

    assert probes.count_all(db) == 0


def test_a_savepoint_may_be_its_first_statement_and_rolls_back_alone(db: Database) -> None:
    tx = deferred(db)
    with suppress(ZeroDivisionError), tx.transaction() as nested:
        probes.put(nested, 1, "one")
        raise ZeroDivisionError
    with tx.transaction() as nested, nested.transaction() as inner:
        probes.put(inner, 2, "two")
    tx.commit()

    assert probes.count_all(db) == 1


def test_a_swallowed_error_is_no_commit(db: Database) -> None:
    tx = deferred(db)
    probes.put(tx, 1, "one")
    with suppress(psycopg.Error):
        probes.put(tx, 1, "one again")
    with pytest.raises(TransactionError, match="swallowed"):
        tx.commit()

    assert probes.count_all(db) == 0


async def test_tasks_of_one_owner_begin_it_once(adb: AsyncDatabase) -> None:
    tx = deferred(adb)
    await asyncio.gather(*(probes.put(tx, number, "x") for number in range(5)))
    await tx.commit()

    assert await probes.count_all(adb) == 5
    assert adb.stats().leased == 0


async def test_one_that_ends_while_it_waits_for_a_connection_does_not_begin(
    adb: AsyncDatabase,
) -> None:
    tx = deferred(adb)
    async with adb.transaction():
        waiting = asyncio.create_task(probes.put(tx, 1, "one"))
        await asyncio.sleep(0)
        await tx.roll_back()
    with pytest.raises(TransactionError, match="has ended"):
        await waiting

    assert await probes.count_all(adb) == 0


async def test_a_stream_begins_it(adb: AsyncDatabase) -> None:
    async with deferred(adb) as tx:
        assert [number async for number in probes.numbers(tx, 3)] == [1, 2, 3]
        assert tx.has_begun


async def test_a_cancelled_task_leaves_nothing(adb: AsyncDatabase) -> None:
    has_written = asyncio.Event()

    async def work() -> None:
        async with deferred(adb) as tx:
            await probes.put(tx, 1, "one")
            has_written.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await has_written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await probes.count_all(adb) == 0


async def test_a_task_that_waits_for_another_to_begin_it_waits_without_looking(
    adb: AsyncDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(adb._driver, "sleep", sleep)
    tx = deferred(adb)
    async with adb.transaction():  # of the only connection
        tasks = [asyncio.create_task(probes.put(tx, number, "x")) for number in range(3)]
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    await tx.commit()

    assert slept == []
    assert await probes.count_all(adb) == 3
