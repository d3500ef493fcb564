"""Sessions: no more than the most that a user may have, and deleted when they lapsed."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from psycopg.errors import LockNotAvailable

from oadb import Database
from oadb.accounts import sessions
from tests.support import declared
from tests.support.accounts import account, age_session, found_sessions
from tests.support.rig import Observer, eventually, threads


def test_beyond_the_most_sessions_the_oldest_ends(db: Database, user_id: int) -> None:
    made = [sessions.create(db, account(db, user_id)) for _ in range(sessions.MOST_SESSIONS + 2)]

    assert found_sessions(db, *made) == [False, False, True, True, True, True, True]


def test_a_lower_most_ends_all_sessions_beyond_it(db: Database, user_id: int) -> None:
    made = [sessions.create(db, account(db, user_id)) for _ in range(4)]
    last = sessions.create(db, account(db, user_id), most=1)

    assert found_sessions(db, *made, last) == [False, False, False, False, True]


def test_devices_behind_one_address_do_not_end_each_other(db: Database, user_id: int) -> None:
    made = [sessions.create(db, account(db, user_id), ip="203.0.113.7") for _ in range(2)]

    assert found_sessions(db, *made) == [True, True]


def test_a_lapsed_session_does_not_count(db: Database, observer: Observer, user_id: int) -> None:
    made = [sessions.create(db, account(db, user_id)) for _ in range(2)]
    age_session(observer, made[1].session, timedelta(hours=3))
    made.append(sessions.create(db, account(db, user_id), most=2))

    assert found_sessions(db, *made) == [True, False, True]
    assert observer.ask("select count(*) from oadb.sessions where user_id = %s", user_id) == 2


def test_a_new_session_stays_although_the_clock_went_back(
    db: Database, observer: Observer, user_id: int
) -> None:
    for _ in range(2):
        ahead = sessions.create(db, account(db, user_id))
        age_session(observer, ahead.session, timedelta(hours=-1))
    made = sessions.create(db, account(db, user_id), most=2)

    assert found_sessions(db, made) == [True]
    assert len(sessions.list_by_user(db, user_id)) == 2


def test_concurrent_sign_ins_never_exceed_the_most_sessions(
    url: str, many: Database, user_id: int
) -> None:
    most, stop = [0], threading.Event()

    def sign_in() -> None:
        for _ in range(6):
            sessions.create(many, account(many, user_id))

    def watch() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            last = False
            while not last:
                last = stop.is_set()
                row = connection.execute(
                    "select count(*) from oadb.sessions where user_id = %s", [user_id]
                ).fetchone()
                most[0] = max(most[0], row[0] if row else 0)

    with threads(9) as pool:
        watching = pool.submit(watch)
        try:
            for signing_in in [pool.submit(sign_in) for _ in range(8)]:
                signing_in.result()
        finally:
            stop.set()
        watching.result()

    assert most == [sessions.MOST_SESSIONS]
    assert len(sessions.list_by_user(many, user_id)) == sessions.MOST_SESSIONS


def is_alone(db: Database, user_id: int) -> bool:
    """Create a session with most=1, and return whether it is the only one then."""
    with db.transaction() as tx:
        made = sessions.create(tx, account(tx, user_id), most=1)
        return [each.session_id for each in sessions.list_by_user(tx, user_id)] == [
            made.session.session_id
        ]


def test_a_new_session_is_never_the_one_that_ends(db: Database, user_id: int) -> None:
    """Of several at once, each sees itself at the end of its own transaction."""
    with threads(8) as pool:
        seen = list(pool.map(lambda _: is_alone(db, user_id), range(24)))

    assert seen == [True] * 24


def test_a_sweep_deletes_lapsed_sessions_in_batches(
    db: Database, observer: Observer, user_id: int
) -> None:
    sessions.delete_expired(db)
    made = [sessions.create(db, account(db, user_id)) for _ in range(4)]
    for each in made[:3]:
        age_session(observer, each.session, timedelta(hours=13))

    assert sessions.delete_expired(db, batch=2) == 2
    assert sessions.delete_expired(db, batch=2) == 1
    assert sessions.delete_expired(db) == 0
    assert found_sessions(db, *made) == [False, False, False, True]


def test_a_sweep_leaves_sessions_beside_a_locked_one_to_the_next(
    db: Database, observer: Observer, url: str, user_id: int
) -> None:
    sessions.delete_expired(db)
    made = [sessions.create(db, account(db, user_id)) for _ in range(2)]
    for each in made:
        age_session(observer, each.session, timedelta(hours=13))
    with psycopg.connect(url) as other:
        other.execute(
            "select from oadb.sessions where session_id = %s for update",
            [made[0].session.session_id],
        )
        with pytest.raises(LockNotAvailable):
            sessions.delete_expired(db)
    assert sessions.delete_expired(db) == 2


def test_of_two_sweeps_at_once_one_deletes(
    db: Database, observer: Observer, url: str, user_id: int
) -> None:
    made = sessions.create(db, account(db, user_id))
    age_session(observer, made.session, timedelta(hours=13))
    with psycopg.connect(url) as other:
        other.execute("select 1 from oadb.claims where subject = 'sessions' for update")
        assert sessions.delete_expired(db) == 0
    assert sessions.delete_expired(db) == 1


def test_a_session_that_is_used_during_a_sweep_is_not_deleted(
    db: Database, observer: Observer, url: str, user_id: int
) -> None:
    made = sessions.create(db, account(db, user_id))
    age_session(observer, made.session, timedelta(hours=13))
    sweep = declared.statement("sessions._sweep").sql
    with (
        psycopg.connect(url) as other,
        psycopg.connect(url, cursor_factory=psycopg.RawCursor) as sweeper,
        ThreadPoolExecutor(1) as pool,
    ):
        other.execute(
            "update oadb.sessions set lapses_at = now() + interval '1 minute', "
            "expires_at = now() + interval '1 day' "
            "where session_id = %s",
            [made.session.session_id],
        )
        swept = pool.submit(lambda: sweeper.execute(sweep, [10]).fetchone())
        eventually(lambda: observer.rows("select 1 from pg_locks where not granted"))
        other.commit()
        assert swept.result() == (1, 0)
