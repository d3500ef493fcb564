"""Sessions: made, found, seen, ended, capped and swept; the database's clock decides."""

import inspect
import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from oadb import AsyncDatabase, Config, Database, Secret
from oadb.accounts import sessions, users
from oadb.accounts.sessions import NewSession
from oadb.errors import NoRowError, ParameterError
from tests.conftest import RING, configured
from tests.support.accounts import Nobody, account
from tests.support.rig import Observer, eventually, threads

numbers = count(1)


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with Database(configured(url)) as db:
        yield db


def new_user(db: Database) -> int:
    number = next(numbers)
    return users.create(db, f"user{number}", f"user{number}@example.in").user_id


@pytest.fixture
def user_id(db: Database) -> int:
    return new_user(db)


def unreachable() -> Database:
    """Give a database on which every statement would fail."""
    return Database(
        Config.from_env(
            {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "OADB_KEYRING": RING.to_json()}
        )
    )


def age(observer: Observer, session: sessions.Session, by: timedelta) -> None:
    """Move a session into the past, as if so much time had gone by."""
    observer.rows(
        "update oadb.sessions set created_at = created_at - %s, last_seen_at = last_seen_at - %s, "
        "lapses_at = lapses_at - %s, expires_at = expires_at - %s where session_id = %s",
        by, by, by, by, session.session_id,
    )  # fmt: skip


def written_by(observer: Observer, session: sessions.Session) -> str:
    """Return what changes when the row is written."""
    return str(
        observer.ask(
            "select xmin::text || ctid::text from oadb.sessions where session_id = %s",
            session.session_id,
        )
    )


# Tokens ------------------------------------------------------------------------------------------


def test_a_session_is_found_by_the_token_that_was_shown_once(db: Database, user_id: int) -> None:
    made = sessions.create(
        db, account(db, user_id), device="Firefox", ip="203.0.113.7", broker="zerodha"
    )

    assert sessions.find(db, made.token) == made.session
    assert made.session.user_id == user_id
    assert (made.session.device, made.session.ip, made.session.broker) == (
        "Firefox",
        "203.0.113.7",
        "zerodha",
    )
    assert made.token.reveal() not in repr(made)


def test_the_database_holds_neither_the_token_nor_its_plain_hash(
    db: Database, observer: Observer, user_id: int
) -> None:
    token = sessions.create(db, account(db, user_id)).token.reveal()
    ((row,),) = observer.rows("select s::text from oadb.sessions as s where user_id = %s", user_id)

    assert token not in row
    assert token.encode().hex() not in row
    assert sha256(token.encode()).hexdigest() not in row


def test_a_token_of_nobody_is_none(db: Database) -> None:
    assert sessions.find(db, sessions.TOKEN.new()) is None


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text[:0], id="empty"),
        pytest.param(lambda text: text[:-1], id="cut"),
        pytest.param(lambda text: text + "0", id="longer"),
        pytest.param(lambda text: text.swapcase().replace("OAS_", "oas_"), id="typo"),
        pytest.param(lambda text: "oak" + text[3:], id="of another kind"),
        pytest.param(lambda text: text[:-1] + "\N{FULLWIDTH DIGIT ONE}", id="no ascii"),
        pytest.param(lambda text: text[:-1] + "\0", id="nul"),
        pytest.param(lambda text: text[:-1] + "\ud800", id="surrogate"),
        pytest.param(lambda text: text * 20_000, id="a megabyte"),
    ],
)
def test_what_cannot_be_a_token_costs_no_query(change: Callable[[str], str]) -> None:
    token = sessions.TOKEN.new().reveal()

    assert sessions.find(unreachable(), Secret(change(token))) is None


# Time --------------------------------------------------------------------------------------------


def test_a_session_that_nobody_used_lapses(db: Database, observer: Observer, user_id: int) -> None:
    made = sessions.create(db, account(db, user_id), idle_timeout=timedelta(minutes=10))
    age(observer, made.session, timedelta(minutes=9, seconds=50))
    used = sessions.find(db, made.token)
    age(observer, made.session, timedelta(minutes=9, seconds=50))
    used_again = sessions.find(db, made.token)
    age(observer, made.session, timedelta(minutes=10, seconds=1))

    assert used is not None
    assert used_again is not None
    assert sessions.find(db, made.token) is None
    assert sessions.list_active(db, user_id) == []


