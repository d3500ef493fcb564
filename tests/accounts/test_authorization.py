"""Authorization of orders: all that decides about one, in one round trip, and never by a guess."""

from typing import assert_type, get_args, get_type_hints

import pytest

from oadb import AsyncDatabase, Database, Refusal, Secret
from oadb.accounts import api_key_rows, api_keys, authorization, broker_tokens, users
from oadb.accounts.authorization import Authorization
from oadb.accounts.users import SignedInUser
from oadb.engine import dsn
from oadb.errors import NoRowError, SealError, UnavailableError
from oadb.market import instruments
from oadb.settings import app_settings
from tests.conftest import configured
from tests.faults.proxy import Proxy
from tests.support.accounts import issue, new_user
from tests.support.broker_logins import TOMORROW, got, put, tokens
from tests.support.databases import unreachable
from tests.support.rig import Observer


def authorized(db: Database, token: Secret) -> Authorization:
    found = authorization.authorize(db, token)
    assert isinstance(found, Authorization)
    return found


def test_it_answers_as_the_lookups_that_it_replaces(db: Database, user: SignedInUser) -> None:
    key = issue(db, user.user_id, scopes=["orders"], order_mode="semi_auto")
    put(db, user.user_id, tokens(), client_id="AB1234", expires_at=TOMORROW)
    put(db, new_user(db), tokens(), "angel")

    found = authorized(db, key.token)

    verified = api_keys.verify(db, key.token)
    assert isinstance(verified, api_keys.VerifiedKey)
    assert (found.user_id, found.api_key_id, found.scopes, found.order_mode, found.expires_at) == (
        verified.user_id,
        verified.api_key_id,
        verified.scopes,
        verified.order_mode,
        verified.expires_at,
    )
    assert found.username == user.username
    assert found.trading_mode == app_settings.get_trading_mode(db) == "analyze"
    assert found.broker_token == broker_tokens.open_current(db, user.user_id)
    assert found.broker_token == got(db, user.user_id)
    assert "canary" not in repr(found)


def test_it_is_one_round_trip(db: Database, url: str, user_id: int) -> None:
    key = issue(db, user_id)
    put(db, user_id, tokens())
    with (
        Proxy(dsn.parse(url).keywords) as proxy,
        Database(configured(proxy.url)) as proxied,
    ):
        authorized(proxied, key.token)
        before = proxy.round_trips
        assert authorized(proxied, key.token).broker_token == got(db, user_id)

        assert proxy.round_trips - before == 1


def test_unknown_revoked_expired_and_disabled_are_different_answers(
    db: Database, observer: Observer, user_id: int
) -> None:
    key = issue(db, user_id)
    assert authorization.authorize(db, key.token)
    observer.rows("update oadb.users set disabled_at = now() where user_id = %s", user_id)
    assert authorization.authorize(db, key.token) is Refusal.INACTIVE
    observer.rows("update oadb.api_keys set expires_at = now() where user_id = %s", user_id)
    assert authorization.authorize(db, key.token) is Refusal.EXPIRED
    observer.rows("update oadb.api_keys set revoked_at = now() where user_id = %s", user_id)
    assert authorization.authorize(db, key.token) is Refusal.REVOKED
    observer.rows("delete from oadb.api_keys where user_id = %s", user_id)
    assert authorization.authorize(db, key.token) is Refusal.UNKNOWN
    assert authorization.authorize(db, Secret("nonsense")) is Refusal.UNKNOWN


def test_a_store_that_does_not_answer_is_an_error_and_no_refusal() -> None:
    with pytest.raises(UnavailableError):
        authorization.authorize(unreachable(), api_key_rows.TOKEN.new(1))


