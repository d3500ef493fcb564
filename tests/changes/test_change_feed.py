"""A feed yields every change, through outages and lost hints, until it is stopped."""

import asyncio
import threading

import pytest
from psycopg.errors import UndefinedTable

from oadb import AsyncDatabase, Config, Database
from oadb.accounts import users
from oadb.changes.change_feed import AsyncChangeFeed, Change, ChangeFeed, Everything
from oadb.errors import ParameterError
from tests.support.databases import behind_pgbouncer
from tests.support.rig import Observer, eventually

NEVER = 3600.0


def make(db: Database, name: str) -> Change:
    return Change("users", users.create(db, name, f"{name}@example.in").user_id, "")


def test_a_feed_begins_with_everything_and_yields_what_follows(db: Database) -> None:
    with ChangeFeed(db) as changes:
        made = [make(db, name) for name in ("asha", "ben", "chandra")]
        assert [next(changes) for _ in range(4)] == [Everything(), *made]


def test_a_hint_has_it_read_at_once(db: Database, config: Config) -> None:
    with Database(config) as other, ChangeFeed(other, interval_seconds=NEVER) as changes:
        assert next(changes) == Everything()
        made = make(db, "asha")
        assert next(changes) == made


def test_without_hints_it_reads_by_itself(config: Config) -> None:
    with (
        Database(behind_pgbouncer(config)) as db,
        ChangeFeed(db, interval_seconds=0.01) as changes,
    ):
        assert next(changes) == Everything()
        made = make(db, "asha")
        assert next(changes) == made


def test_nothing_is_lost_in_an_outage(
    db: Database, oadb_database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    observer = Observer(oadb_database_url)
    with ChangeFeed(db, interval_seconds=0.01) as changes:
        assert next(changes) == Everything()
        observer.rows("alter table oadb.changes rename to gone")
        taken: list[Change | Everything] = []
        thread = threading.Thread(target=lambda: taken.append(next(changes)))
        thread.start()
        eventually(lambda: changes.error)
        assert isinstance(changes.error, UndefinedTable)
        observer.rows("alter table oadb.gone rename to changes")
        made = make(db, "asha")
        thread.join()
        observer.terminate()
        last = make(db, "ben")

        assert taken == [made]
        assert next(changes) == last
        assert changes.error is None
    assert any("changes are kept as they were" in record.message for record in caplog.records)


def test_a_feed_ends_when_it_is_stopped(db: Database) -> None:
    with ChangeFeed(db, interval_seconds=NEVER) as changes:
        threading.Timer(0.05, changes.stop).start()
        assert [*changes] == [Everything()]


def test_an_error_of_the_first_read_is_raised(db: Database, oadb_database_url: str) -> None:
    Observer(oadb_database_url).rows("drop table oadb.changes")
    with pytest.raises(UndefinedTable):
        ChangeFeed(db).__enter__()


def test_an_interval_must_be_above_zero(db: Database) -> None:
    with pytest.raises(ParameterError, match="interval"):
        ChangeFeed(db, interval_seconds=0)


async def test_a_feed_yields_changes_for_asyncio(adb: AsyncDatabase) -> None:
    async with AsyncChangeFeed(adb, interval_seconds=NEVER) as changes:
        assert await anext(changes) == Everything()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await anext(changes)
        user = await users.create(adb, "asha", "asha@example.in")
        assert await anext(changes) == Change("users", user.user_id, "")
        changes.stop()
        assert [each async for each in changes] == []


async def test_without_hints_it_reads_by_itself_for_asyncio(config: Config) -> None:
    async with (
        AsyncDatabase(behind_pgbouncer(config)) as db,
        AsyncChangeFeed(db, interval_seconds=0.01) as changes,
    ):
        assert await anext(changes) == Everything()
        user = await users.create(db, "asha", "asha@example.in")
        assert await anext(changes) == Change("users", user.user_id, "")