def test_a_session_ends_at_its_expiry_however_much_it_is_used(
    db: Database, observer: Observer, user_id: int
) -> None:
    made = sessions.create(db, account(db, user_id), lifetime=timedelta(minutes=30))
    for _ in range(2):
        age(observer, made.session, timedelta(minutes=14))
        assert sessions.find(db, made.token) is not None
    age(observer, made.session, timedelta(minutes=2, seconds=1))

    assert sessions.find(db, made.token) is None
    assert sessions.list_active(db, user_id) == []
    assert sessions.set_data(db, user_id, made.session.session_id, {"a": 1}) == 0


def test_the_expiry_is_never_moved(db: Database, observer: Observer, user_id: int) -> None:
    made = sessions.create(db, account(db, user_id))
    age(observer, made.session, timedelta(hours=1))
    before = observer.ask(
        "select expires_at from oadb.sessions where session_id = %s", made.session.session_id
    )
    sessions.find(db, made.token)
    found = sessions.find(db, made.token)

    assert found is not None
    assert found.expires_at == before
    assert made.session.expires_at - made.session.created_at == pytest.approx(
        timedelta(hours=12), abs=timedelta(seconds=1)
    )


def test_the_clock_of_the_application_decides_nothing(
    db: Database, user_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read() -> float:
        raise AssertionError("the application's clock was read")

    monkeypatch.setattr("time.time", read)
    made = sessions.create(db, account(db, user_id))

    assert sessions.find(db, made.token) == made.session
    assert "now(" not in inspect.getsource(sessions)


def test_being_seen_is_written_once_a_minute_at_most(
    db: Database, observer: Observer, user_id: int
) -> None:
    made = sessions.create(db, account(db, user_id))
    fresh = written_by(observer, made.session)
    sessions.find(db, made.token)
    sessions.find(db, made.token)

    assert written_by(observer, made.session) == fresh
    age(observer, made.session, timedelta(seconds=61))
    old = written_by(observer, made.session)
    sessions.find(db, made.token)
    seen = written_by(observer, made.session)
    assert seen != old
    found = sessions.find(db, made.token)
    assert written_by(observer, made.session) == seen
    assert found is not None
    assert found.last_seen_at > found.created_at + timedelta(seconds=60)


def test_two_requests_at_once_write_once(
    db: Database, observer: Observer, url: str, user_id: int
) -> None:
    made = sessions.create(db, account(db, user_id))
    age(observer, made.session, timedelta(minutes=5))
    with threads(1) as pool, psycopg.connect(url) as other:
        other.execute(
            "update oadb.sessions set last_seen_at = now() where session_id = %s",
            [made.session.session_id],
        )
        waiting = pool.submit(sessions.find, db, made.token)
        eventually(lambda: observer.running("oadb.sessions"))
        xid = other.execute("select pg_current_xact_id()::text").fetchone()
        other.commit()
        found = waiting.result()

    assert found is not None
    assert (
        observer.ask(
            "select xmin::text from oadb.sessions where session_id = %s", made.session.session_id
        ),
    ) == xid


# Making ------------------------------------------------------------------------------------------


def test_nobody_has_no_session(db: Database) -> None:
    with pytest.raises(NoRowError):
        sessions.create(db, Nobody())


def test_a_long_description_of_a_device_is_cut(db: Database, user_id: int) -> None:
    assert sessions.create(db, account(db, user_id), device="x" * 501).session.device == "x" * 500
    assert sessions.create(db, account(db, user_id), device="").session.device is None


@pytest.mark.parametrize(
    "ip", ["", "localhost", "203.0.113.256", "203.0.113.7/32", " 203.0.113.7", "fe80::1%eth0", "1"]
)
def test_what_is_no_address_is_refused(db: Database, user_id: int, ip: str) -> None:
    with pytest.raises(ParameterError) as refused:
        sessions.create(db, account(db, user_id), ip=ip)

    assert "ip" in str(refused.value)
    assert sessions.list_active(db, user_id) == []


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:DB8:0:0:0:0:0:7", "2001:db8::7"),
        ("203.0.113.7", "203.0.113.7"),
    ],
)
def test_an_address_is_stored_in_its_shortest_form(
    db: Database, user_id: int, given: str, stored: str
) -> None:
    assert sessions.create(db, account(db, user_id), ip=given).session.ip == stored


