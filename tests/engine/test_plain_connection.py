"""Plain connections: leased like any other, and replaced whatever was done on them."""

import asyncio
import gc
from collections.abc import Generator
from datetime import timedelta

import psycopg
import pytest

from oadb import AsyncDatabase, Database
from oadb.errors import ParameterError, PoolTimeoutError
from tests.support import pool_probes as probes
from tests.support.rig import Observer, config, eventually


@pytest.fixture
def db(url: str) -> Generator[Database]:
    with Database(config(url, pool_size=1, max_overflow=0, pool_timeout_seconds=0.5)) as db:
        yield db


def test_it_is_psycopgs_own_with_its_types_and_rows(db: Database) -> None:
    with db.connection() as connection:
        assert connection.execute("select %s + 1, %s::text", [41, "a"]).fetchone() == (42, "a")
        assert connection.autocommit


def test_nothing_that_was_done_on_it_reaches_the_next_caller(
    db: Database, observer: Observer
) -> None:
    before = probes.backend(db)
    with db.connection() as connection:
        assert connection.info.backend_pid == before
        connection.execute("set statement_timeout = '7min'")
        connection.execute("create temporary table left_behind (a integer)")
        connection.execute("select pg_advisory_lock(1)")
        connection.execute("listen news")
        connection.execute("begin")
        connection.execute("insert into public.probe values (1, 'uncommitted')")

    assert probes.backend(db) != before
    assert probes.setting(db, "statement_timeout") == "15s"
    assert probes.ids(db) == []
    eventually(lambda: not observer.rows("select 1 from pg_locks where locktype = 'advisory'"))
    assert db.stats().leased == 0


def test_it_counts_as_a_connection_of_the_pool(db: Database) -> None:
    with db.connection():
        assert db.stats().leased == 1
        with pytest.raises(PoolTimeoutError, match="longest by a plain connection"):
            probes.one(db)
    assert probes.one(db) == 1


def test_an_error_in_the_block_returns_it(db: Database) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable), db.connection() as connection:
        connection.execute("select 1 from nowhere")
    assert probes.one(db) == 1


def test_a_connection_that_was_closed_is_replaced(db: Database) -> None:
    with db.connection() as connection:
        connection.close()
    assert probes.one(db) == 1


def test_it_is_disconnected_at_its_deadline(db: Database) -> None:
    with (
        pytest.raises(psycopg.OperationalError),
        db.connection(deadline=timedelta(seconds=0.3)) as connection,
    ):
        connection.execute("select pg_sleep(60)")
    assert probes.one(db) == 1
    with pytest.raises(ParameterError, match=r"^connection: deadline must be a timedelta above 0"):
        db.connection(deadline=timedelta())


def test_one_that_is_never_left_is_taken_back(db: Database) -> None:
    def lose() -> None:
        db.connection().__enter__()

    lose()
    gc.collect()
    eventually(lambda: db.stats().leased == 0)
    assert probes.one(db) == 1
    assert db.stats().leaked == 1


def test_a_task_that_is_cancelled_returns_it(url: str) -> None:
    async def main() -> None:
        async with AsyncDatabase(config(url, pool_size=1, max_overflow=0)) as db:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2), db.connection() as connection:
                    await connection.execute("select pg_sleep(60)")
            assert await probes.one(db) == 1

    asyncio.run(main())


def test_an_identity_offers_none(db: Database) -> None:
    assert not hasattr(db.as_user(1), "connection")
    with db.transaction() as tx:
        assert not hasattr(tx, "connection")
