"""Defects of root keys.

Each test is named after what happened in a comparable data layer, and must not happen here; the
numbers are those of its known defects.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from secrets import token_bytes

import psycopg
import pytest

from oadb import Config, Database, Secret
from oadb.accounts import api_key_rows, api_keys, broker_tokens, second_factors, sessions, users
from oadb.accounts.api_keys import VerifiedKey
from oadb.accounts.broker_tokens import BrokerToken, Tokens
from oadb.accounts.second_factors import CodeCheck
from oadb.errors import KeyRingError, SealError
from oadb.keys import proof, root_key_uses, rotation
from oadb.security.keyring import Key, KeyRing
from oadb.security.refusals import Refusal
from oadb.security.tokens import sha256_of
from oadb.trading import strategies, webhooks
from tests.conftest import RING
from tests.support.accounts import PASSWORD, account, new_user
from tests.support.rig import Observer

pytestmark = pytest.mark.usefixtures("cheap_hashing")


def ring(*made: Key) -> KeyRing:
    return KeyRing(made)


def with_ring(url: str, keyring: KeyRing) -> Database:
    return Database(Config.from_env({"DATABASE_URL": url, "OADB_KEYRING": keyring.to_json()}))


def new_key(key_id: int) -> Key:
    return Key(key_id, "primary", datetime(2026, 1, 1, tzinfo=UTC), token_bytes(32))


# Defect 51.
def test_values_sealed_under_the_old_root_key_are_readable_after_rotation(
    oadb_database_url: str,
) -> None:
    url, old, new = oadb_database_url, new_key(1), new_key(2)
    both = ring(replace(old, state="decrypt-only"), new)
    with with_ring(url, ring(old)) as before:
        user = account(before, new_user(before))
        users.set_password(before, user.user_id, PASSWORD)
        session = sessions.create(before, account(before, user.user_id))
        key = api_keys.create(before, user.user_id, "x", order_mode="auto", keep_token=True)
        broker_tokens.put(before, user.user_id, "zerodha", Tokens(Secret("a"), Secret("b")))
        second_factors.enroll(before, user.user_id, account="asha")
        alert = strategies.create(before, user.user_id, "x")
    with with_ring(url, ring(old, replace(new, state="decrypt-only"))) as between:
        proof.admit(between, 2)
    with with_ring(url, both) as rotating:
        for module in (users, sessions, api_keys, broker_tokens, second_factors, webhooks):
            assert rotation.rewrap(rotating, module.SEALED, 1, 100).rows == 1
            assert rotation.rewrap(rotating, module.SEALED, 1, 100).rows == 0
        assert {each.key_id for each in root_key_uses.list_uses(rotating)} == {2}
        proof.withdraw(rotating, 1)
    with with_ring(url, ring(new)) as after:
        assert users.verify_password(after, user.username, PASSWORD) is not None
        assert sessions.verify(after, session.token) == session.session
        assert isinstance(api_keys.verify(after, key.token), VerifiedKey)
        assert api_keys.open_kept(after, user.user_id, key.key.api_key_id) == key.token
        found = broker_tokens.open(after, user.user_id, "zerodha")
        assert isinstance(found, BrokerToken)
        assert found.tokens == Tokens(Secret("a"), Secret("b"))
        assert second_factors.verify(after, user.user_id, Secret("nonsense")) == CodeCheck(
            False, timedelta(), was_verified=True
        )
        assert strategies.verify_webhook(after, alert.webhook) == alert.strategy


# Defect 51.
def test_another_root_key_with_the_same_id_is_refused(oadb_database_url: str) -> None:
    with with_ring(oadb_database_url, ring(new_key(1))) as before:
        proof.prove(before)
    with with_ring(oadb_database_url, ring(new_key(1))) as wrong, pytest.raises(KeyRingError):
        proof.prove(wrong)


# Defect 52.
def test_a_value_that_cannot_be_opened_is_not_returned_as_it_is(
    db: Database, observer: Observer, user: users.SignedInUser
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
        broker_tokens.open(db, user.user_id, "zerodha")
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


def test_a_digest_copied_to_another_user_is_refused(
    db: Database, observer: Observer, user: users.SignedInUser
) -> None:
    """By an attacker who can write to the database, and has a key and a session there."""
    admin = users.create(db, "admin", "admin@example.in").user_id
    for owner in (admin, user.user_id):
        api_keys.create(db, owner, "x", order_mode="auto")
    mine = api_keys.create(db, user.user_id, "mine", order_mode="auto").token
    session = sessions.create(db, account(db, user.user_id)).token
    sessions.create(db, account(db, admin))
    for table in ("api_keys", "sessions"):
        token = mine if table == "api_keys" else session
        kind = api_key_rows.TOKEN if table == "api_keys" else sessions.TOKEN
        (digest,) = kind.digests(RING, sha256_of(token))
        observer.rows(
            f"update oadb.{table} set token_digest = null_digest.value from "
            "(select sha256('') as value) as null_digest where token_digest = %s",
            digest,
        )
        observer.rows(f"update oadb.{table} set token_digest = %s where user_id = {admin}", digest)

    assert api_keys.verify(db, mine) is Refusal.UNKNOWN
    assert sessions.verify(db, session) is Refusal.UNKNOWN
