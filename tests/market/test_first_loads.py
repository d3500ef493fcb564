"""The first load into an empty table: indexes that it makes at its end, and who waits for it."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest

from oadb import Config, Database, Transaction
from oadb.errors import LoadError
from oadb.market import instruments, loads, search, staging
from oadb.market.instruments import Instrument
from tests.support.instrument_rows import INFY, TCS
from tests.support.pgbouncer import bouncing, needs_pgbouncer
from tests.support.renaming_pooler import renaming

ROWS = [INFY, TCS]

DEFER = "select oadb.defer_search_indexes()"
_INDEXES = (
    "select indexdef from pg_indexes where schemaname = 'oadb' and tablename = 'instruments' "
    "order by 1"
)


def unsized(rows: list[Instrument]) -> Iterator[Instrument]:
    """Give rows of a number that is not known before, like a broker's file."""
    yield from rows


def indexes(connection: psycopg.Connection) -> list[str]:
    return [each for (each,) in connection.execute(_INDEXES)]


@pytest.fixture
def watcher(oadb_database_url: str) -> Iterator[psycopg.Connection]:
    """Give a session that does not wait for locks."""
    options = "-c lock_timeout=200ms -c search_path="
    with psycopg.connect(oadb_database_url, autocommit=True, options=options) as connection:
        yield connection


def test_a_first_load_makes_its_indexes_at_its_end(
    db: Database, watcher: psycopg.Connection
) -> None:
    before, during = indexes(watcher), list[list[str]]()

    def rows() -> Iterator[Instrument]:
        during.append(indexes(watcher))
        yield from ROWS

    loads.load(db, "zerodha", rows())

    assert [len(each) for each in during] == [len(before) - 4]
    assert indexes(watcher) == before
    assert search.search(db, "zerodha", "INFOSYS") == [INFY]
    assert instruments.find_by_broker_symbol(db, "zerodha", "NSE", "TCS") == TCS


@needs_pgbouncer
def test_a_first_load_makes_its_indexes_through_a_pooler_that_prepares_nothing(
    oadb_database_url: str, watcher: psycopg.Connection
) -> None:
    with bouncing(oadb_database_url) as pooler:
        _loads_first(pooler.url, "pgbouncer", watcher)


def test_a_first_load_makes_its_indexes_through_a_pooler_that_prepares(
    oadb_database_url: str, watcher: psycopg.Connection
) -> None:
    with renaming(oadb_database_url) as pooler:
        _loads_first(pooler.url, "pgbouncer-prepared", watcher)


def _loads_first(url: str, pooler: str, watcher: psycopg.Connection) -> None:
    """Load over both sessions of a pooler, which have planned a search before."""
    config = Config.from_env({"DATABASE_URL": url, "DB_POOLER": pooler, "DB_POOL_SIZE": "2"})
    before, during = indexes(watcher), list[list[str]]()

    def rows() -> Iterator[Instrument]:
        during.append(indexes(watcher))
        yield from ROWS

    with Database(config) as db:
        with db.transaction() as tx:
            for executor in (db.outside(), tx):
                assert search.search(executor, "zerodha", "INFOSYS") == []
        loads.load(db, "zerodha", rows())
        with db.transaction() as tx:
            for executor in (db.outside(), tx):
                assert search.search(executor, "zerodha", "INFOSYS") == [INFY]

    assert [len(each) for each in during] == [len(before) - 4]
    assert indexes(watcher) == before


def test_readers_do_not_wait_and_find_all_or_nothing(
    db: Database, watcher: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while the indexes are made."""
    merge, seen = staging.merge_search_entries, list[object]()

    def count() -> None:
        seen.append(watcher.execute("select count(*) from oadb.instruments").fetchone())

    async def watched(tx: Transaction) -> None:
        count()
        await merge(tx)  # type: ignore[misc]  # called as a coroutine
        count()

    monkeypatch.setattr(staging, "merge_search_entries", watched)
    loads.load(db, "zerodha", unsized(ROWS))
    count()

    assert seen == [(0,), (0,), (2,)]


def test_a_first_load_that_fails_leaves_the_indexes(
    db: Database, watcher: psycopg.Connection
) -> None:
    before = indexes(watcher)
    with pytest.raises(LoadError):
        loads.load(db, "zerodha", unsized([]))

    assert indexes(watcher) == before


def test_the_load_after_one_that_was_killed_makes_the_indexes(
    db: Database, watcher: psycopg.Connection
) -> None:
    before = indexes(watcher)
    assert watcher.execute(DEFER).fetchone() == (True,)
    assert watcher.execute(DEFER).fetchone() == (False,)
    assert len(indexes(watcher)) == len(before) - 4

    loads.load(db, "zerodha", ROWS)
    assert indexes(watcher) == before


def test_where_there_are_rows_no_index_is_dropped(
    db: Database, watcher: psycopg.Connection
) -> None:
    loads.load(db, "zerodha", ROWS)

    assert watcher.execute(DEFER).fetchone() == (False,)
    loads.load(db, "upstox", unsized([replace(row, broker="upstox") for row in ROWS]))
    assert instruments.count_by_broker(db, "upstox") == 2


def test_in_a_transaction_of_the_caller_nothing_is_locked(
    db: Database, watcher: psycopg.Connection
) -> None:
    with db.transaction() as tx:
        loads.load(tx, "zerodha", unsized(ROWS))
        assert watcher.execute("select count(*) from oadb.instruments").fetchone() == (0,)


def test_a_table_that_is_in_use_keeps_its_indexes(
    db: Database, watcher: psycopg.Connection
) -> None:
    before, during = indexes(watcher), list[list[str]]()

    def rows() -> Iterator[Instrument]:
        during.append(indexes(watcher))
        yield from ROWS

    with watcher.transaction():
        watcher.execute("select from oadb.instruments")
        loads.load(db, "zerodha", rows())

    assert during == [before]


def test_two_first_loads_at_once_both_succeed(
    db: Database, watcher: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second waits for the first, which makes the indexes."""
    before, merge = indexes(watcher), staging.merge_search_entries
    others = list[Future[object]]()
    waiting = "select count(*) from pg_locks where not granted and relation = %s::regclass"

    async def watched(tx: Transaction) -> None:
        if not others:
            second = [replace(row, broker="upstox") for row in ROWS]
            others.append(threads.submit(loads.load, db, "upstox", unsized(second)))
            while watcher.execute(waiting, ["oadb.instruments"]).fetchone() == (0,):
                assert not others[0].done()
        await merge(tx)  # type: ignore[misc]  # called as a coroutine

    monkeypatch.setattr(staging, "merge_search_entries", watched)
    with ThreadPoolExecutor() as threads:
        loads.load(db, "zerodha", unsized(ROWS))

    assert others[0].exception() is None
    assert instruments.list_brokers(db) == ["upstox", "zerodha"]
    assert indexes(watcher) == before
