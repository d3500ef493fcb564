"""What must not happen here, each named after what did happen in a comparable data layer.

The numbers are those of the defects in our study of it. Other files prove the same at more length;
these tests are the list.
"""

import ast
import inspect
from collections.abc import Generator
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from secrets import token_bytes
from typing import Any

import argon2
import psycopg
import pyotp
import pytest

import oadb
from oadb import Config, Database, Secret
from oadb.accounts import api_keys, broker_tokens, login_attempts, second_factors, sessions, users
from oadb.accounts.api_keys import VerifiedKey
from oadb.accounts.broker_tokens import BrokerToken, Tokens
from oadb.errors import KeyRingError, NoRowError, ParameterError, SealError, UnavailableError
from oadb.keys import proof, rotation
from oadb.security import passwords
from oadb.security.keyring import Key, KeyRing
from oadb.security.passwords import Passwords
from oadb.security.refusals import Refusal
from oadb.security.tokens import sha256_of
from oadb.trading import strategies, webhooks
from tests.conftest import RING, configured
from tests.support.accounts import account
from tests.support.notifications import heard
from tests.support.rig import Observer, eventually, threads

PASSWORD, OTHER = Secret("correct horse"), Secret("another horse")
numbers = count(1)


@pytest.fixture(autouse=True)
def _cheap_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "passwords", Passwords(argon2.profiles.CHEAPEST))


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with Database(configured(url)) as db:
        yield db


@pytest.fixture(scope="module")
def other_process(url: str) -> Generator[Database]:
    """Give a database that shares nothing with ``db`` but the server."""
    with Database(configured(url)) as other:
        yield other


def new_user(db: Database) -> users.User:
    number = next(numbers)
    return users.create(db, f"user{number}", f"user{number}@example.in")


@pytest.fixture
def user(db: Database) -> users.User:
    return new_user(db)


def unreachable() -> Database:
    environ = {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "DB_POOL_TIMEOUT": "0.2",
        "OADB_KEYRING": RING.to_json(),
    }
    return Database(Config.from_env(environ))


# API keys ----------------------------------------------------------------------------------------