@pytest.mark.parametrize(
    "times",
    [
        {"idle_timeout": timedelta(minutes=2) - timedelta(microseconds=1)},
        {"lifetime": timedelta()},
        {"lifetime": timedelta(seconds=-1)},
        {"cap": 0},
    ],
    ids=["idle too short", "no lifetime", "less than no lifetime", "no cap"],
)
def test_times_that_would_end_a_session_at_once_are_refused(
    db: Database, user_id: int, times: dict[str, Any]
) -> None:
    with pytest.raises(ParameterError):
        sessions.create(db, account(db, user_id), **times)

    assert sessions.list_active(db, user_id) == []


def test_data_is_kept_and_replaced_as_a_whole(db: Database, user_id: int) -> None:
    made = sessions.create(
        db, account(db, user_id), data={"theme": "dark", "tabs": [1, 2], "none": None}
    )
    assert made.session.data == {"theme": "dark", "tabs": [1, 2], "none": None}

    assert sessions.set_data(db, user_id, made.session.session_id, {"a": {"b": "é"}}) == 1
    found = sessions.find(db, made.token)
    assert found is not None
    assert found.data == {"a": {"b": "é"}}
    assert sessions.set_data(db, user_id + 1, made.session.session_id, {}) == 0
    assert sessions.set_data(db, user_id, uuid4(), {}) == 0


# Ending ------------------------------------------------------------------------------------------


def found(db: Database, *made: NewSession) -> list[bool]:
    return [sessions.find(db, each.token) is not None for each in made]


def test_an_ended_session_is_gone_and_the_others_stay(db: Database, user_id: int) -> None:
    first, second = (
        sessions.create(db, account(db, user_id)),
        sessions.create(db, account(db, user_id)),
    )

    assert sessions.end(db, user_id, first.session.session_id) == 1
    assert sessions.end(db, user_id, first.session.session_id) == 0
    assert found(db, first, second) == [False, True]


def test_nobody_ends_the_session_of_another(db: Database, user_id: int) -> None:
    made, other = sessions.create(db, account(db, user_id)), new_user(db)

    assert sessions.end(db, other, made.session.session_id) == 0
    assert sessions.end_all(db, other) == 0
    assert sessions.end_others(db, other, uuid4()) == 0
    assert found(db, made) == [True]


def test_all_sessions_or_all_but_one_are_ended(db: Database, user_id: int) -> None:
    made = [sessions.create(db, account(db, user_id)) for _ in range(3)]

    assert sessions.end_others(db, user_id, made[1].session.session_id) == 2
    assert found(db, *made) == [False, True, False]
    assert sessions.end_all(db, user_id) == 1
    assert found(db, *made) == [False, False, False]


def test_sessions_end_with_their_user(db: Database, user_id: int) -> None:
    made = sessions.create(db, account(db, user_id))
    users.delete(db, user_id)

    assert found(db, made) == [False]


def test_sessions_are_listed_the_last_seen_first(
    db: Database, observer: Observer, user_id: int
) -> None:
    made = [sessions.create(db, account(db, user_id)) for _ in range(3)]
    age(observer, made[0].session, timedelta(minutes=2))
    age(observer, made[1].session, timedelta(minutes=10))
    age(observer, made[2].session, timedelta(minutes=5))
    sessions.find(db, made[1].token)

    assert [each.session_id for each in sessions.list_active(db, user_id)] == [
        made[n].session.session_id for n in (1, 0, 2)
    ]


# The cap -----------------------------------------------------------------------------------------


def test_beyond_the_cap_the_oldest_ends(db: Database, user_id: int) -> None:
    made = [sessions.create(db, account(db, user_id)) for _ in range(sessions.CAP + 2)]

    assert found(db, *made) == [False, False, True, True, True, True, True]


def test_a_lower_cap_ends_all_that_are_too_many(db: Database, user_id: int) -> None:
    made = [sessions.create(db, account(db, user_id)) for _ in range(4)]
    last = sessions.create(db, account(db, user_id), cap=1)

    assert found(db, *made, last) == [False, False, False, False, True]


def test_devices_behind_one_address_do_not_end_each_other(db: Database, user_id: int) -> None:
    made = [sessions.create(db, account(db, user_id), ip="203.0.113.7") for _ in range(2)]

    assert found(db, *made) == [True, True]


def test_a_session_that_lapsed_takes_no_place(
    db: Database, observer: Observer, user_id: int
) -> None:
    made = [sessions.create(db, account(db, user_id)) for _ in range(2)]
    age(observer, made[1].session, timedelta(hours=3))
    made.append(sessions.create(db, account(db, user_id), cap=2))

    assert found(db, *made) == [True, False, True]
    assert observer.ask("select count(*) from oadb.sessions where user_id = %s", user_id) == 2