def test_a_key_without_a_login_is_accepted_and_says_why_there_is_none(
    db: Database, observer: Observer, user_id: int
) -> None:
    key = issue(db, user_id)
    assert authorized(db, key.token).broker_token is Refusal.UNKNOWN
    put(db, user_id, tokens(), expires_at=TOMORROW)
    assert authorized(db, key.token).broker_token
    observer.rows("update oadb.broker_tokens set expires_at = now() where user_id = %s", user_id)
    assert authorized(db, key.token).broker_token is Refusal.EXPIRED
    put(db, user_id, tokens(), "angel")
    assert authorized(db, key.token).broker_token == got(db, user_id, "angel")
    for broker in ("angel", "zerodha"):
        broker_tokens.revoke(db, user_id, broker)
    assert authorized(db, key.token).broker_token is Refusal.REVOKED


def test_a_change_of_mode_counts_from_the_next_order_on(alone: Database) -> None:
    user_id = new_user(alone)
    key = issue(alone, user_id, order_mode="auto")
    assert authorized(alone, key.token).trading_mode == "analyze"
    app_settings.set_trading_mode(alone, "live", by=None)
    api_keys.set_order_mode(alone, user_id, key.key.api_key_id, "semi_auto")

    found = authorized(alone, key.token)
    assert (found.trading_mode, found.order_mode) == ("live", "semi_auto")


def test_without_a_trading_mode_nothing_is_authorized(
    alone: Database, oadb_database_url: str
) -> None:
    key = issue(alone, new_user(alone))
    Observer(oadb_database_url).rows("delete from oadb.trading_mode")

    with pytest.raises(NoRowError, match="the row of the trading mode is missing"):
        authorization.authorize(alone, key.token)


def test_a_login_that_was_tampered_with_is_not_opened(
    db: Database, observer: Observer, user_id: int
) -> None:
    key, other = issue(db, user_id), new_user(db)
    put(db, user_id, tokens())
    put(db, other, tokens())
    observer.rows(
        "update oadb.broker_tokens set access_token = other.access_token "
        "from oadb.broker_tokens as other "
        "where broker_tokens.user_id = %s and other.user_id = %s",
        user_id,
        other,
    )

    with pytest.raises(SealError):
        authorization.authorize(db, key.token)


def test_under_an_identity_the_key_of_another_is_unknown(db: Database, user_id: int) -> None:
    other = new_user(db)
    mine, theirs = issue(db, user_id), issue(db, other)
    put(db, user_id, tokens())
    hers = db.as_user(user_id)

    assert authorization.authorize(hers, theirs.token) is Refusal.UNKNOWN
    found = authorization.authorize(hers, mine.token)
    assert isinstance(found, Authorization)
    assert found.broker_token == got(db, user_id)


def test_its_trading_modes_are_those_of_the_setting() -> None:
    declared = get_type_hints(Authorization)["trading_mode"]

    assert get_args(declared) == get_args(app_settings.TradingMode)


async def test_it_works_for_asyncio(adb: AsyncDatabase) -> None:
    asha = await users.create(adb, "asha", "asha@example.in")
    key = await api_keys.create(adb, asha.user_id, "bot", order_mode="auto")
    await broker_tokens.put(adb, asha.user_id, "zerodha", tokens())

    found = await authorization.authorize(adb, key.token)
    assert isinstance(found, Authorization)
    assert found.broker_token == await broker_tokens.open_current(adb, asha.user_id)
    await api_keys.revoke(adb, asha.user_id, key.key.api_key_id)
    assert await authorization.authorize(adb, key.token) is Refusal.REVOKED


def test_the_path_of_an_order_is_one_round_trip(db: Database, url: str, user_id: int) -> None:
    key = issue(db, user_id)
    put(db, user_id, tokens())
    with (
        Proxy(dsn.parse(url).keywords) as proxy,
        Database(configured(proxy.url)) as proxied,
    ):
        assert instruments.get(proxied, "zerodha", "NSE", "INFY") is None
        authorized(proxied, key.token)
        before = proxy.round_trips
        with proxied.batch() as batch:
            found = authorization.authorize(batch, key.token)
            instrument = instruments.get(batch, "zerodha", "NSE", "INFY")
        assert proxy.round_trips - before == 1
        assert found.result
        assert found.result.broker_token == got(db, user_id)
        assert instrument.result is None
        assert assert_type(found.result, Authorization) == authorized(db, key.token)
