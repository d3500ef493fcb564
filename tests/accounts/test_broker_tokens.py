"""Broker tokens: put, read, compared, revoked and listed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from oadb import AsyncDatabase, Database, Secret
from oadb.accounts import broker_tokens, users
from oadb.accounts.broker_tokens import BrokerToken, Tokens
from oadb.changes.announcements import Change
from oadb.errors import NoRowError, ParameterError
from oadb.security.refusals import Refusal
from tests.support.accounts import new_user
from tests.support.broker_logins import SEALED, TOMORROW, got, put, tokens
from tests.support.notifications import heard
from tests.support.rig import Observer


def version_of(observer: Observer, user_id: int) -> str:
    """Return the version of a row, which changes with each write."""
    return str(
        observer.ask(
            "select xmin::text || ctid::text from oadb.broker_tokens where user_id = %s", user_id
        )
    )


def test_tokens_are_read_as_they_were_put(db: Database, user_id: int) -> None:
    given = tokens()
    assert put(db, user_id, given, client_id="AB1234", expires_at=TOMORROW)
    found = got(db, user_id)

    assert found.tokens == given
    assert (found.user_id, found.broker, found.client_id, found.expires_at) == (
        user_id,
        "zerodha",
        "AB1234",
        TOMORROW,
    )
    assert "canary" not in repr(found)


@pytest.mark.parametrize(
    "text",
    ["", "x", "\0", "é\U0001f600", "\ud83d\ude00", "\udfff", '"\\{}', "x" * 1_000_000],
    ids=["empty", "short", "nul", "letters", "two surrogates", "one", "json", "a megabyte"],
)
def test_any_text_can_be_a_token(db: Database, user_id: int, text: str) -> None:
    given = Tokens(Secret(text), Secret(text), Secret(text), {"a": Secret(text), text: Secret("")})
    put(db, user_id, given)

    assert got(db, user_id).tokens == given
    assert not put(db, user_id, given)


def test_the_access_token_alone_is_enough(db: Database, user_id: int) -> None:
    put(db, user_id, Tokens(Secret("a")))

    assert got(db, user_id).tokens == Tokens(Secret("a"), None, None, {})


def test_none_differs_from_an_empty_text(db: Database, user_id: int) -> None:
    put(db, user_id, Tokens(Secret("a"), None, Secret("")))
    found = got(db, user_id).tokens

    assert (found.refresh, found.feed) == (None, Secret(""))
    assert put(db, user_id, Tokens(Secret("a"), Secret(""), None))


def test_every_difference_is_a_change(db: Database, user_id: int) -> None:
    first = tokens()
    put(db, user_id, first, client_id="A", expires_at=TOMORROW)
    parameters = {**first.parameters}
    sent: list[tuple[Tokens, str | None, datetime | None]] = [
        (first, "A", TOMORROW + timedelta(microseconds=1)),
        (first, "A", None),
        (first, "B", None),
        (first, None, None),
        (replace(first, parameters=parameters | {"pin": Secret("other")}), None, None),
        (replace(first, parameters={"pin": first.parameters["pin"]}), None, None),
        (replace(first, parameters={}), None, None),
        (replace(first, refresh=None), None, None),
        (replace(first, refresh=first.feed, feed=first.refresh), None, None),
        (replace(first, access=Secret("other")), None, None),
    ]
    for given, client_id, expires_at in sent:
        more = {"client_id": client_id, "expires_at": expires_at}
        assert [put(db, user_id, given, **more) for _ in range(2)] == [True, False]
        found = got(db, user_id)
        assert (found.tokens, found.client_id, found.expires_at) == (given, client_id, expires_at)


def test_an_identical_put_writes_and_announces_nothing(
    db: Database, observer: Observer, url: str, user_id: int
) -> None:
    given = tokens()
    put(db, user_id, given, client_id="A", expires_at=TOMORROW)
    before, updated_at = version_of(observer, user_id), got(db, user_id).updated_at
    again = replace(given, parameters=dict(reversed(given.parameters.items())))

    assert heard(url, lambda: put(db, user_id, again, client_id="A", expires_at=TOMORROW)) == []
    assert version_of(observer, user_id) == before
    assert got(db, user_id).updated_at == updated_at


def test_changes_are_announced(db: Database, url: str, user_id: int) -> None:
    given = tokens()

    def work() -> None:
        put(db, user_id, given)
        put(db, user_id, given)
        broker_tokens.revoke(db, user_id, "zerodha")
        broker_tokens.revoke(db, user_id, "zerodha")
        put(db, user_id, given)

    assert heard(url, work) == [Change("broker_tokens", user_id, "zerodha")] * 3


def test_tokens_are_kept_by_user_and_broker(db: Database, user_id: int) -> None:
    other = new_user(db)
    given = {(who, broker): tokens() for who in (user_id, other) for broker in ("angel", "zerodha")}
    for (who, broker), each in given.items():
        put(db, who, each, broker)

    assert {key: got(db, *key).tokens for key in given} == given
    assert [each.broker for each in broker_tokens.list_by_user(db, user_id)] == [
        "angel",
        "zerodha",
    ]


@pytest.mark.parametrize(
    "broker", ["", "Zerodha", "a b", "a" * 51, "zerodha\n", "\uff5aerodha", "a-b"]
)
def test_an_invalid_name_of_a_broker_is_refused(db: Database, user_id: int, broker: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        put(db, user_id, tokens(), broker)

    assert broker_tokens.open(db, user_id, broker) is Refusal.UNKNOWN


def test_a_time_without_a_zone_an_unknown_user_and_an_empty_client_id_are_refused(
    db: Database, user_id: int
) -> None:
    with pytest.raises(ParameterError):
        put(db, user_id, tokens(), expires_at=TOMORROW.replace(tzinfo=None))
    with pytest.raises(NoRowError, match=rf"^broker_tokens\.put: there is no user {2**62}$"):
        put(db, 2**62, tokens())
    with pytest.raises(psycopg.errors.CheckViolation):
        put(db, user_id, tokens(), client_id="")

    assert broker_tokens.list_by_user(db, user_id) == []


def test_a_refusal_says_why_there_are_no_tokens(
    db: Database, observer: Observer, user_id: int
) -> None:
    assert broker_tokens.open(db, user_id, "zerodha") is Refusal.UNKNOWN
    put(db, user_id, tokens(), expires_at=TOMORROW)
    observer.rows(
        "update oadb.broker_tokens set expires_at = now() - interval '1 microsecond' "
        "where user_id = %s",
        user_id,
    )
    assert broker_tokens.open(db, user_id, "zerodha") is Refusal.EXPIRED
    assert broker_tokens.revoke(db, user_id, "zerodha")
    assert broker_tokens.open(db, user_id, "zerodha") is Refusal.REVOKED


def test_the_current_login_is_the_newest_whose_tokens_can_be_used(
    db: Database, observer: Observer, user_id: int
) -> None:
    given = {broker: tokens() for broker in ("zerodha", "angel", "dhan")}
    for broker, each in given.items():
        put(db, user_id, each, broker, client_id=broker.upper(), expires_at=TOMORROW)
    put(db, new_user(db), tokens(), "fyers")

    assert broker_tokens.open_current(db, user_id) == got(db, user_id, "dhan")
    observer.rows(
        "update oadb.broker_tokens set expires_at = now() where user_id = %s and broker = 'dhan'",
        user_id,
    )
    assert broker_tokens.open_current(db, user_id) == got(db, user_id, "angel")
    broker_tokens.revoke(db, user_id, "angel")
    assert broker_tokens.open_current(db, user_id) == got(db, user_id, "zerodha")
    assert got(db, user_id).tokens == given["zerodha"]
    put(db, user_id, given["angel"], "angel")
    assert broker_tokens.open_current(db, user_id) == got(db, user_id, "angel")


def test_the_refusal_of_the_newest_login_says_why_there_is_no_current_one(
    db: Database, observer: Observer, user_id: int
) -> None:
    assert broker_tokens.open_current(db, user_id) is Refusal.UNKNOWN
    for broker in ("zerodha", "angel"):
        put(db, user_id, tokens(), broker)
    broker_tokens.revoke(db, user_id, "zerodha")
    observer.rows(
        "update oadb.broker_tokens set updated_at = now() + interval '1 s', expires_at = now() "
        "where user_id = %s and broker = 'angel'",
        user_id,
    )
    assert broker_tokens.open_current(db, user_id) is Refusal.EXPIRED
    observer.rows(
        "update oadb.broker_tokens set updated_at = now() + interval '2 s' "
        "where user_id = %s and broker = 'zerodha'",
        user_id,
    )
    assert broker_tokens.open_current(db, user_id) is Refusal.REVOKED


def test_under_an_identity_only_the_own_current_login_is_found(db: Database, user_id: int) -> None:
    other = new_user(db)
    put(db, other, tokens())
    put(db, user_id, tokens(), "angel")

    assert broker_tokens.open_current(db.as_user(user_id), user_id) == got(db, user_id, "angel")
    assert broker_tokens.open_current(db.as_user(user_id), other) is Refusal.UNKNOWN


def test_revoked_tokens_are_deleted_and_can_be_put_again(
    db: Database, observer: Observer, user_id: int
) -> None:
    given = tokens()
    put(db, user_id, given, client_id="A")
    assert broker_tokens.revoke(db, user_id, "zerodha")
    columns = ", ".join((*SEALED, "content_digest", "key_id"))

    assert observer.rows(
        f"select {columns} from oadb.broker_tokens where user_id = %s", user_id
    ) == [(None,) * 6]
    assert not broker_tokens.revoke(db, user_id, "zerodha")
    assert not broker_tokens.revoke(db, user_id, "angel")
    (login,) = broker_tokens.list_by_user(db, user_id)
    assert login.revoked_at is not None
    assert put(db, user_id, given, client_id="A")
    assert got(db, user_id).tokens == given


def test_logins_that_expire_soon_are_listed_soonest_first(
    alone: Database, oadb_database_url: str
) -> None:
    now = Observer(oadb_database_url).ask("select now()")
    made = [new_user(alone) for _ in range(5)]
    for who, hours in zip(made, (30, 2, 1, -1, None), strict=True):
        expires_at = None if hours is None else now + timedelta(hours=hours)
        put(alone, who, tokens(), expires_at=expires_at)
    put(alone, made[0], tokens(), "angel", expires_at=now + timedelta(minutes=1))
    broker_tokens.revoke(alone, made[0], "angel")
    listed = broker_tokens.list_expiring(alone, timedelta(days=1))

    assert [each.user_id for each in listed] == [made[2], made[1]]
    with pytest.raises(ParameterError, match=r"list_expiring: within must be above 0$"):
        broker_tokens.list_expiring(alone, timedelta())


def test_the_first_active_login_is_the_oldest_and_stays_so_while_it_is_valid(
    alone: Database, oadb_database_url: str
) -> None:
    assert broker_tokens.find_any_active(alone) is None
    made = [new_user(alone) for _ in range(3)]
    for who in reversed(made):
        put(alone, who, tokens(), expires_at=TOMORROW)
    for who in made:
        put(alone, who, tokens(), "angel")
    oldest = made[2]
    for _ in range(3):
        first = broker_tokens.find_any_active(alone)
        assert first is not None
        assert (first.user_id, first.broker) == (oldest, "zerodha")
        put(alone, oldest, tokens(), expires_at=TOMORROW)  # moves its row in the table
    broker_tokens.revoke(alone, oldest, "zerodha")
    second = broker_tokens.find_any_active(alone)
    assert second is not None
    assert second.user_id == made[1]
    Observer(oadb_database_url).rows(
        "update oadb.broker_tokens set expires_at = now() where broker = 'zerodha'"
    )
    third = broker_tokens.find_any_active(alone)
    assert third is not None
    assert (third.user_id, third.broker) == (made[0], "angel")


def test_working_logins_are_listed_newest_or_oldest_first(
    alone: Database, oadb_database_url: str
) -> None:
    """By when they changed last: a put that changes nothing does not make a login newer."""
    first, second, third = (new_user(alone) for _ in range(3))
    given = tokens()
    for who, broker in ((first, "zerodha"), (second, "angel"), (third, "zerodha")):
        put(alone, who, given, broker, expires_at=TOMORROW)
    put(alone, second, tokens())
    broker_tokens.revoke(alone, second, "zerodha")
    put(alone, third, tokens(), "angel", expires_at=TOMORROW - timedelta(days=40_000))

    def listed(**given: Any) -> list[tuple[int, str]]:
        return [(each.user_id, each.broker) for each in broker_tokens.list_active(alone, **given)]

    assert listed() == [(third, "zerodha"), (second, "angel"), (first, "zerodha")]
    assert listed(oldest_first=True) == listed()[::-1]
    assert listed(broker="zerodha") == [(third, "zerodha"), (first, "zerodha")]
    assert listed(broker="zerodha", oldest_first=True, limit=1) == [(first, "zerodha")]
    assert listed(broker="dhan") == []

    assert not put(alone, first, given, expires_at=TOMORROW)
    assert listed()[0] == (third, "zerodha")
    assert put(alone, first, tokens(), expires_at=TOMORROW)
    assert listed()[0] == (first, "zerodha")

    Observer(oadb_database_url).rows("update oadb.users set disabled_at = now()")
    assert listed() == []


def test_tokens_that_expired_are_set_aside_until_their_expiry_changes(
    alone: Database, oadb_database_url: str
) -> None:
    observer, soon = Observer(oadb_database_url), datetime.now(UTC) + timedelta(hours=1)
    made = [new_user(alone) for _ in range(5)]
    for who in made[:4]:
        put(alone, who, tokens(), expires_at=soon)
    put(alone, made[4], tokens())
    observer.rows(
        "update oadb.broker_tokens set expires_at = now() where user_id = any(%s)", made[:3]
    )
    swept = [broker_tokens.retire_expired(alone, batch=2) for _ in range(3)]
    put(alone, made[0], tokens(), expires_at=soon)
    observer.rows("update oadb.broker_tokens set expires_at = %s where user_id = %s", soon, made[1])
    listed = broker_tokens.list_active(alone)
    expiring = broker_tokens.list_expiring(alone, timedelta(days=1))

    assert swept == [2, 1, 0]
    assert {each.user_id for each in listed} == {made[0], made[1], made[3], made[4]}
    assert {each.user_id for each in expiring} == {made[0], made[1], made[3]}
    assert isinstance(broker_tokens.open_current(alone, made[2]), Refusal)


async def test_broker_tokens_work_for_asyncio(adb: AsyncDatabase) -> None:
    asha, given = await users.create(adb, "asha", "asha@example.in"), tokens()

    assert await broker_tokens.put(adb, asha.user_id, "zerodha", given)
    assert not await broker_tokens.put(adb, asha.user_id, "zerodha", given)
    found = await broker_tokens.open(adb, asha.user_id, "zerodha")
    assert isinstance(found, BrokerToken)
    assert found.tokens == given
    assert await broker_tokens.open_current(adb, asha.user_id) == found
    assert await broker_tokens.revoke(adb, asha.user_id, "zerodha")
    assert await broker_tokens.open(adb, asha.user_id, "zerodha") is Refusal.REVOKED
