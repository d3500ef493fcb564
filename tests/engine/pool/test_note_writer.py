"""Notes: writes that nobody waits for, apart from the call that makes them."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from oadb.engine import failures
from oadb.engine.database import AsyncDatabase, Database
from oadb.engine.executors import AsyncExecutor, Executor
from oadb.engine.observing import Observer as Hearer
from oadb.engine.observing import RowsDropped, RowsWritten, WriteFailed
from oadb.engine.pool import note_writer
from tests.support import pool_probes as probes
from tests.support.forks import in_child
from tests.support.log_records import said
from tests.support.rig import Connect, Db, Observer, config, eventually, pool_of

LOG = "oadb.notes"


def note(db: Executor, query: Any, *values: object, key: str = "") -> None:
    async def make(inner: AsyncExecutor) -> None:
        inner.note(query, values, key=key)

    db._operate(make)


def noted(db: Db) -> None:
    eventually(lambda: db.stats().notes_queued == 0)


def opened(db: Db, amount: int = 0) -> Db:
    """Open *db*, with one row in its table."""
    db.open()
    probes.put(db, 1, "noted")
    probes.set_amount(db, 1, amount)
    return db


@contextmanager
def locked(url: str) -> Generator[psycopg.Connection[Any]]:
    """Hold a lock on the rows of the table until the block ends."""
    with psycopg.connect(url) as other:
        other.execute("select from public.probe for update")
        yield other


def test_a_note_is_written_apart(connect: Connect) -> None:
    db = opened(connect(pool_size=1))
    note(db, probes.bump, 1)
    noted(db)

    assert probes.amount(db, 1) == 1


def test_nobody_waits_for_a_note(connect: Connect, url: str) -> None:
    db = opened(connect(pool_size=2))
    with locked(url):
        note(db, probes.bump, 1)
        assert probes.one(db) == 1
    noted(db)

    assert probes.amount(db, 1) == 1


def test_of_several_notes_with_one_key_the_last_is_written(connect: Connect) -> None:
    db = opened(connect(pool_size=1, max_overflow=0))
    with db.transaction():  # there is no other connection
        for amount in (1, 2, 3):
            note(db, probes.set_amount, 1, amount, key="amount")
        note(db, probes.put, 2, "another")
        assert db.stats().notes_queued <= 3
    noted(db)

    assert (probes.amount(db, 1), probes.ids(db)) == (3, [1, 2])


def test_a_note_queues_with_the_callers_if_no_connection_is_free_for_long(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(note_writer, "_TRIES", 2)
    db = opened(connect(pool_size=1, max_overflow=0))
    with db.transaction():
        note(db, probes.bump, 1)
        eventually(lambda: db.stats().waiting == 1)
    noted(db)

    assert probes.amount(db, 1) == 1


def test_a_note_of_a_transaction_that_rolls_back_is_written(connect: Connect) -> None:
    db = opened(connect(pool_size=2))

    def failing() -> None:
        with db.transaction() as tx:
            probes.put(tx, 2, "rolled back")
            note(tx, probes.bump, 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    noted(db)

    assert (probes.amount(db, 1), probes.ids(db)) == (1, [1])


def test_a_note_whose_connection_is_lost_is_written_again(
    connect: Connect, url: str, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(note_writer, "_TRIES", 1)
    db = opened(connect(pool_size=1))
    with locked(url):
        note(db, probes.set_amount, 1, 7)
        eventually(lambda: observer.running("set amount"))
        observer.terminate(*observer.backends("active"))
        eventually(lambda: db.stats().notes_failed)
    noted(db)

    assert probes.amount(db, 1) == 7


def test_a_note_that_fails_holds_no_other_up(
    connect: Connect, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(note_writer, "_CLOSING", 0.1)
    db = opened(connect(pool_size=1))
    with caplog.at_level(logging.WARNING, LOG):
        note(db, probes.setting, "unknown.setting", key="fails")
        eventually(lambda: db.stats().notes_failed)
        note(db, probes.bump, 1, key="other")
        eventually(lambda: probes.amount(db, 1) == 1)
    db.close()

    assert db.stats().notes_queued == 1
    assert "it is tried again: probe.setting: unrecognized" in said(caplog, LOG)[0]


def test_closing_writes_the_other_notes_although_one_fails(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, observer: Observer
) -> None:
    monkeypatch.setattr(note_writer, "_CLOSING", 0.3)
    db = opened(connect(pool_size=1))
    with db.transaction():  # there is no other connection
        note(db, probes.setting, "unknown.setting", key="fails")
        note(db, probes.bump, 1, key="other")
    db.close()

    assert observer.ask("select amount from public.probe") == 1
    assert db.stats().notes_queued == 1


def test_a_note_whose_values_are_refused_is_not_tried_again(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    db = opened(connect(pool_size=1))
    with caplog.at_level(logging.WARNING, LOG):
        note(db, probes.divide, 0)
        noted(db)
        eventually(lambda: said(caplog, LOG))

    assert db.stats().notes_failed == 1
    assert said(caplog, LOG) == [
        "probe.divide is written apart, and was refused: probe.divide: division by zero"
    ]


def test_a_connection_on_which_nothing_else_can_run_is_not_used_after_a_note(
    connect: Connect, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = opened(connect(pool_size=1))
    before = observer.backends()
    monkeypatch.setattr(failures, "is_unusable", lambda *_: True)
    note(db, probes.divide, 0)
    noted(db)

    eventually(lambda: not set(before) & set(observer.backends()))


class Heard(Hearer):
    """Keeps what it hears of writers."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def rows_written(self, written: RowsWritten) -> None:
        self.events.append((written.writer, written.rows))

    def rows_dropped(self, dropped: RowsDropped) -> None:
        self.events.append((dropped.writer, "dropped"))

    def write_failed(self, failed: WriteFailed) -> None:
        self.events.append((failed.writer, failed.error, failed.sqlstate))


