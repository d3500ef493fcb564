"""Hints: notifications without content, sent apart from their reason, which nobody waits for."""

import asyncio
import logging
from collections.abc import Generator
from time import monotonic
from typing import Any

import psycopg
import pytest

from oadb.engine import wire
from oadb.engine.database import AsyncDatabase
from oadb.engine.executors import AsyncExecutor
from oadb.engine.pool.hint_sender import HintSender
from tests.support.log_records import said
from tests.support.rig import Connect, Db, config, eventually, pool_of
from tests.support.roles import Connection
from tests.support.roles import connect as connect_to

CHANNEL, TOO_LONG = "news", "x" * 64
END = "the end"


@pytest.fixture
def listener(url: str) -> Generator[Connection]:
    with connect_to(url) as connection:
        connection.execute(f"listen {CHANNEL}".encode())
        yield connection


def hint(db: Db, channel: str = CHANNEL) -> None:
    async def send(inner: AsyncExecutor) -> None:
        inner.hint(channel)

    db._operate(send)


def hints_of(db: Db) -> HintSender:
    return pool_of(db).hints


def sent(db: Db, listener: Connection) -> list[psycopg.Notify]:
    """Return what was sent when the sender has nothing left to send."""
    eventually(lambda: hints_of(db)._sends is None)
    listener.execute(f"notify {CHANNEL}, '{END}'".encode())
    heard: list[psycopg.Notify] = []
    for notice in listener.notifies(timeout=10):
        if notice.payload == END:
            return heard
        heard.append(notice)
    raise AssertionError("the last notification did not arrive")


def test_a_hint_is_a_notification_without_content(connect: Connect, listener: Connection) -> None:
    db = connect(pool_size=1)
    db.open()
    hint(db)

    (notice,) = sent(db, listener)
    assert (notice.channel, notice.payload) == (CHANNEL, "")


def test_many_hints_are_sent_together(connect: Connect, listener: Connection) -> None:
    db = connect(pool_size=1)
    db.open()
    started = monotonic()
    for _ in range(100):
        hint(db)

    assert 1 <= len(sent(db, listener)) <= (monotonic() - started) / 0.1 + 1


def test_a_hint_takes_no_connection_that_others_use(connect: Connect, listener: Connection) -> None:
    db = connect(pool_size=1, max_overflow=0)
    db.open()
    with db.transaction():
        hint(db)
        eventually(lambda: not hints_of(db)._due)
        assert db.stats().waiting == 0

    assert len(sent(db, listener)) == 1


def test_a_hint_that_fails_is_logged_once_and_hinders_nothing(
    connect: Connect, listener: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    db = connect(pool_size=1)
    db.open()
    with caplog.at_level(logging.WARNING, "oadb.hints"):
        for _ in range(2):
            hint(db, TOO_LONG)
            assert sent(db, listener) == []
    hint(db)

    assert len(sent(db, listener)) == 1
    assert len(said(caplog, "oadb.hints")) == 1


async def test_a_hint_that_is_being_sent_when_the_loop_ends_leaves_no_task(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_sent = asyncio.Event()

    async with AsyncDatabase(config(url)) as db:
        run = db._driver.run_exchange

        async def send(connection: Any, _: Any) -> None:
            is_sent.set()
            await run(connection, wire.simple(connection.pgconn, b"select pg_sleep(5)"))

        monkeypatch.setattr(db._driver, "run_exchange", send)
        db._pool.hints.send([CHANNEL])
        await is_sent.wait()
        monkeypatch.undo()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:  # as asyncio.run does
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)

    assert left
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.long("waits for hints that do not come")
def test_a_hint_of_a_database_that_was_closed_is_dropped(
    connect: Connect, listener: Connection
) -> None:
    db = connect(pool_size=1)
    db.open()
    db.close()
    hint(db)

    assert sent(db, listener) == []