def test_the_session_just_made_stays_though_the_clock_went_back(
    db: Database, observer: Observer, user_id: int
) -> None:
    for _ in range(2):
        ahead = sessions.create(db, account(db, user_id))
        age(observer, ahead.session, timedelta(hours=-1))
    made = sessions.create(db, account(db, user_id), cap=2)

    assert found(db, made) == [True]
    assert len(sessions.list_active(db, user_id)) == 2


def test_many_sign_ins_at_once_never_show_more_than_the_cap(
    url: str, db: Database, user_id: int
) -> None:
    most, stop = [0], threading.Event()

    def sign_in(many: Database) -> None:
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

    keyring = {"DATABASE_URL": url, "DB_POOL_SIZE": "8", "OADB_KEYRING": RING.to_json()}
    with Database(Config.from_env(keyring)) as many, threads(9) as pool:
        watching = pool.submit(watch)
        for signing_in in [pool.submit(sign_in, many) for _ in range(8)]:
            signing_in.result()
        stop.set()
        watching.result()

    assert most == [sessions.CAP]
    assert len(sessions.list_active(db, user_id)) == sessions.CAP


def test_the_session_just_made_is_never_the_one_that_goes(db: Database, user_id: int) -> None:
    """With a cap of 1, each of many at once sees itself at the end of its own transaction."""
    with threads(8) as pool:
        seen = list(pool.map(lambda _: _alone(db, user_id), range(24)))

    assert seen == [True] * 24


def _alone(db: Database, user_id: int) -> bool:
    with db.transaction() as tx:
        made = sessions.create(tx, account(tx, user_id), cap=1)
        return [each.session_id for each in sessions.list_active(tx, user_id)] == [
            made.session.session_id
        ]


# Sweeping ----------------------------------------------------------------------------------------


def test_a_sweep_deletes_what_lapsed_in_batches(
    db: Database, observer: Observer, user_id: int
) -> None:
    sessions.sweep(db)
    made = [sessions.create(db, account(db, user_id)) for _ in range(4)]
    for each in made[:3]:
        age(observer, each.session, timedelta(hours=13))

    assert sessions.sweep(db, 2) == 2
    assert sessions.sweep(db, 2) == 1
    assert sessions.sweep(db) == 0
    assert found(db, *made) == [False, False, False, True]


def test_a_sweep_waits_for_nobody(db: Database, observer: Observer, url: str, user_id: int) -> None:
    sessions.sweep(db)
    made = [sessions.create(db, account(db, user_id)) for _ in range(2)]
    for each in made:
        age(observer, each.session, timedelta(hours=13))
    with psycopg.connect(url) as other:
        other.execute(
            "select from oadb.sessions where session_id = %s for update",
            [made[0].session.session_id],
        )
        assert sessions.sweep(db) == 1
    assert sessions.sweep(db) == 1


# Elsewhere ---------------------------------------------------------------------------------------


async def test_sessions_work_for_asyncio(adb: AsyncDatabase) -> None:
    user = await users.create(adb, "asha", "asha@example.in")
    made = await sessions.create(adb, user, data={"a": 1})

    assert await sessions.find(adb, made.token) == made.session
    assert await sessions.find(adb, Secret("nonsense")) is None
    assert await sessions.list_active(adb, user.user_id) == [made.session]
    assert await sessions.end(adb, user.user_id, made.session.session_id) == 1
    assert await sessions.find(adb, made.token) is None


def test_a_session_that_is_made_in_a_transaction_goes_with_it(db: Database, user_id: int) -> None:
    made: list[NewSession] = []
    with suppress(RuntimeError), db.transaction() as tx:
        made.append(sessions.create(tx, account(tx, user_id)))
        raise RuntimeError

    assert found(db, *made) == [False]


def test_times_have_a_zone_and_ids_are_random(db: Database, user_id: int) -> None:
    first, second = (
        sessions.create(db, account(db, user_id)),
        sessions.create(db, account(db, user_id)),
    )

    assert first.session.session_id.version == 4
    assert first.session.session_id != second.session.session_id
    assert first.token != second.token
    assert abs(datetime.now(UTC) - first.session.created_at) < timedelta(minutes=5)
    assert isinstance(first.session.session_id, UUID)
