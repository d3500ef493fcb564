"""Sessions: idle timeout and expiry, by the database's clock."""

import inspect
from datetime import timedelta

import pytest

from oadb import Database
from oadb.accounts import sessions
from oadb.accounts.sessions import Session
from oadb.security.refusals import Refusal
from tests.support.accounts import account, age_session, seen
from tests.support.rig import Observer


def test_a_session_that_is_not_used_lapses(db: Database, observer: Observer, user_id: int) -> None:
    made = sessions.create(db, account(db, user_id), idle_timeout=timedelta(minutes=10))
    age_session(observer, made.session, timedelta(minutes=9, seconds=50))
    used = seen(db, made)
    age_session(observer, made.session, timedelta(minutes=9, seconds=50))
    used_again = seen(db, made)
    age_session(observer, made.session, timedelta(minutes=10, seconds=1))

    assert isinstance(used, Session)
    assert isinstance(used_again, Session)
    assert sessions.verify(db, made.token) is Refusal.UNKNOWN
    assert sessions.get(db, user_id, made.session.session_id) is None
    assert sessions.list_by_user(db, user_id).rows == []


def test_sessions_may_be_as_short_as_their_idle_timeout(db: Database, user_id: int) -> None:
    """Their times are computed one after the other, within microseconds."""
    user, hour = account(db, user_id), timedelta(hours=1)

    made = [sessions.create(db, user, idle_timeout=hour, lifetime=hour) for _ in range(200)]

    assert {each.session.expires_at - each.session.created_at < hour * 2 for each in made} == {True}


def test_a_session_ends_at_its_expiry_although_it_is_used(
    db: Database, observer: Observer, user_id: int
) -> None:
    made = sessions.create(db, account(db, user_id), lifetime=timedelta(minutes=30))
    for _ in range(2):
        age_session(observer, made.session, timedelta(minutes=14))
        assert isinstance(seen(db, made), Session)
    age_session(observer, made.session, timedelta(minutes=2, seconds=1))

    assert sessions.verify(db, made.token) is Refusal.UNKNOWN
    assert sessions.get(db, user_id, made.session.session_id) is None
    assert sessions.list_by_user(db, user_id).rows == []
    assert sessions.set_data(db, user_id, made.session.session_id, {"a": 1}) is False


def test_the_expiry_is_never_moved(db: Database, observer: Observer, user_id: int) -> None:
    made = sessions.create(db, account(db, user_id))
    age_session(observer, made.session, timedelta(hours=1))
    before = observer.ask(
        "select expires_at from oadb.sessions where session_id = %s", made.session.session_id
    )
    seen(db, made)
    found = sessions.verify(db, made.token)

    assert isinstance(found, Session)
    assert found.expires_at == before
    assert made.session.expires_at - made.session.created_at == pytest.approx(
        timedelta(hours=12), abs=timedelta(seconds=1)
    )


@pytest.mark.holds("F31", "F33")
def test_the_clock_of_the_application_is_not_read(
    db: Database, user_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read() -> float:
        raise AssertionError("the application's clock was read")

    monkeypatch.setattr("time.time", read)
    made = sessions.create(db, account(db, user_id))

    assert sessions.verify(db, made.token) == made.session
    assert "now(" not in inspect.getsource(sessions)
