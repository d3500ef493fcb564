"""Broker tokens: put, told apart from what is there, got, revoked, and sealed all the while."""

from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from secrets import token_bytes, token_hex
from typing import Any

import psycopg
import pytest

from oadb import AsyncDatabase, Config, Database, Secret
from oadb.accounts import broker_tokens, users
from oadb.accounts.broker_tokens import BrokerToken, Tokens
from oadb.changes.announcements import Change
from oadb.errors import ParameterError, SealError
from oadb.keys import proof, rotation
from oadb.security.keyring import Key, KeyRing
from oadb.security.refusals import Refusal
from tests.conftest import configured
from tests.support.notifications import heard
from tests.support.rig import Observer

numbers = count(1)
TOMORROW = datetime(2126, 1, 1, 3, 30, tzinfo=UTC)
SEALED = ("access_token", "refresh_token", "feed_token", "parameters")


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


def tokens() -> Tokens:
    """Return tokens that nobody else has."""
    access, refresh, feed, secret, pin = (Secret(f"canary-{token_hex(8)}") for _ in range(5))
    return Tokens(access, refresh, feed, {"api_secret": secret, "pin": pin})


def put(db: Database, user_id: int, given: Tokens, broker: str = "zerodha", **more: Any) -> bool:
    return broker_tokens.put(db, user_id, broker, given, **more)


def got(db: Database, user_id: int, broker: str = "zerodha") -> BrokerToken:
    found = broker_tokens.get(db, user_id, broker)
    assert isinstance(found, BrokerToken)
    return found


def written_by(observer: Observer, user_id: int) -> str:
    """Return what changes when the row is written."""
    return str(
        observer.ask(
            "select xmin::text || ctid::text from oadb.broker_tokens where user_id = %s", user_id
        )
    )


# Putting and getting -----------------------------------------------------------------------------


def test_what_was_put_is_got(db: Database, user_id: int) -> None:
    given = tokens()
    assert put(db, user_id, given, client_id="AB1234", expires_at=TOMORROW)
    found = got(db, user_id)

    assert found.tokens == given
    assert (found.user_id, found.broker, found.client_id, found.expires_at) == (
        user_id, "zerodha", "AB1234", TOMORROW,
    )  # fmt: skip
    assert "canary" not in repr(found)


@pytest.mark.parametrize(
    "text",
    ["", "x", "\0", "é\U0001f600", "\ud83d\ude00", "\udfff", '"\\{}', "x" * 1_000_000],
    ids=["empty", "short", "nul", "letters", "two surrogates", "one", "json", "a megabyte"],
)
def test_every_text_can_be_a_token(db: Database, user_id: int, text: str) -> None:
    given = Tokens(Secret(text), Secret(text), Secret(text), {"a": Secret(text), text: Secret("")})
    put(db, user_id, given)

    assert got(db, user_id).tokens == given
    assert not put(db, user_id, given)


def test_the_access_token_alone_is_enough(db: Database, user_id: int) -> None:
    put(db, user_id, Tokens(Secret("a")))

    assert got(db, user_id).tokens == Tokens(Secret("a"), None, None, {})


def test_none_is_not_the_empty_text(db: Database, user_id: int) -> None:
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


