"""Sessions: that one was seen is noted apart from the request, once a minute."""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from oadb import AsyncDatabase, Database
from oadb.accounts import sessions
from oadb.accounts.sessions import NewSession, Session
from oadb.engine.binding.effects import is_read
from oadb.engine.pool import note_writer
from oadb.security.refusals import Refusal
from tests.conftest import configured
from tests.support.accounts import account, age_session, noted, seen
from tests.support.log_records import said
from tests.support.rig import Observer, eventually, pool_of, threads

LOG = "oadb.notes"


def version_of(observer: Observer, session: Session) -> str:
    """Return the version of a row, which changes with each write."""
    return str(
        observer.ask(
            "select xmin::text || ctid::text from oadb.sessions where session_id = %s",
            session.session_id,
        )
    )


@pytest.fixture
def made(db: Database, observer: Observer, user_id: int) -> NewSession:
    """Give a session that was last seen five minutes ago."""
    made = sessions.create(db, account(db, user_id), idle_timeout=timedelta(minutes=10))
    age_session(observer, made.session, timedelta(minutes=5))
    return made


@pytest.fixture
def brief(url: str) -> Generator[Database]:
    """Give a database of this test alone, with the sessions of the others."""
    with Database(configured(url)) as brief:
        yield brief


@contextmanager
def locked(url: str, made: NewSession) -> Generator[psycopg.Connection[Any]]:
    """Hold a lock on the row of a session until the block ends, and commit."""
    with psycopg.connect(url) as other:
        other.execute(
            "select from oadb.sessions where session_id = %s for update", [made.session.session_id]
        )
        yield other


def of(observer: Observer, column: str, made: NewSession) -> Any:
    return observer.ask(
        f"select {column} from oadb.sessions where session_id = %s", made.session.session_id
    )


def test_last_seen_is_written_at_most_once_a_minute(
    db: Database, observer: Observer, user_id: int
) -> None:
    made = sessions.create(db, account(db, user_id))
    fresh = version_of(observer, made.session)
    seen(db, made)
    seen(db, made)

    assert version_of(observer, made.session) == fresh
    age_session(observer, made.session, timedelta(seconds=61))
    old = version_of(observer, made.session)
    seen(db, made)
    written = version_of(observer, made.session)
    assert written != old
    found = seen(db, made)
    assert version_of(observer, made.session) == written
    assert isinstance(found, Session)
    assert found.last_seen_at > found.created_at + timedelta(seconds=60)


def test_verifying_a_session_only_reads(db: Database, made: NewSession) -> None:
    assert is_read(sessions._find_by_digest.statement)
    with db.transaction(read_only=True) as tx:
        assert isinstance(sessions.verify(tx, made.token), Session)


def test_a_session_is_seen_also_in_a_transaction_that_is_rolled_back(
    db: Database, observer: Observer, made: NewSession
) -> None:
    def failing() -> None:
        with db.transaction() as tx, tx.transaction() as nested:
            sessions.verify(nested, made.token)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    noted(db)

    assert of(observer, "now() - last_seen_at < interval '1 minute'", made)


def test_a_user_sees_its_own_session(db: Database, observer: Observer, made: NewSession) -> None:
    user = db.as_user(made.session.user_id)
    with user.transaction() as tx:
        assert isinstance(sessions.verify(tx, made.token), Session)
    noted(db)
    assert of(observer, "now() - last_seen_at < interval '1 minute'", made)

    age_session(observer, made.session, timedelta(minutes=2))
    assert isinstance(sessions.verify(user, made.token), Session)
    noted(db)
    assert of(observer, "now() - last_seen_at < interval '1 minute'", made)
    assert sessions.verify(db.as_user(made.session.user_id + 1), made.token) is Refusal.UNKNOWN


async def test_a_session_is_seen_over_an_async_database(
    url: str, observer: Observer, made: NewSession
) -> None:
    async with AsyncDatabase(configured(url)) as adb:
        assert isinstance(await sessions.verify(adb, made.token), Session)

    assert of(observer, "now() - last_seen_at < interval '1 minute'", made)


