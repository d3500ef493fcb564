"""Sessions: created, found, changed, listed and ended."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import pytest

from oadb import AsyncDatabase, Database, Secret
from oadb.accounts import sessions, users
from oadb.accounts.sessions import NewSession, Session
from oadb.errors import NoRowError, ParameterError
from oadb.security.refusals import Refusal
from tests.support.accounts import NOBODY, account, age_session, found_sessions, new_user
from tests.support.databases import unreachable
from tests.support.rig import Observer


def test_a_session_is_found_by_the_token_that_was_shown_once(db: Database, user_id: int) -> None:
    made = sessions.create(
        db, account(db, user_id), device="Firefox", ip="203.0.113.7", broker="zerodha"
    )

    assert sessions.verify(db, made.token) == made.session
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


def test_an_unknown_token_finds_no_session(db: Database) -> None:
    assert sessions.verify(db, sessions.TOKEN.new(1)) is Refusal.UNKNOWN


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
def test_a_malformed_token_costs_no_query(change: Callable[[str], str]) -> None:
    token = sessions.TOKEN.new(1).reveal()

    assert sessions.verify(unreachable(), Secret(change(token))) is Refusal.UNKNOWN


def test_an_unknown_user_gets_no_session(db: Database) -> None:
    with pytest.raises(
        NoRowError,
        match=rf"^sessions\.create: user {2**62} was deleted, disabled",
    ):
        sessions.create(db, NOBODY)


def test_a_long_description_of_a_device_is_cut(db: Database, user_id: int) -> None:
    assert sessions.create(db, account(db, user_id), device="x " * 251).session.device == "x " * 250
    assert sessions.create(db, account(db, user_id), device="").session.device is None


@pytest.mark.parametrize(
    "ip", ["", "localhost", "203.0.113.256", "203.0.113.7/32", " 203.0.113.7", "fe80::1%eth0", "1"]
)
def test_an_invalid_address_is_refused(db: Database, user_id: int, ip: str) -> None:
    with pytest.raises(ParameterError) as refused:
        sessions.create(db, account(db, user_id), ip=ip)

    assert "ip" in str(refused.value)
    assert sessions.list_by_user(db, user_id).rows == []


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
        {"most": 0},
    ],
    ids=["idle too short", "no lifetime", "less than no lifetime", "no sessions"],
)
def test_times_that_would_end_a_session_at_once_are_refused(
    db: Database, user_id: int, times: dict[str, Any]
) -> None:
    with pytest.raises(ParameterError, match=rf"sessions\.create: {next(iter(times))} "):
        sessions.create(db, account(db, user_id), **times)

    assert sessions.list_by_user(db, user_id).rows == []


def test_data_is_kept_and_replaced_as_a_whole(db: Database, user_id: int) -> None:
    made = sessions.create(
        db, account(db, user_id), data={"theme": "dark", "tabs": [1, 2], "none": None}
    )
    assert made.session.data == {"theme": "dark", "tabs": [1, 2], "none": None}

    assert sessions.set_data(db, user_id, made.session.session_id, {"a": {"b": "é"}}) is True
    found = sessions.verify(db, made.token)
    assert isinstance(found, Session)
    assert found.data == {"a": {"b": "é"}}
    assert sessions.set_data(db, user_id + 1, made.session.session_id, {}) is False
    assert sessions.set_data(db, user_id, uuid4(), {}) is False


def test_a_session_is_read_by_its_id_without_being_seen(
    db: Database, observer: Observer, user_id: int
) -> None:
    made = sessions.create(db, account(db, user_id), device="Firefox", data={"a": 1})
    session_id = made.session.session_id
    assert sessions.get(db, user_id, session_id) == made.session
    age_session(observer, made.session, timedelta(minutes=5))
    first, second = (sessions.get(db, user_id, session_id) for _ in range(2))

    assert first is not None
    assert first == second
    assert first.last_seen_at == made.session.last_seen_at - timedelta(minutes=5)
    assert sessions.get(db, new_user(db), session_id) is None
    assert sessions.get(db, user_id, uuid4()) is None
    sessions.end(db, user_id, session_id)
    assert sessions.get(db, user_id, session_id) is None


def test_a_session_is_ended_by_its_token(db: Database, user_id: int) -> None:
    first, second = (sessions.create(db, account(db, user_id)) for _ in range(2))

    assert sessions.end_by_token(db, first.token) is True
    assert sessions.end_by_token(db, first.token) is False
    assert sessions.end_by_token(db, sessions.TOKEN.new(1)) is False
    assert found_sessions(db, first, second) == [False, True]


def test_a_malformed_token_ends_nothing_and_costs_no_query() -> None:
    assert sessions.end_by_token(unreachable(), Secret("nonsense")) is False


def test_an_expired_session_is_not_ended_by_its_token(
    db: Database, observer: Observer, user_id: int
) -> None:
    made = sessions.create(db, account(db, user_id))
    age_session(observer, made.session, timedelta(hours=3))

    assert sessions.end_by_token(db, made.token) is False
    assert observer.ask("select count(*) from oadb.sessions where user_id = %s", user_id) == 1


def test_a_user_who_is_not_signed_in_gets_no_session(db: Database, user_id: int) -> None:
    """A row of the database proves nothing; only a sign-in returns a SignedInUser."""
    user: Any = users.get(db, user_id)
    for given in (user, user_id, None):
        with pytest.raises(ParameterError, match=r"account must be SignedInUser, not "):
            sessions.create(db, given)

    assert sessions.list_by_user(db, user_id).rows == []


def test_an_ended_session_is_gone_and_the_others_stay(db: Database, user_id: int) -> None:
    first, second = (sessions.create(db, account(db, user_id)) for _ in range(2))

    assert sessions.end(db, user_id, first.session.session_id) is True
    assert sessions.end(db, user_id, first.session.session_id) is False
    assert found_sessions(db, first, second) == [False, True]


def test_a_user_cannot_end_the_session_of_another(db: Database, user_id: int) -> None:
    made, other = sessions.create(db, account(db, user_id)), new_user(db)

    assert sessions.end(db, other, made.session.session_id) is False
    assert sessions.end_all(db, other) == 0
    assert sessions.end_all(db, other, keep=uuid4()) == 0
    assert sessions.get(db, other, made.session.session_id) is None
    assert found_sessions(db, made) == [True]


def test_all_sessions_or_all_but_one_are_ended(db: Database, user_id: int) -> None:
    made = [sessions.create(db, account(db, user_id)) for _ in range(3)]

    assert sessions.end_all(db, user_id, keep=made[1].session.session_id) == 2
    assert found_sessions(db, *made) == [False, True, False]
    assert sessions.end_all(db, user_id) == 1
    assert found_sessions(db, *made) == [False, False, False]


def test_sessions_end_with_their_user(db: Database, user_id: int) -> None:
    made = sessions.create(db, account(db, user_id))
    users.delete(db, user_id)

    assert found_sessions(db, made) == [False]


def test_sessions_are_listed_newest_first_whenever_they_were_seen(
    db: Database, observer: Observer, user_id: int
) -> None:
    made = [sessions.create(db, account(db, user_id)) for _ in range(3)]
    age_session(observer, made[0].session, timedelta(minutes=2))
    age_session(observer, made[1].session, timedelta(minutes=10))
    age_session(observer, made[2].session, timedelta(minutes=5))
    sessions.verify(db, made[1].token)

    assert [each.session_id for each in sessions.list_by_user(db, user_id)] == [
        made[n].session.session_id for n in (0, 2, 1)
    ]


async def test_sessions_work_for_asyncio(adb: AsyncDatabase) -> None:
    user = await users.create(adb, "asha", "asha@example.in")
    made = await sessions.create(adb, users.signed_in(user, assurance=1), data={"a": 1})

    assert await sessions.verify(adb, made.token) == made.session
    assert await sessions.verify(adb, Secret("nonsense")) is Refusal.UNKNOWN
    assert (await sessions.list_by_user(adb, user.user_id)).rows == [made.session]
    assert await sessions.get(adb, user.user_id, made.session.session_id) == made.session
    assert await sessions.end_by_token(adb, made.token) is True
    assert await sessions.verify(adb, made.token) is Refusal.UNKNOWN


def test_a_session_is_rolled_back_with_its_transaction(db: Database, user_id: int) -> None:
    made: list[NewSession] = []
    with suppress(RuntimeError), db.transaction() as tx:
        made.append(sessions.create(tx, account(tx, user_id)))
        raise RuntimeError

    assert found_sessions(db, *made) == [False]


def test_times_have_a_zone_and_ids_are_random(db: Database, user_id: int) -> None:
    first, second = (sessions.create(db, account(db, user_id)) for _ in range(2))

    assert first.session.session_id.version == 4
    assert first.session.session_id != second.session.session_id
    assert first.token != second.token
    assert abs(datetime.now(UTC) - first.session.created_at) < timedelta(minutes=5)
    assert isinstance(first.session.session_id, UUID)
