"""What begins transactions and savepoints is prepared once in a session."""

import asyncio
from collections.abc import AsyncGenerator, Generator

import pytest

from oadb.engine.database import AsyncDatabase, Database
from tests.support import pool_probes as probes
from tests.support.pgbouncer import bouncing, needs_pgbouncer
from tests.support.rig import config, pool_of


@pytest.fixture
def db(url: str) -> Generator[Database]:
    with Database(config(url, pool_size=1, max_overflow=0)) as db:
        yield db


@pytest.fixture
async def adb(url: str) -> AsyncGenerator[AsyncDatabase]:
    async with AsyncDatabase(config(url, pool_size=1, max_overflow=0)) as db:
        yield db


def test_begin_and_savepoint_are_prepared_once_whatever_they_begin_with(db: Database) -> None:
    for number in range(3):
        with db.transaction() as tx:
            probes.put(tx, number, "outer")
            with tx.transaction() as nested:
                probes.bump(nested, number)
    with db.transaction() as tx:
        probes.ids(tx)  # not parsed before

    assert _setups(probes.prepared(db)) == ["begin", "savepoint oadb"]


def test_each_kind_of_transaction_has_its_own(db: Database) -> None:
    for _ in range(2):
        with db.transaction(read_only=True) as tx:
            probes.one(tx)
        with db.transaction(isolation="serializable") as tx:
            probes.one(tx)

    prepared = _setups(probes.prepared(db))
    assert prepared == ["begin isolation level serializable", "begin read only"]


def test_a_transaction_that_failed_has_prepared_its_begin(db: Database) -> None:
    for _ in range(2):
        with pytest.raises(Exception, match="division by zero"), db.transaction() as tx:
            probes.divide(tx, 0)

    assert _setups(probes.prepared(db)) == ["begin"]


async def test_a_savepoint_that_was_interrupted_can_be_set_again(adb: AsyncDatabase) -> None:
    async with adb.transaction() as tx:
        await probes.one(tx)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), tx.transaction() as nested:
                await probes.pause(nested, 30)
        for _ in range(2):
            async with tx.transaction() as nested:
                assert await probes.one(nested) == 1

    assert set(_setups(await probes.prepared(adb))) == {"begin", "savepoint oadb"}


def test_a_begin_that_the_server_has_and_the_client_does_not_know_of_is_prepared_again(
    db: Database,
) -> None:
    for _ in range(2):
        with db.transaction() as tx:
            probes.one(tx)
        for connection in pool_of(db).leases.connections:
            connection.state.setups.clear()  # as if it was interrupted before it was noted

    assert _setups(probes.prepared(db)) == ["begin", "begin"]


@needs_pgbouncer
def test_through_a_pooler_of_transactions_nothing_is_prepared(url: str) -> None:
    with (
        bouncing(url) as bouncer,
        Database(config(bouncer.url, pool_size=1, pooler="pgbouncer")) as db,
    ):
        for _ in range(2):
            with db.transaction() as tx:
                probes.one(tx)
        assert probes.prepared(db) == []


def _setups(prepared: list[str]) -> list[str]:
    """Return those of the texts that begin something, sorted."""
    return sorted(each for each in prepared if each.startswith(("begin", "savepoint")))