def test_a_locked_session_is_verified_without_waiting(
    db: Database, url: str, observer: Observer, made: NewSession
) -> None:
    """It is noted afterwards, with the time at which it was seen."""
    with locked(url, made):
        assert isinstance(sessions.verify(db, made.token), Session)
        seen_before = observer.ask("select clock_timestamp()")
        eventually(lambda: db.stats().notes_failed)
    noted(db)

    last_seen, lapses = (of(observer, each, made) for each in ("last_seen_at", "lapses_at"))
    assert made.session.last_seen_at < last_seen < seen_before
    assert lapses - last_seen == timedelta(minutes=10)


def test_a_session_that_has_lapsed_is_not_revived_by_a_late_note(
    db: Database, url: str, observer: Observer, made: NewSession
) -> None:
    with locked(url, made) as other:
        sessions.verify(db, made.token)
        other.execute(
            "update oadb.sessions set lapses_at = now() where session_id = %s",
            [made.session.session_id],
        )
    noted(db)

    assert sessions.verify(db, made.token) is Refusal.UNKNOWN
    assert of(observer, "lapses_at <= now()", made)


def test_a_session_that_was_ended_stays_so(db: Database, url: str, made: NewSession) -> None:
    with locked(url, made) as other:
        sessions.verify(db, made.token)
        other.execute("delete from oadb.sessions where session_id = %s", [made.session.session_id])
    noted(db)

    assert sessions.verify(db, made.token) is Refusal.UNKNOWN


def test_of_many_threads_and_processes_one_writes(
    many: Database, other_process: Database, observer: Observer, made: NewSession
) -> None:
    observer.rows("create table public.writes (session_id uuid)")
    observer.rows(
        "create function public.count_write() returns trigger language plpgsql as $$ begin "
        "insert into public.writes values (new.session_id); return new; end $$"
    )
    observer.rows(
        "create trigger counted after update on oadb.sessions for each row "
        "execute function public.count_write()"
    )
    with threads(24) as pool:
        dbs = [many, other_process] * 60
        found = [*pool.map(lambda db: sessions.verify(db, made.token), dbs)]
    for db in (many, other_process):
        noted(db)
    written = observer.ask("select count(*) from public.writes")
    observer.rows("drop function public.count_write() cascade")
    observer.rows("drop table public.writes")

    assert {each.session_id for each in found if each} == {made.session.session_id}
    assert len(found) == 120
    assert written == 1


def test_a_note_that_fails_is_counted_said_once_and_written_when_it_can_be(
    db: Database, observer: Observer, made: NewSession, caplog: pytest.LogCaptureFixture
) -> None:
    before = db.stats().notes_failed
    lapses = of(observer, "lapses_at", made)
    observer.rows(
        "create function public.refuse() returns trigger language plpgsql as $$ begin "
        "raise 'no notes today'; end $$"
    )
    observer.rows(
        "create trigger refused after update on oadb.sessions for each row "
        "execute function public.refuse()"
    )
    with caplog.at_level(logging.WARNING, LOG):
        assert isinstance(sessions.verify(db, made.token), Session)
        eventually(lambda: db.stats().notes_failed >= before + 2)
    assert of(observer, "lapses_at", made) == lapses
    assert db.stats().notes_queued == 1
    observer.rows("drop function public.refuse() cascade")
    noted(db)

    assert of(observer, "lapses_at", made) > lapses
    (line,) = said(caplog, LOG)
    assert line.startswith("sessions._note_seen is written apart, and could not be")
    assert "no notes today" in line


def test_a_closed_database_has_noted_everything(
    brief: Database, url: str, observer: Observer, made: NewSession
) -> None:
    with threads(1) as pool:
        with locked(url, made):
            sessions.verify(brief, made.token)
            eventually(lambda: brief.stats().notes_failed)
            closing = pool.submit(brief.close)
            eventually(lambda: pool_of(brief).notes._is_closed)
        closing.result()

    assert of(observer, "now() - last_seen_at < interval '1 minute'", made)


def test_notes_that_do_not_fit_are_dropped_and_counted(
    brief: Database,
    made: NewSession,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(note_writer, "MOST", 0)
    with caplog.at_level(logging.WARNING, LOG):
        for _ in range(2):
            assert isinstance(sessions.verify(brief, made.token), Session)

    assert brief.stats().notes_dropped == 2
    assert len(said(caplog, LOG)) == 1
