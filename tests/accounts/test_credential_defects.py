"""Defects of API keys, broker tokens, sessions and second factors.

Each test is named after what happened in a comparable data layer, and must not happen here; the
numbers are those of its known defects.
"""

import ast
import inspect
from dataclasses import FrozenInstanceError
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest

import oadb
from oadb import Database, Secret
from oadb.accounts import (
    api_key_rows,
    api_keys,
    broker_tokens,
    login_attempts,
    sealed_passwords,
    second_factors,
    sessions,
    users,
)
from oadb.accounts.api_keys import VerifiedKey
from oadb.accounts.broker_tokens import BrokerToken, Tokens
from oadb.accounts.sessions import Session
from oadb.errors import ParameterError, UnavailableError
from oadb.security import passwords
from oadb.security.refusals import Refusal
from oadb.security.tokens import sha256_of
from tests.conftest import RING
from tests.support.accounts import OTHER
from tests.support.databases import unreachable
from tests.support.notifications import heard
from tests.support.rig import Observer, threads

pytestmark = pytest.mark.usefixtures("cheap_hashing")

ROOMS = ("accounts", "bans", "changes", "keys", "logs", "market", "settings", "trading")


# API keys -----------------------------------------------------------------------------------------


# Defect 1.
def test_verifying_a_key_never_hashes_slowly(
    db: Database, user: users.SignedInUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [api_keys.create(db, user.user_id, str(n), order_mode="auto") for n in range(10)]

    def slow(*_: object) -> bool:
        raise AssertionError("a key was verified as a password is")

    monkeypatch.setattr(passwords.argon2.PasswordHasher, "verify", slow)
    monkeypatch.setattr(sealed_passwords, "passwords", None)
    asked: list[int] = []
    digests = api_key_rows.TOKEN.digests(RING, sha256_of(made[0].token))
    asked.extend(len(each) for each in digests)

    assert all(isinstance(api_keys.verify(db, each.token), VerifiedKey) for each in made)
    assert api_keys.verify(db, api_key_rows.TOKEN.new(1)) is Refusal.UNKNOWN
    assert asked == [32]


# Defect 2.
def test_a_broken_row_does_not_break_the_keys_beside_it(
    db: Database, observer: Observer, user: users.SignedInUser
) -> None:
    broken, sound = (api_keys.create(db, user.user_id, name, order_mode="auto") for name in "ab")
    observer.rows(
        "update oadb.api_keys set token_digest = sha256('x'), fingerprint = set_byte(fingerprint, "
        "20, get_byte(fingerprint, 20) # 1) where api_key_id = %s",
        broken.key.api_key_id,
    )

    assert api_keys.verify(db, broken.token) is Refusal.UNKNOWN
    assert isinstance(api_keys.verify(db, sound.token), VerifiedKey)


# Defect 3.
def test_an_unavailable_database_is_not_an_invalid_key() -> None:
    with pytest.raises(UnavailableError):
        api_keys.verify(unreachable(), api_key_rows.TOKEN.new(1))


# Defect 4.
def test_an_order_mode_that_cannot_be_read_is_not_automatic(
    db: Database, user: users.SignedInUser
) -> None:
    issued = api_keys.create(db, user.user_id, "x", order_mode="semi_auto")
    with pytest.raises(UnavailableError):
        api_keys.get_order_mode(unreachable(), user.user_id, issued.key.api_key_id)

    assert api_keys.get_order_mode(db, user.user_id + 1, issued.key.api_key_id) is None
    required = inspect.signature(api_keys.create).parameters["order_mode"]
    assert required.default is inspect.Parameter.empty


# Defect 5.
def test_a_token_is_not_accepted_as_a_user_id(db: Database, user: users.SignedInUser) -> None:
    issued = api_keys.create(db, user.user_id, "x", order_mode="semi_auto")
    wrong: Any = issued.token.reveal()
    with pytest.raises(ParameterError) as refused:
        api_keys.get_order_mode(db, wrong, issued.key.api_key_id)

    assert wrong not in str(refused.value)


# Defect 6.
def test_no_key_is_stored_in_clear(
    db: Database, observer: Observer, user: users.SignedInUser
) -> None:
    tokens = [
        api_keys.create(db, user.user_id, "x", order_mode="auto", keep_token=keep).token.reveal()
        for keep in (False, True)
    ]
    tables = [
        name
        for (name,) in observer.rows("select tablename from pg_tables where schemaname = 'oadb'")
    ]
    everything = "".join(
        row for name in tables for (row,) in observer.rows(f"select t::text from oadb.{name} as t")
    )

    assert str(user.user_id) in everything
    assert [t for t in tokens if t in everything or t.encode().hex() in everything] == []


# Defects 7 and 9.
def test_a_credential_that_another_process_revoked_is_refused_at_once(
    db: Database, other_process: Database, user: users.SignedInUser
) -> None:
    issued = api_keys.create(db, user.user_id, "x", order_mode="auto")
    broker_tokens.put(db, user.user_id, "zerodha", Tokens(Secret("old")))
    assert isinstance(api_keys.verify(db, issued.token), VerifiedKey)
    assert isinstance(broker_tokens.open(db, user.user_id, "zerodha"), BrokerToken)

    broker_tokens.put(other_process, user.user_id, "zerodha", Tokens(Secret("new")))
    found = broker_tokens.open(db, user.user_id, "zerodha")
    assert isinstance(found, BrokerToken)
    assert found.tokens == Tokens(Secret("new"))
    api_keys.revoke(other_process, user.user_id, issued.key.api_key_id)
    broker_tokens.revoke(other_process, user.user_id, "zerodha")
    assert api_keys.verify(db, issued.token) is Refusal.REVOKED
    assert broker_tokens.open(db, user.user_id, "zerodha") is Refusal.REVOKED


# Defect 8.
def test_no_boolean_column_can_be_null(observer: Observer) -> None:
    columns = observer.rows(
        "select table_name, column_name, is_nullable from information_schema.columns "
        "inner join information_schema.tables using (table_schema, table_name) "
        "where table_schema = 'oadb' and data_type = 'boolean' and table_type = 'BASE TABLE'"
    )

    assert columns != []
    assert [each for each in columns if each[2] == "YES"] == []


# Defect 9.
def test_no_time_to_live_is_computed_when_a_module_is_imported() -> None:
    """Expiry is by the database's clock. The index reads another one, for the date in India."""
    package = Path(oadb.__path__[0])
    paths = [path for room in ROOMS for path in sorted(package.glob(f"{room}/**/*.py"))]
    read = {
        str(path.relative_to(package))
        for path in paths
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today", "time"}
    }

    assert len(paths) > 50
    assert read == {"market/index/lookups.py"}


# Defect 10.
def test_a_returned_row_cannot_be_changed_by_another_thread(user: users.SignedInUser) -> None:
    with pytest.raises(FrozenInstanceError):
        user.username = "other"  # type: ignore[misc]  # a frozen dataclass

    assert user.username != "other"


# Broker tokens ------------------------------------------------------------------------------------


# Defect 12.
def test_a_change_is_announced_for_its_user_only(
    db: Database, url: str, user: users.SignedInUser
) -> None:
    told = heard(url, lambda: broker_tokens.put(db, user.user_id, "zerodha", Tokens(Secret("a"))))

    assert [(each.table, each.user_id, each.key) for each in told] == [
        ("broker_tokens", user.user_id, "zerodha")
    ]


# Defect 13.
def test_concurrent_puts_all_succeed_and_leave_one_row(
    db: Database, observer: Observer, user: users.SignedInUser
) -> None:
    with threads(8) as pool:
        changed = list(
            pool.map(
                lambda _: broker_tokens.put(db, user.user_id, "zerodha", Tokens(Secret("a"))),
                range(16),
            )
        )

    assert changed.count(True) == 1
    assert (
        observer.ask("select count(*) from oadb.broker_tokens where user_id = %s", user.user_id)
        == 1
    )


# Defect 14.
def test_a_rotated_key_shows_when_it_was_rotated(db: Database, user: users.SignedInUser) -> None:
    first = api_keys.create(db, user.user_id, "a", order_mode="auto", scopes=["orders"])
    api_keys.create(db, user.user_id, "b", order_mode="auto", lifetime=timedelta(days=1))
    api_keys.rotate(db, user.user_id, first.key.api_key_id)
    second, rotated = api_keys.list_by_user(db, user.user_id)

    assert rotated.rotated_at is not None
    assert rotated.scopes == ["orders"]
    assert second.expires_at is not None


# Sessions -----------------------------------------------------------------------------------------


# Defect 15.
def test_concurrent_sign_ins_do_not_exceed_the_most_sessions(
    db: Database, user: users.SignedInUser
) -> None:
    with threads(8) as pool:
        made = list(
            pool.map(
                lambda _: sessions.create(db, user, ip="203.0.113.7", device="x " * 9999),
                range(16),
            )
        )

    assert len(sessions.list_by_user(db, user.user_id)) == sessions.MOST_SESSIONS
    assert [each.session.device for each in made] == ["x " * 250] * 16


# Defect 15.
def test_two_devices_behind_one_address_do_not_end_each_other(
    db: Database, user: users.SignedInUser
) -> None:
    first, second = (sessions.create(db, user, ip="203.0.113.7") for _ in range(2))

    assert isinstance(sessions.verify(db, first.token), Session)
    assert isinstance(sessions.verify(db, second.token), Session)


# Defect 33; for approvals of orders see test_settings_defects.py.
def test_of_concurrent_revocations_only_one_counts(db: Database, user: users.SignedInUser) -> None:
    issued = api_keys.create(db, user.user_id, "x", order_mode="auto")
    broker_tokens.put(db, user.user_id, "zerodha", Tokens(Secret("token")))
    with threads(8) as pool:
        key_id = issued.key.api_key_id
        keys_revoked = list(
            pool.map(lambda _: api_keys.revoke(db, user.user_id, key_id), range(16))
        )
        tokens_revoked = list(
            pool.map(lambda _: broker_tokens.revoke(db, user.user_id, "zerodha"), range(16))
        )

    assert (keys_revoked.count(True), tokens_revoked.count(True)) == (1, 1)


# Second factors -----------------------------------------------------------------------------------


# Defect 16.
def test_a_code_is_not_accepted_twice(
    db: Database, observer: Observer, user: users.SignedInUser
) -> None:
    enrollment = second_factors.enroll(db, user.user_id, account=user.email)
    assert enrollment is not None
    step = int(observer.ask("select floor(extract(epoch from now()) / 30)::bigint"))
    code = Secret(pyotp.TOTP(enrollment.secret.reveal()).generate_otp(step))

    assert second_factors.verify(db, user.user_id, code)
    assert not second_factors.verify(db, user.user_id, code)


# Defect 16.
def test_guessing_is_limited_and_not_only_recorded(db: Database, user: users.SignedInUser) -> None:
    answers = [
        login_attempts.sign_in(db, user.username, OTHER, ip=f"198.51.100.{n}") for n in range(20)
    ]

    assert answers[-1].wait > timedelta()
