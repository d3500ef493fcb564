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
    fresh = version_of(observer, made.session)
    assert fresh != old
    found = seen(db, made)
    assert version_of(observer, made.session) == fresh
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


@contextmanager
def written(observer: Observer, what: str) -> Generator[None]:
    """Keep *what* of each update of a session in public.written, until the block ends."""
    observer.rows("create table public.written (value text)")
    observer.rows(
        "create function public.keep() returns trigger language plpgsql security definer as $$ "
        f"begin insert into public.written values ({what}); return new; end $$"
    )
    observer.rows(
        "create trigger kept after update on oadb.sessions for each row "
        "execute function public.keep()"
    )
    try:
        yield
    finally:
        observer.rows("drop function public.keep() cascade")
        observer.rows("drop table public.written")


def test_a_session_is_noted_under_the_identity_that_saw_it(
    db: Database, observer: Observer, made: NewSession
) -> None:
    user = db.as_user(made.session.user_id)
    with written(observer, "current_setting('oadb.user_id', true)"):
        with user.transaction() as tx:
            assert isinstance(sessions.verify(tx, made.token), Session)
        noted(db)
        observer.rows("alter table oadb.sessions disable trigger kept")
        age_session(observer, made.session, timedelta(minutes=2))
        observer.rows("alter table oadb.sessions enable trigger kept")
        assert isinstance(sessions.verify(user, made.token), Session)
        noted(db)
        acted = observer.rows("select value from public.written")

    assert acted == [(str(made.session.user_id),)] * 2
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


def test_of_two_that_saw_a_session_within_a_minute_one_writes(
    db: Database, observer: Observer, made: NewSession
) -> None:
    """Both had read it before either wrote."""
    row = made.session.user_id, made.session.session_id
    ((now, lapses),) = observer.rows("select now(), now() + interval '10 minutes'")
    seconds = [0, 1, 60, 61]

    assert [
        sessions._note_seen(db, *row, now + timedelta(seconds=each), lapses) for each in seconds
    ] == [1, 0, 0, 1]


def test_of_many_threads_and_processes_one_writes(
    many: Database, other_process: Database, observer: Observer, made: NewSession
) -> None:
    with written(observer, "new.session_id"):
        with threads(24) as pool:
            dbs = [many, other_process] * 60
            found = [*pool.map(lambda db: sessions.verify(db, made.token), dbs)]
        for db in (many, other_process):
            noted(db)
        writes = observer.ask("select count(*) from public.written")

    assert {each.session_id for each in found if each} == {made.session.session_id}
    assert len(found) == 120
    assert writes == 1


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