def test_an_identical_put_writes_nothing_and_tells_nobody(
    db: Database, observer: Observer, url: str, user_id: int
) -> None:
    given = tokens()
    put(db, user_id, given, client_id="A", expires_at=TOMORROW)
    before, updated_at = written_by(observer, user_id), got(db, user_id).updated_at
    again = replace(given, parameters=dict(reversed(given.parameters.items())))

    assert heard(url, lambda: put(db, user_id, again, client_id="A", expires_at=TOMORROW)) == []
    assert written_by(observer, user_id) == before
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
        "angel", "zerodha",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "broker", ["", "Zerodha", "a b", "a" * 51, "zerodha\n", "\uff5aerodha", "a-b"]
)
def test_what_is_no_name_of_a_broker_is_refused(db: Database, user_id: int, broker: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        put(db, user_id, tokens(), broker)

    assert broker_tokens.get(db, user_id, broker) is Refusal.UNKNOWN


def test_a_time_without_a_zone_and_nobody_are_refused(db: Database, user_id: int) -> None:
    with pytest.raises(ParameterError):
        put(db, user_id, tokens(), expires_at=TOMORROW.replace(tzinfo=None))
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        put(db, 2**62, tokens())
    with pytest.raises(psycopg.errors.CheckViolation):
        put(db, user_id, tokens(), client_id="")

    assert broker_tokens.list_by_user(db, user_id) == []


# Not getting -------------------------------------------------------------------------------------


def test_why_there_are_no_tokens_is_told(db: Database, observer: Observer, user_id: int) -> None:
    assert broker_tokens.get(db, user_id, "zerodha") is Refusal.UNKNOWN
    put(db, user_id, tokens(), expires_at=TOMORROW)
    observer.rows(
        "update oadb.broker_tokens set expires_at = now() - interval '1 microsecond' "
        "where user_id = %s",
        user_id,
    )
    assert broker_tokens.get(db, user_id, "zerodha") is Refusal.EXPIRED
    assert broker_tokens.revoke(db, user_id, "zerodha")
    assert broker_tokens.get(db, user_id, "zerodha") is Refusal.REVOKED


def test_the_current_login_is_the_newest_whose_tokens_can_be_used(
    db: Database, observer: Observer, user_id: int
) -> None:
    given = {broker: tokens() for broker in ("zerodha", "angel", "dhan")}
    for broker, each in given.items():
        put(db, user_id, each, broker, client_id=broker.upper(), expires_at=TOMORROW)
    put(db, new_user(db), tokens(), "fyers")

    assert broker_tokens.get_current(db, user_id) == got(db, user_id, "dhan")
    observer.rows(
        "update oadb.broker_tokens set expires_at = now() where user_id = %s and broker = 'dhan'",
        user_id,
    )
    assert broker_tokens.get_current(db, user_id) == got(db, user_id, "angel")
    broker_tokens.revoke(db, user_id, "angel")
    assert broker_tokens.get_current(db, user_id) == got(db, user_id, "zerodha")
    assert got(db, user_id).tokens == given["zerodha"]
    put(db, user_id, given["angel"], "angel")
    assert broker_tokens.get_current(db, user_id) == got(db, user_id, "angel")


def test_why_there_is_no_current_login_is_told(
    db: Database, observer: Observer, user_id: int
) -> None:
    assert broker_tokens.get_current(db, user_id) is Refusal.UNKNOWN
    for broker in ("zerodha", "angel"):
        put(db, user_id, tokens(), broker)
    broker_tokens.revoke(db, user_id, "zerodha")
    observer.rows(
        "update oadb.broker_tokens set updated_at = now() + interval '1 s', expires_at = now() "
        "where user_id = %s and broker = 'angel'",
        user_id,
    )
    assert broker_tokens.get_current(db, user_id) is Refusal.EXPIRED
    observer.rows(
        "update oadb.broker_tokens set updated_at = now() + interval '2 s' "
        "where user_id = %s and broker = 'zerodha'",
        user_id,
    )
    assert broker_tokens.get_current(db, user_id) is Refusal.REVOKED


def test_under_an_identity_the_current_login_is_ones_own(db: Database, user_id: int) -> None:
    other = new_user(db)
    put(db, other, tokens())
    put(db, user_id, tokens(), "angel")

    assert broker_tokens.get_current(db.as_user(user_id), user_id) == got(db, user_id, "angel")
    assert broker_tokens.get_current(db.as_user(user_id), other) is Refusal.UNKNOWN


def test_what_is_revoked_is_gone_from_the_row_and_can_be_put_again(
    db: Database, observer: Observer, user_id: int
) -> None:
    given = tokens()
    put(db, user_id, given, client_id="A")
    assert broker_tokens.revoke(db, user_id, "zerodha")
    columns = ", ".join((*SEALED, "content_digest", "key_id"))

    assert observer.rows(
        f"select {columns} from oadb.broker_tokens where user_id = %s", user_id
    ) == [(None,) * 6]  # fmt: skip
    assert not broker_tokens.revoke(db, user_id, "zerodha")
    assert not broker_tokens.revoke(db, user_id, "angel")
    (login,) = broker_tokens.list_by_user(db, user_id)
    assert login.revoked_at is not None
    assert put(db, user_id, given, client_id="A")
    assert got(db, user_id).tokens == given


def test_columns_hold_no_plaintext(db: Database, observer: Observer, user_id: int) -> None:
    given = tokens()
    put(db, user_id, given)
    ((row,),) = observer.rows(
        "select b::text from oadb.broker_tokens as b where user_id = %s", user_id
    )

    assert b"canary".hex() not in row
    assert "canary" not in row
    assert b"api_secret".hex() not in row


@pytest.mark.parametrize("column", SEALED)
def test_a_value_of_another_user_is_not_opened(
    db: Database, observer: Observer, user_id: int, column: str
) -> None:
    other = new_user(db)
    for who in (user_id, other):
        put(db, who, tokens())
    observer.rows(
        f"update oadb.broker_tokens set {column} = other.{column} from oadb.broker_tokens as other "
        "where broker_tokens.user_id = %s and other.user_id = %s",
        user_id,
        other,
    )

    with pytest.raises(SealError) as refused:
        broker_tokens.get(db, user_id, "zerodha")
    assert "canary" not in str(refused.value)
    assert isinstance(broker_tokens.get(db, other, "zerodha"), BrokerToken)


@pytest.mark.parametrize(
    "change",
    [
        "refresh_token = feed_token, feed_token = refresh_token",
        "access_token = refresh_token",
        "parameters = access_token",
        "broker = 'angel'",
        "access_token = set_byte(access_token, 20, get_byte(access_token, 20) # 1)",
        "feed_token = substr(feed_token, 1, length(feed_token) - 1)",
    ],
)
def test_what_was_swapped_moved_altered_or_cut_is_not_opened(
    db: Database, observer: Observer, user_id: int, change: str
) -> None:
    put(db, user_id, tokens())
    observer.rows(f"update oadb.broker_tokens set {change} where user_id = %s", user_id)

    with pytest.raises(SealError):
        broker_tokens.get(db, user_id, "angel" if "angel" in change else "zerodha")
    with pytest.raises(SealError):
        broker_tokens.get_current(db, user_id)


# Everybody's -------------------------------------------------------------------------------------


@pytest.fixture
def alone(oadb_database_url: str) -> Generator[Database]:
    """Give a database in which nobody else has tokens."""
    with Database(configured(oadb_database_url)) as db:
        yield db


def test_those_that_expire_are_listed_the_first_first(
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
    assert broker_tokens.list_expiring(alone, timedelta()) == []


def test_the_first_active_is_the_oldest_and_stays_so_while_it_holds(
    alone: Database, oadb_database_url: str
) -> None:
    assert broker_tokens.first_active(alone) is None
    made = [new_user(alone) for _ in range(3)]
    for who in reversed(made):
        put(alone, who, tokens(), expires_at=TOMORROW)
    for who in made:
        put(alone, who, tokens(), "angel")
    oldest = made[2]
    for _ in range(3):
        first = broker_tokens.first_active(alone)
        assert first is not None
        assert (first.user_id, first.broker) == (oldest, "zerodha")
        put(alone, oldest, tokens(), expires_at=TOMORROW)  # moves its row in the table
    broker_tokens.revoke(alone, oldest, "zerodha")
    second = broker_tokens.first_active(alone)
    assert second is not None
    assert second.user_id == made[1]
    Observer(oadb_database_url).rows(
        "update oadb.broker_tokens set expires_at = now() where broker = 'zerodha'"
    )
    third = broker_tokens.first_active(alone)
    assert third is not None
    assert (third.user_id, third.broker) == (made[0], "angel")


# Rotation ----------------------------------------------------------------------------------------

OLD, NEW = (Key(n, "decrypt-only", TOMORROW, token_bytes(32)) for n in (1, 2))


def ringed(url: str, primary: int) -> Database:
    """Give a database whose ring has two keys."""
    states = {primary: "primary"}
    ring = KeyRing(
        replace(key, state=states.get(key.key_id, "decrypt-only"))  # type: ignore[arg-type]
        for key in (OLD, NEW)
    )
    return Database(Config.from_env({"DATABASE_URL": url, "OADB_KEYRING": ring.to_json()}))


def test_neither_a_new_key_nor_a_rewrap_counts_as_a_change(oadb_database_url: str) -> None:
    given = tokens()
    observer = Observer(oadb_database_url)
    with ringed(oadb_database_url, 1) as before, ringed(oadb_database_url, 2) as after:
        made = [new_user(before) for _ in range(3)]
        for who in made:
            put(before, who, given)
        put(before, made[0], Tokens(Secret("alone")), "angel")
        put(before, made[1], given, "angel")
        broker_tokens.revoke(before, made[1], "angel")
        proof.admit(before, 2)

        assert not put(after, made[0], given)
        assert not put(before, made[0], given)
        batches = [rotation.rewrap(after, broker_tokens.SEALED, 1, 3) for _ in range(3)]
        assert [batch.rows for batch in batches] == [3, 1, 0]
        assert observer.rows("select distinct key_id from oadb.broker_tokens order by 1") == [
            (2,), (None,),
        ]  # fmt: skip
        assert [got(after, who).tokens for who in made] == [given] * 3
        assert got(after, made[0], "angel").tokens == Tokens(Secret("alone"))
        assert not put(after, made[0], given)
        assert not put(before, made[1], given)
        assert broker_tokens.get(after, made[1], "angel") is Refusal.REVOKED
        assert put(after, made[1], Tokens(Secret("new")))


def test_a_rewrap_loses_to_what_was_put_meanwhile(oadb_database_url: str) -> None:
    with ringed(oadb_database_url, 1) as before, ringed(oadb_database_url, 2) as after:
        who, fresh = new_user(before), tokens()
        put(before, who, tokens())
        proof.admit(before, 2)
        (found,) = rotation._list_under_key(after, "broker_tokens", 1, 0, 10)
        put(before, who, fresh)
        stale = found.sealed[:1]

        assert broker_tokens._reseal(
            after, [who], ["zerodha"], stale, stale, [b""], [b""], [b""], [b"\0" * 32]
        ) == 0  # fmt: skip
        assert got(after, who).tokens == fresh


async def test_broker_tokens_work_for_asyncio(adb: AsyncDatabase) -> None:
    asha, given = await users.create(adb, "asha", "asha@example.in"), tokens()

    assert await broker_tokens.put(adb, asha.user_id, "zerodha", given)
    assert not await broker_tokens.put(adb, asha.user_id, "zerodha", given)
    found = await broker_tokens.get(adb, asha.user_id, "zerodha")
    assert isinstance(found, BrokerToken)
    assert found.tokens == given
    assert await broker_tokens.get_current(adb, asha.user_id) == found
    assert await broker_tokens.revoke(adb, asha.user_id, "zerodha")
    assert await broker_tokens.get(adb, asha.user_id, "zerodha") is Refusal.REVOKED