# Defect 1.
def test_verifying_a_key_never_hashes_slowly(
    db: Database, user: users.User, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [api_keys.issue(db, user.user_id, str(n), order_mode="auto") for n in range(10)]

    def slow(*_: object) -> bool:
        raise AssertionError("a key was verified as a password is")

    monkeypatch.setattr(passwords.argon2.PasswordHasher, "verify", slow)
    monkeypatch.setattr(users, "passwords", None)
    asked: list[int] = []
    digests = api_keys.TOKEN.digests(RING, sha256_of(made[0].token))
    asked.extend(len(each) for each in digests)

    assert all(isinstance(api_keys.verify(db, each.token), VerifiedKey) for each in made)
    assert api_keys.verify(db, api_keys.TOKEN.new()) is Refusal.UNKNOWN
    assert asked == [32]


# Defect 2.
def test_a_broken_row_does_not_break_the_keys_beside_it(
    db: Database, observer: Observer, user: users.User
) -> None:
    broken, sound = (api_keys.issue(db, user.user_id, name, order_mode="auto") for name in "ab")
    observer.rows(
        "update oadb.api_keys set token_digest = sha256('x'), fingerprint = set_byte(fingerprint, "
        "20, get_byte(fingerprint, 20) # 1) where api_key_id = %s",
        broken.key.api_key_id,
    )

    assert api_keys.verify(db, broken.token) is Refusal.UNKNOWN
    assert isinstance(api_keys.verify(db, sound.token), VerifiedKey)


# Defect 3.
def test_a_database_that_does_not_answer_is_not_an_invalid_key() -> None:
    with pytest.raises(UnavailableError):
        api_keys.verify(unreachable(), api_keys.TOKEN.new())


# Defect 4.
def test_an_order_mode_that_cannot_be_read_is_not_automatic(db: Database, user: users.User) -> None:
    issued = api_keys.issue(db, user.user_id, "x", order_mode="semi_auto")
    with pytest.raises(UnavailableError):
        api_keys.get_order_mode(unreachable(), user.user_id, issued.key.api_key_id)

    assert api_keys.get_order_mode(db, user.user_id + 1, issued.key.api_key_id) is None
    required = inspect.signature(api_keys.issue).parameters["order_mode"]
    assert required.default is inspect.Parameter.empty


# Defect 5.
def test_a_key_is_not_taken_for_a_user(db: Database, user: users.User) -> None:
    issued = api_keys.issue(db, user.user_id, "x", order_mode="semi_auto")
    wrong: Any = issued.token.reveal()
    with pytest.raises(ParameterError) as refused:
        api_keys.get_order_mode(db, wrong, issued.key.api_key_id)

    assert wrong not in str(refused.value)


# Defect 6.
def test_no_key_stands_in_the_database_in_clear(
    db: Database, observer: Observer, user: users.User
) -> None:
    tokens = [
        api_keys.issue(db, user.user_id, "x", order_mode="auto", keep=keep).token.reveal()
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
def test_what_another_process_revoked_is_refused_at_once(
    db: Database, other_process: Database, user: users.User
) -> None:
    issued = api_keys.issue(db, user.user_id, "x", order_mode="auto")
    broker_tokens.put(db, user.user_id, "zerodha", Tokens(Secret("old")))
    assert isinstance(api_keys.verify(db, issued.token), VerifiedKey)
    assert isinstance(broker_tokens.get(db, user.user_id, "zerodha"), BrokerToken)

    broker_tokens.put(other_process, user.user_id, "zerodha", Tokens(Secret("new")))
    found = broker_tokens.get(db, user.user_id, "zerodha")
    assert isinstance(found, BrokerToken)
    assert found.tokens == Tokens(Secret("new"))
    api_keys.revoke(other_process, user.user_id, issued.key.api_key_id)
    broker_tokens.revoke(other_process, user.user_id, "zerodha")
    assert api_keys.verify(db, issued.token) is Refusal.REVOKED
    assert broker_tokens.get(db, user.user_id, "zerodha") is Refusal.REVOKED


# Defect 8.
def test_no_yes_or_no_can_be_unknown(observer: Observer) -> None:
    columns = observer.rows(
        "select table_name, column_name, is_nullable from information_schema.columns "
        "inner join information_schema.tables using (table_schema, table_name) "
        "where table_schema = 'oadb' and data_type = 'boolean' and table_type = 'BASE TABLE'"
    )

    assert columns != []
    assert [each for each in columns if each[2] == "YES"] == []


# Defect 9.
def test_no_time_to_live_is_computed_when_a_module_is_imported() -> None:
    """The clock that decides is the database's; the application's is read nowhere."""
    read = [
        f"{path.name}:{node.lineno}"
        for path in sorted(Path(oadb.__path__[0]).glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today", "time"}
    ]

    assert read == []


# Defect 10.
def test_what_is_returned_cannot_be_changed_by_another_thread(user: users.User) -> None:
    with pytest.raises(FrozenInstanceError):
        user.username = "other"  # type: ignore[misc]

    assert user.username != "other"


# Passwords ---------------------------------------------------------------------------------------


# Defect 11.
def test_the_old_password_is_not_accepted_a_moment_after_it_was_changed(
    db: Database, other_process: Database, user: users.User
) -> None:
    users.set_password(db, user.user_id, PASSWORD)
    assert users.verify_password(other_process, user.username, PASSWORD) is not None
    users.set_password(db, user.user_id, OTHER)

    assert users.verify_password(other_process, user.username, PASSWORD) is None
    assert users.verify_password(other_process, user.username, OTHER) is not None


# Defect 11.
def test_a_wrong_password_does_not_make_the_right_one_wrong(db: Database, user: users.User) -> None:
    users.set_password(db, user.user_id, PASSWORD)
    users.verify_password(db, user.username, OTHER)

    assert users.verify_password(db, user.username, PASSWORD) is not None


# Defect 11.
def test_a_name_of_nobody_is_not_answered_without_hashing(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Counting(Passwords):
        looked_at = 0

        def _refuse(self, given: bytes) -> bool:
            Counting.looked_at += 1
            return super()._refuse(given)

    monkeypatch.setattr(users, "passwords", Counting(argon2.profiles.CHEAPEST))
    assert users.verify_password(db, "nobody", PASSWORD) is None
    assert Counting.looked_at == 1


def test_a_hash_copied_from_another_user_lets_nobody_in(
    db: Database, observer: Observer, user: users.User
) -> None:
    admin = new_user(db)
    users.set_password(db, user.user_id, PASSWORD)
    users.set_password(db, admin.user_id, OTHER)
    observer.rows(
        "update oadb.users set password_hash = "
        "(select password_hash from oadb.users where user_id = %s) where user_id = %s",
        user.user_id,
        admin.user_id,
    )

    assert users.verify_password(db, admin.username, PASSWORD) is None
    assert users.verify_password(db, admin.username, OTHER) is None
    assert users.verify_password(db, user.username, PASSWORD) is not None


def test_a_changed_password_leaves_no_other_session(db: Database, user: users.User) -> None:
    kept, ended = (sessions.create(db, account(db, user.user_id)) for _ in range(2))
    other = sessions.create(db, new_user(db))
    users.set_password(db, user.user_id, PASSWORD, keep_session=kept.session.session_id)

    assert sessions.find(db, kept.token) is not None
    assert sessions.find(db, ended.token) is None
    assert sessions.find(db, other.token) is not None
    users.set_password(db, user.user_id, OTHER)
    assert sessions.find(db, kept.token) is None


def test_a_sign_in_that_proved_the_old_password_gets_no_session(
    db: Database, user: users.User
) -> None:
    """However late it comes: the thief's was verified just before the owner set a new one."""
    users.set_password(db, user.user_id, PASSWORD)
    thief = users.verify_password(db, user.username, PASSWORD)
    assert thief is not None
    users.set_password(db, user.user_id, OTHER)

    with pytest.raises(NoRowError, match=f"user {user.user_id} is gone or has a new password"):
        sessions.create(db, thief)
    assert sessions.list_active(db, user.user_id) == []
    owner = users.verify_password(db, user.username, OTHER)
    assert owner is not None
    assert sessions.find(db, sessions.create(db, owner).token) is not None


def test_a_password_that_is_changed_while_it_is_verified_lets_nobody_in(
    db: Database, user: users.User, monkeypatch: pytest.MonkeyPatch
) -> None:
    users.set_password(db, user.user_id, PASSWORD)
    looked = users.passwords.verify

    def meanwhile(known: Secret | None, password: Secret) -> bool:
        right = looked(known, password)
        users.set_password(db, user.user_id, OTHER)
        return right

    monkeypatch.setattr(users.passwords, "verify", meanwhile)
    assert users.verify_password(db, user.username, PASSWORD) is None


def test_a_rehash_is_no_new_password(
    db: Database, user: users.User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who signs in while parameters are raised keeps the right to the session."""
    users.set_password(db, user.user_id, PASSWORD)
    before = account(db, user.user_id).auth_epoch
    monkeypatch.setattr(users.passwords, "is_outdated", lambda _: True)

    verified = users.verify_password(db, user.username, PASSWORD)
    assert verified is not None
    assert verified.auth_epoch == before


def test_a_password_is_not_changed_without_ending_the_sessions(
    db: Database, url: str, user: users.User
) -> None:
    """One transaction: while the sessions cannot be ended, the new password does not count."""
    users.set_password(db, user.user_id, PASSWORD)
    made = sessions.create(db, account(db, user.user_id))
    with threads(1) as pool, psycopg.connect(url) as other:
        other.execute("select from oadb.sessions where user_id = %s for update", [user.user_id])
        changing = pool.submit(users.set_password, db, user.user_id, OTHER)
        eventually(lambda: Observer(url).running("oadb.sessions"))
        assert users.verify_password(db, user.username, PASSWORD) is not None
        assert users.verify_password(db, user.username, OTHER) is None
        other.rollback()
        assert changing.result()

    assert users.verify_password(db, user.username, OTHER) is not None
    assert sessions.find(db, made.token) is None


def test_a_password_change_that_is_rolled_back_ends_no_session(
    db: Database, user: users.User
) -> None:
    users.set_password(db, user.user_id, PASSWORD)
    made = sessions.create(db, account(db, user.user_id))

    def change() -> None:
        with db.transaction() as tx:
            users.set_password(tx, user.user_id, OTHER)
            raise KeyError

    with pytest.raises(KeyError):
        change()
    assert sessions.find(db, made.token) is not None
    assert users.verify_password(db, user.username, PASSWORD) is not None


# Broker tokens -----------------------------------------------------------------------------------


# Defect 12.
def test_a_change_of_one_user_does_not_touch_what_is_cached_of_others(
    db: Database, url: str, user: users.User
) -> None:
    told = heard(url, lambda: broker_tokens.put(db, user.user_id, "zerodha", Tokens(Secret("a"))))

    assert [(each.table, each.user_id, each.key) for each in told] == [
        ("broker_tokens", user.user_id, "zerodha")
    ]


# Defect 13.
def test_of_many_that_put_at_once_none_fails_and_one_row_stands(
    db: Database, observer: Observer, user: users.User
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
def test_a_rotated_key_does_not_look_as_if_nothing_had_happened(
    db: Database, user: users.User
) -> None:
    first = api_keys.issue(db, user.user_id, "a", order_mode="auto", scopes=["orders"])
    api_keys.issue(db, user.user_id, "b", order_mode="auto", lifetime=timedelta(days=1))
    api_keys.rotate(db, user.user_id, first.key.api_key_id)
    second, rotated = api_keys.list_by_user(db, user.user_id)

    assert rotated.rotated_at is not None
    assert rotated.scopes == ["orders"]
    assert second.expires_at is not None


# Sessions ----------------------------------------------------------------------------------------


# Defect 15.
def test_sign_ins_at_once_do_not_pass_the_cap(db: Database, user: users.User) -> None:
    with threads(8) as pool:
        made = list(
            pool.map(
                lambda _: sessions.create(db, user, ip="203.0.113.7", device="x" * 9999),
                range(16),
            )
        )

    assert len(sessions.list_active(db, user.user_id)) == sessions.CAP
    assert [each.session.device for each in made] == ["x" * 500] * 16


# Defect 15.
def test_two_devices_behind_one_address_do_not_end_each_other(
    db: Database, user: users.User
) -> None:
    first, second = (sessions.create(db, user, ip="203.0.113.7") for _ in range(2))

    assert sessions.find(db, first.token) is not None
    assert sessions.find(db, second.token) is not None


# Defect 33; of approvals of orders it is in test_settings_defects.py.
def test_a_change_asked_for_by_many_at_once_does_not_happen_more_than_once(
    db: Database, user: users.User
) -> None:
    issued = api_keys.issue(db, user.user_id, "x", order_mode="auto")
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


# Second factors ----------------------------------------------------------------------------------


# Defect 16.
def test_a_code_is_not_accepted_twice(db: Database, observer: Observer, user: users.User) -> None:
    enrollment = second_factors.enroll(db, user.user_id, user.email)
    assert enrollment is not None
    step = int(observer.ask("select floor(extract(epoch from now()) / 30)::bigint"))
    code = Secret(pyotp.TOTP(enrollment.secret.reveal()).generate_otp(step))

    assert second_factors.verify(db, user.user_id, code)
    assert not second_factors.verify(db, user.user_id, code)


# Defect 16.
def test_guessing_is_not_merely_recorded(db: Database, user: users.User) -> None:
    answers = [
        login_attempts.sign_in(db, user.username, OTHER, ip=f"198.51.100.{n}") for n in range(5)
    ]

    assert answers[-1].wait > timedelta()


# Keys --------------------------------------------------------------------------------------------


def ring(*made: Key) -> KeyRing:
    return KeyRing(made)


def with_ring(url: str, keyring: KeyRing) -> Database:
    return Database(Config.from_env({"DATABASE_URL": url, "OADB_KEYRING": keyring.to_json()}))


def new_key(key_id: int) -> Key:
    return Key(key_id, "primary", datetime(2026, 1, 1, tzinfo=UTC), token_bytes(32))


# Defect 51.
def test_a_new_root_key_does_not_orphan_what_the_old_one_sealed(oadb_database_url: str) -> None:
    url, old, new = oadb_database_url, new_key(1), new_key(2)
    both = ring(replace(old, state="decrypt-only"), new)
    with with_ring(url, ring(old)) as before:
        user = new_user(before)
        users.set_password(before, user.user_id, PASSWORD)
        session = sessions.create(before, account(before, user.user_id))
        key = api_keys.issue(before, user.user_id, "x", order_mode="auto", keep=True)
        broker_tokens.put(before, user.user_id, "zerodha", Tokens(Secret("a"), Secret("b")))
        second_factors.enroll(before, user.user_id, "asha")
        alert = strategies.create(before, user.user_id, "x")
    with with_ring(url, ring(old, replace(new, state="decrypt-only"))) as between:
        proof.admit(between, 2)
    with with_ring(url, both) as rotating:
        for domain in (users, sessions, api_keys, broker_tokens, second_factors, webhooks):
            assert rotation.rewrap(rotating, domain.SEALED, 1, 100).rows == 1
            assert rotation.rewrap(rotating, domain.SEALED, 1, 100).rows == 0
        assert {each.key_id for each in proof.list_uses(rotating)} == {2}
        proof.withdraw(rotating, 1)
    with with_ring(url, ring(new)) as after:
        assert users.verify_password(after, user.username, PASSWORD) is not None
        assert sessions.find(after, session.token) is not None
        assert isinstance(api_keys.verify(after, key.token), VerifiedKey)
        assert api_keys.reveal(after, user.user_id, key.key.api_key_id) == key.token
        found = broker_tokens.get(after, user.user_id, "zerodha")
        assert isinstance(found, BrokerToken)
        assert found.tokens == Tokens(Secret("a"), Secret("b"))
        assert second_factors.verify(after, user.user_id, Secret("nonsense")) is False
        assert strategies.find_by_webhook(after, alert.webhook) == alert.strategy


# Defect 51.
def test_another_root_key_of_the_same_id_does_not_start(oadb_database_url: str) -> None:
    with with_ring(oadb_database_url, ring(new_key(1))) as before:
        proof.prove(before)
    with with_ring(oadb_database_url, ring(new_key(1))) as wrong, pytest.raises(KeyRingError):
        proof.prove(wrong)


# Defect 52.
def test_what_cannot_be_opened_is_not_returned_as_it_is(
    db: Database, observer: Observer, user: users.User
) -> None:
    broker_tokens.put(db, user.user_id, "zerodha", Tokens(Secret("a")))
    with pytest.raises(psycopg.errors.CheckViolation):
        observer.rows(
            "update oadb.broker_tokens set access_token = 'in clear' where user_id = %s",
            user.user_id,
        )
    observer.rows(
        "update oadb.broker_tokens set access_token = substr(access_token, 1, 5) "
        "|| sha256('x') where user_id = %s",
        user.user_id,
    )

    with pytest.raises(SealError) as refused:
        broker_tokens.get(db, user.user_id, "zerodha")
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


def test_a_digest_copied_to_another_user_makes_nobody_that_user(
    db: Database, observer: Observer, user: users.User
) -> None:
    """Who can write to the database, and has a key and a session of his own."""
    admin = users.create(db, "admin", "admin@example.in").user_id
    for owner in (admin, user.user_id):
        api_keys.issue(db, owner, "x", order_mode="auto")
    mine = api_keys.issue(db, user.user_id, "mine", order_mode="auto").token
    session = sessions.create(db, account(db, user.user_id)).token
    sessions.create(db, account(db, admin))
    for table in ("api_keys", "sessions"):
        token = mine if table == "api_keys" else session
        kind = api_keys.TOKEN if table == "api_keys" else sessions.TOKEN
        (digest,) = kind.digests(RING, sha256_of(token))
        observer.rows(
            f"update oadb.{table} set token_digest = null_digest.value from "
            "(select sha256('') as value) as null_digest where token_digest = %s",
            digest,
        )
        observer.rows(f"update oadb.{table} set token_digest = %s where user_id = {admin}", digest)

    assert api_keys.verify(db, mine) is Refusal.UNKNOWN
    assert sessions.find(db, session) is None