def test_observers_hear_of_notes(
    url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(note_writer, "_CLOSING", 0.1)
    heard = Heard()
    with Database(config(url, pool_size=1), observer=heard) as db:
        probes.put(db, 1, "noted")
        note(db, probes.bump, 1)
        noted(db)
        note(db, probes.setting, "unknown.setting")
        eventually(lambda: db.stats().notes_failed)
    note(db, probes.bump, 1)

    assert heard.events[:2] == [("probe.bump", 1), ("probe.setting", "UndefinedObject", "42704")]
    assert heard.events[-1] == ("probe.bump", "dropped")
    assert "notes that were not written when their Database was closed: 1" in said(caplog, LOG)


def test_a_forked_child_leaves_the_notes_of_its_parent_to_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(note_writer, "_TRIES", 1)
    with Database(config(url, pool_size=1)) as db:
        probes.put(db, 1, "noted")
        with locked(url):
            note(db, probes.bump, 1)
            assert db.stats().notes_queued == 1

            def child() -> int:
                note(db, probes.put, 2, "child")
                db.close()
                return pool_of(db).notes.queued

            assert in_child(child) == "0"
        noted(db)

        assert (probes.amount(db, 1), probes.ids(db)) == (1, [1, 2])


def test_notes_of_an_event_loop_that_has_ended_are_written_in_the_next(
    url: str, observer: Observer
) -> None:
    db = AsyncDatabase(config(url, pool_size=1))

    async def ends_too_early(other: psycopg.Connection[Any]) -> None:
        await probes.put(db, 1, "noted")
        other.execute("select from public.probe for update")
        db.note(probes.set_amount, (1, 7), key="")
        await asyncio.sleep(0)  # its task begins

    async def goes_on() -> None:
        await probes.one(db)
        await db.close()

    with psycopg.connect(url) as other:
        asyncio.run(ends_too_early(other))
    asyncio.run(goes_on())

    assert observer.ask("select amount from public.probe") == 7


_PROGRAM = """
import os, signal, sys
from time import monotonic
from tests.engine.pool.test_note_writer import note
from tests.support import pool_probes as probes
from tests.support.rig import config, pool_of
from oadb.engine.database import Database

db = Database(config(sys.argv[1], pool_size=1))
probes.put(db, int(sys.argv[2]), "noted")
pool_of(db).notes._last = monotonic() + 60  # it would be written in a minute
note(db, probes.bump, int(sys.argv[2]))
"""


@pytest.mark.long("starts two interpreters")
def test_a_process_that_ends_has_written_its_notes_and_one_that_is_killed_has_not(
    url: str, observer: Observer
) -> None:
    for number, end in ((1, ""), (2, "os.kill(os.getpid(), signal.SIGKILL)")):
        subprocess.run([sys.executable, "-c", _PROGRAM + end, url, str(number)], check=False)

    assert observer.rows("select amount from public.probe order by probe_id") == [(1,), (0,)]
