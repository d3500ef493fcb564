"""What OpenAlgo's callers ask about users, their logins, keys, sessions and second factors."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from oadb import Database, Refusal, Secret
from oadb.accounts import (
    api_keys,
    broker_tokens,
    login_attempts,
    second_factors,
    sessions,
    users,
)
from oadb.accounts.broker_tokens import BrokerToken
from tests.support.accounts import OTHER, PASSWORD, account, age_session, issue, new_user
from tests.support.authenticators import Authenticator, enroll
from tests.support.broker_logins import put, tokens
from tests.support.questions import NOBODY, Answers, asked
from tests.support.rig import Observer

IP, HOUR, NO_KEY = "203.0.113.7", timedelta(hours=1), Secret("0" * 64)


@dataclass(frozen=True, slots=True)
class People:
    """Users with a broker login that works, expired or was revoked, and one who was disabled."""

    works: int
    expired: int
    revoked: int
    disabled: int


def people(db: Database) -> People:
    made = People(*(new_user(db) for _ in range(4)))
    put(db, made.works, tokens())
    put(db, made.expired, tokens(), expires_at=datetime.now(UTC) - HOUR)
    put(db, made.revoked, tokens())
    broker_tokens.revoke(db, made.revoked, "zerodha")
    for user_id in (made.works, made.disabled):
        users.set_password(db, user_id, PASSWORD)
    users.disable(db, made.disabled, by=None)
    return made


def broker_logins(db: Database, observer: Observer, of: People) -> Answers:
    """Ask for the logins of users."""
    owners = {"none": None, "unknown": NOBODY, "expired": of.expired, "revoked": of.revoked}
    names = ("get_auth_token", "get_feed_token", "get_feed_token_dbquery", "get_user_id")
    for name in names:
        yield name, asked(lambda user_id: broker_tokens.open_current(db, user_id), **owners)
    for name in ("get_broker_name", "get_auth_token_broker"):
        keys = {each: issue(db, getattr(of, each)).token for each in ("expired", "revoked")}
        yield name, asked(lambda key: login_of(db, key), none=None, unknown=NO_KEY, **keys)
    observer.rows(
        "update oadb.broker_tokens as damaged set access_token = other.access_token "
        "from oadb.broker_tokens as other where damaged.user_id = %s and other.user_id = %s",
        of.works,
        of.expired,
    )
    opened = owners | {"unknown": of.works}
    yield "decrypt_token", asked(lambda at: broker_tokens.open(db, at, "zerodha"), **opened)
    yield "upsert_auth", asked(lambda user_id: put(db, user_id, tokens()), **owners)


def login_of(db: Database, key: Secret) -> BrokerToken | Refusal:
    """Open the broker login of an API key's user."""
    verified = api_keys.verify(db, key)
    return broker_tokens.open_current(db, verified.user_id) if verified else verified


def any_login(db: Database, observer: Observer, of: People) -> Answers:
    """Ask for a user whose login works, when the only one expired, and when it was revoked."""
    name = "get_first_available_api_key"
    observer.rows("update oadb.broker_tokens set expires_at = now() - interval '1 hour'")
    yield name, asked(lambda _: broker_tokens.find_any_active(db), expired=...)
    put(db, of.works, tokens())
    broker_tokens.revoke(db, of.works, "zerodha")
    yield name, asked(lambda _: broker_tokens.find_any_active(db), revoked=...)


