"""Security events: what each operation leaves in the audit, and how it is read."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from oadb import Database, Secret
from oadb.accounts import (
    api_keys,
    broker_tokens,
    login_attempts,
    second_factors,
    security_events,
    sessions,
    users,
)
from oadb.accounts.broker_tokens import Tokens
from oadb.accounts.security_events import SecurityEvent
from oadb.accounts.users import SignedInUser
from oadb.bans import ip_bans
from oadb.errors import ParameterError
from oadb.settings import app_settings
from oadb.tools import key_rotation
from oadb.trading import strategies, webhooks
from tests.support.accounts import PASSWORD, account
from tests.support.authenticators import Authenticator
from tests.support.rig import Observer
from tests.support.rotating import Ring, rewrapped, with_secrets

pytestmark = pytest.mark.usefixtures("cheap_hashing")


@pytest.fixture
def ring(oadb_database_url: str, tmp_path: Path) -> Ring:
    """Give a new key ring in a file, and a database of this test alone."""
    ring = Ring(oadb_database_url, tmp_path / "ring.json")
    key_rotation.new(ring.path)
    return ring


def events(db: Database, user_id: int) -> list[SecurityEvent]:
    """Return the events of a user, oldest first."""
    return security_events.list_by_user(db, user_id).rows[::-1]


def kinds(db: Database, user_id: int) -> list[str]:
    return [event.kind for event in events(db, user_id)]


def newest(db: Database) -> SecurityEvent:
    return security_events.list_all(db, limit=1).rows[0]


def api_key(db: Database, user_id: int) -> None:
    key_id = api_keys.create(db, user_id, "x", order_mode="auto").key.api_key_id
    api_keys.set_order_mode(db, user_id, key_id, "semi_auto")
    api_keys.set_scopes(db, user_id, key_id, ["orders"])
    api_keys.set_scopes(db, user_id, key_id, ["orders"])
    api_keys.rotate(db, user_id, key_id)
    api_keys.revoke(db, user_id, key_id)
    api_keys.revoke(db, user_id, key_id)


def broker_token(db: Database, user_id: int) -> None:
    for token in (Secret("first"), Secret("first"), Secret("second")):
        broker_tokens.put(db, user_id, "zerodha", Tokens(token))
    broker_tokens.revoke(db, user_id, "zerodha")


def profile(db: Database, user_id: int) -> None:
    users.update(db, user_id, email=f"new{user_id}@example.in", first_name="Asha")
    users.update(db, user_id, email=f"new{user_id}@example.in", is_admin=True)
    users.set_username(db, user_id, f"new{user_id}")
    users.set_password(db, user_id, PASSWORD)


def session(db: Database, user_id: int) -> None:
    made = sessions.create(db, account(db, user_id), most=1)
    sessions.verify(db, made.token)
    sessions.create(db, account(db, user_id), most=1)
    users.set_password(db, user_id, PASSWORD)


def webhook(db: Database, user_id: int) -> None:
    strategy = strategies.create(db, user_id, "x").strategy.strategy_id
    webhooks.rotate(db, user_id, strategy)
    webhooks.revoke(db, user_id, strategy)


def deletion(db: Database, user_id: int) -> None:
    sessions.create(db, account(db, user_id))
    users.delete(db, user_id)


WRITTEN: dict[str, tuple[Callable[[Database, int], None], list[str]]] = {
    "an API key": (
        api_key,
        ["api_key_issued", "api_key_changed", "api_key_changed", "api_key_replaced",
         "api_key_revoked"],
    ),
    "a broker token": (
        broker_token, ["broker_token_stored", "broker_token_stored", "broker_token_revoked"],
    ),
    "a profile": (
        profile, ["email_changed", "is_admin_changed", "username_changed", "password_changed"],
    ),
    "sessions": (
        session,
        ["session_begun", "session_begun", "session_ended", "password_changed", "session_ended"],
    ),
    "a webhook": (webhook, ["webhook_issued", "webhook_replaced", "webhook_revoked"]),
    "a user": (deletion, ["session_begun", "user_deleted", "session_ended"]),
}  # fmt: skip  # a table


@pytest.mark.parametrize("what", WRITTEN)
def test_each_change_is_an_event_and_what_changes_nothing_is_none(
    db: Database, user_id: int, what: str
) -> None:
    work, expected = WRITTEN[what]

    work(db, user_id)
    assert kinds(db, user_id) == ["user_created", *expected]


def test_a_code_is_an_event_right_or_wrong(
    db: Database, user_id: int, phone: Authenticator
) -> None:
    for code in (phone.code(-1), phone.wrong(), phone.code(), phone.code()):
        second_factors.verify(db, user_id, code)
    second_factors.set_required(db, user_id, for_login=True, for_mcp=True, for_password_reset=True)
    second_factors.disable(db, user_id)

    assert kinds(db, user_id)[1:] == [
        "second_factor_enrolled", "second_factor_confirmed", "second_factor_wrong",
        "second_factor_used", "second_factor_wrong", "second_factor_changed",
        "second_factor_removed",
    ]  # fmt: skip  # a list


def test_a_request_and_a_refused_sign_in_are_no_events(
    db: Database, asha: SignedInUser, ip: str
) -> None:
    token = sessions.create(db, asha).token
    before = kinds(db, asha.user_id)

    assert sessions.verify(db, token)
    assert not login_attempts.sign_in(db, asha.username, Secret("wrong password"), ip=ip)
    assert kinds(db, asha.user_id) == before


def test_an_event_says_what_changed_to_what_and_from_where(db: Database, user_id: int) -> None:
    made = sessions.create(db, account(db, user_id), device="phone", ip="203.0.113.9").session
    begun = events(db, user_id)[-1]
    users.update(db, user_id, email=f"other{user_id}@example.in")
    changed, ended = events(db, user_id)[-2:]

    assert ended.kind == "session_ended"
    assert (begun.ip, begun.by) == ("203.0.113.9", None)
    assert begun.detail == {
        "session_id": str(made.session_id),
        "device": "phone",
        "broker": None,
        "assurance": 1,
    }
    assert changed.detail["email"] == {
        "old": events(db, user_id)[0].detail["email"],
        "new": f"other{user_id}@example.in",
    }
    assert abs(changed.happened_at - datetime.now(UTC)) < timedelta(minutes=10)


def test_the_user_of_the_identity_did_it(db: Database, user_id: int) -> None:
    api_keys.create(db.as_user(user_id), user_id, "x", order_mode="auto")

    assert events(db, user_id)[-1].by == user_id
    assert events(db, user_id)[0].by is None


def test_the_client_is_that_of_the_identity(db: Database, user_id: int) -> None:
    mine = db.as_user(user_id, ip="2001:db8::7")
    api_keys.create(mine, user_id, "x", order_mode="auto")

    assert events(db, user_id)[-1].ip == "2001:db8::7"


def test_who_bans_and_who_sets_the_mode_is_recorded(db: Database, user_id: int) -> None:
    ip_bans.ban(db, "203.0.113.44", "scans", duration=timedelta(hours=1), by=user_id)
    banned = newest(db)
    app_settings.set_trading_mode(db, "live", by=user_id)
    changed = newest(db)
    app_settings.set_trading_mode(db, "analyze", by=None)

    assert (banned.kind, banned.by, banned.user_id) == ("banned", user_id, None)
    assert banned.detail["network"] == "203.0.113.44"
    assert (changed.kind, changed.by) == ("trading_mode_changed", user_id)
    assert changed.detail == {"mode": {"old": "analyze", "new": "live"}}
    assert newest(db).by is None


def test_a_ban_that_ends_is_an_event_and_one_that_had_ended_is_none(
    db: Database, observer: Observer
) -> None:
    ip_bans.ban(db, "203.0.113.45", "scans", duration=None, by=None)
    ip_bans.unban(db, "203.0.113.45")
    ended = newest(db)
    observer.rows(
        "insert into oadb.ip_bans values ('203.0.113.46', 'x', 1, now() - interval '2 years', "
        "now() - interval '13 months', 'x')"
    )
    added = newest(db)
    assert ip_bans.delete_expired(db) == 1

    assert (ended.kind, ended.detail["network"]) == ("unbanned", "203.0.113.45")
    assert newest(db) == added


def test_keys_are_events_and_what_is_sealed_again_is_none(ring: Ring) -> None:
    with ring.open() as db:
        with_secrets(db)
    key_rotation.add(ring.path)
    with ring.open() as db:
        before = newest(db).event_id
        key_rotation.promote(db, ring.path, 2)
    with ring.open() as db:
        rewrapped(db, ring)
        key_rotation.retire(db, ring.path, 1)
        written = [
            (event.kind, event.detail["key_id"])
            for event in security_events.list_all(db)
            if event.event_id > before
        ][::-1]

    assert written == [
        ("root_key_added", 2), ("root_key_promoted", 2), ("root_key_retired", 1),
    ]  # fmt: skip  # a list


def test_a_dry_run_of_a_promotion_leaves_no_event(ring: Ring) -> None:
    key_rotation.add(ring.path)
    with ring.open() as db:
        before = security_events.list_all(db)  # what the migrations changed
        key_rotation.promote(db, ring.path, 2, dry_run=True)
        assert security_events.list_all(db) == before


@pytest.mark.long("texts of each length at a limit, in every column")
def test_no_text_makes_a_change_fail_for_its_length(db: Database, user_id: int) -> None:
    key_id = api_keys.create(db, user_id, "x" + "\x01" * 99, order_mode="auto").key.api_key_id
    api_keys.set_scopes(db, user_id, key_id, ["\x01" * 100_000] * 50)
    api_keys.set_scopes(db, user_id, key_id, ["\x02" * 100_000] * 50)

    changed = events(db, user_id)[-1]
    assert changed.kind == "api_key_changed"
    assert len(str(changed.detail)) < 10_000


# Lists -------------------------------------------------------------------------------------------


def test_the_events_of_a_user_are_listed_in_pages_newest_first(db: Database, user_id: int) -> None:
    for number in range(4):
        users.update(db, user_id, email=f"page{number}of{user_id}@example.in")
    whole = security_events.list_by_user(db, user_id).rows
    first = security_events.list_by_user(db, user_id, limit=2)
    second = security_events.list_by_user(db, user_id, limit=3, cursor=first.next)

    assert len(whole) == 5
    assert [*first, *second] == whole
    assert second.next is None


def test_a_window_has_its_start_and_not_its_end(db: Database, user_id: int) -> None:
    users.set_username(db, user_id, f"window{user_id}")
    created, renamed = events(db, user_id)
    since, until = created.happened_at, renamed.happened_at

    assert security_events.list_by_user(db, user_id, since=since, until=until).rows == [created]
    assert security_events.list_by_user(db, user_id, since=until).rows == [renamed]
    found = security_events.list_all(db, kind="username_changed", since=since, limit=1000)
    assert renamed in found.rows
    assert {event.kind for event in found} == {"username_changed"}
    with pytest.raises(ParameterError):
        security_events.list_by_user(db, user_id, since=until, until=since)


def test_a_user_sees_the_own_events_alone(db: Database, user_id: int) -> None:
    other = users.create(db, f"other{user_id}", f"o{user_id}@example.in").user_id
    mine = db.as_user(user_id)

    assert [event.user_id for event in security_events.list_all(mine)] == [user_id]
    assert security_events.list_by_user(mine, other).rows == []


def test_no_secret_and_nothing_sealed_or_digested_is_in_an_event(ring: Ring) -> None:
    with ring.open() as db:
        holder = with_secrets(db)
        holder.works(db)
    observer = Observer(ring.url)
    stored = observer.ask("select string_agg(e::text, ' ') from oadb.security_events as e")
    digests = [
        value
        for table, column in observer.rows(
            "select table_name, column_name from information_schema.columns "
            "where table_schema = 'oadb' and data_type = 'bytea'"
        )
        for (value,) in observer.rows(
            f"select encode({column}, 'hex') from oadb.{table} where {column} is not null"
        )
    ]

    assert len(digests) > 15
    assert [
        each for each in ["correct horse", "what the broker gave", *digests] if each in stored
    ] == []
    assert "oak_" not in stored