def keys(db: Database, observer: Observer, of: People) -> Answers:
    """Ask for API keys: one that expired, and one that was revoked or replaced."""
    user_id = of.works
    expired = issue(db, user_id, keep_token=True, lifetime=HOUR)
    revoked = issue(db, user_id, keep_token=True)
    observer.rows(
        "update oadb.api_keys set created_at = created_at - interval '1 day', "
        "expires_at = expires_at - interval '1 day' where api_key_id = %s",
        expired.key.api_key_id,
    )
    api_keys.revoke(db, user_id, revoked.key.api_key_id)
    held = {"expired": expired.token, "revoked": revoked.token}
    for name in ("verify_api_key", "get_username_by_apikey"):
        yield name, asked(lambda key: api_keys.verify(db, key), none=None, unknown=NO_KEY, **held)
    named = {"expired": expired.key.api_key_id, "revoked": revoked.key.api_key_id}
    yield (
        "get_order_mode",
        asked(
            lambda at: api_keys.get_order_mode(db, user_id, at), none=None, unknown=uuid4(), **named
        ),
    )
    yield (
        "get_api_key_for_tradingview",
        asked(
            lambda of: api_keys.open_current(db, of),
            none=None,
            unknown=NOBODY,
            expired=user_id,
            revoked=user_id,
        ),
    )
    replaced = issue(db, user_id)
    api_keys.rotate(db, user_id, replaced.key.api_key_id)
    yield "upsert_api_key", asked(lambda at: issue(db, at), none=None, unknown=NOBODY)
    yield "upsert_api_key", asked(lambda key: api_keys.verify(db, key), revoked=replaced.token)


def names(db: Database, of: People) -> Answers:
    """Ask for users, and whether they may sign in; the revoked one was disabled."""
    works, disabled = users.get(db, of.works), users.get(db, of.disabled)
    assert works is not None
    assert disabled is not None
    texts = {"none": None, "unknown": "nobody@example.in"}
    yield (
        "find_user_by_exact_username",
        asked(lambda name: users.find_by_username(db, name), **texts, revoked=disabled.username),
    )
    yield (
        "find_user_by_email",
        asked(lambda email: users.find_by_email(db, email), **texts, revoked=disabled.email),
    )
    yield (
        "log_login_attempt",
        asked(
            lambda name: login_attempts.sign_in(db, name, PASSWORD, ip=IP),
            **texts,
            revoked=disabled.username,
        ),
    )
    yield (
        "User.check_password",
        asked(
            lambda given: users.verify_password(db, works.username, given), none=None, unknown=OTHER
        ),
    )
    yield (
        "User.check_password",
        asked(lambda name: users.verify_password(db, name, PASSWORD), revoked=disabled.username),
    )


def open_sessions(db: Database, observer: Observer, of: People) -> Answers:
    """Ask for sessions: of a user whose only one expired, or was ended."""
    made = sessions.create(db, account(db, of.works))
    age_session(observer, made.session, timedelta(days=3))
    owners = {"none": None, "unknown": NOBODY, "expired": of.works}
    yield "get_active_sessions", asked(lambda at: sessions.list_by_user(db, at), **owners)
    yield "clear_user_sessions", asked(lambda at: sessions.end_all(db, at), **owners)
    yield "get_active_sessions", asked(lambda at: sessions.list_by_user(db, at), revoked=of.works)
    yield "clear_user_sessions", asked(lambda at: sessions.end_all(db, at), revoked=of.works)


def codes(db: Database, observer: Observer, of: People) -> Answers:
    """Give codes: a wrong one, one of two minutes ago, and one after the factor was disabled."""
    user_id = of.works
    phone = Authenticator(
        int(observer.ask("select extract(epoch from now())")), enroll(db, user_id)
    )
    second_factors.verify(db, user_id, phone.code())
    given = {"none": None, "unknown": phone.wrong(), "expired": phone.code(-4)}
    yield "User.verify_totp", asked(lambda code: second_factors.verify(db, user_id, code), **given)
    factor = second_factors.get(db, user_id)
    assert factor is not None
    yield "User.is_totp_required_for", asked(factor.is_required_for, none=None, unknown="trade")
    second_factors.disable(db, user_id)
    yield (
        "User.verify_totp",
        asked(lambda code: second_factors.verify(db, user_id, code), revoked=phone.code(1)),
    )
    yield "User.is_totp_required_for", asked(lambda at: second_factors.get(db, at), revoked=user_id)
    yield (
        "User.get_totp_uri",
        asked(
            lambda at: second_factors.enroll(db, at, account="a"),
            none=None,
            unknown=NOBODY,
            revoked=user_id,
        ),
    )


def all_accounts(db: Database, observer: Observer, of: People) -> Answers:
    """Ask all of this module."""
    yield from names(db, of)
    yield from keys(db, observer, of)
    yield from open_sessions(db, observer, of)
    yield from codes(db, observer, of)
    yield from broker_logins(db, observer, of)
    yield from any_login(db, observer, of)
