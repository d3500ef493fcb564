"""Hostile texts in each argument of accounts."""

import json
from typing import Any

import pyotp

from oadb import Database, Secret, Transaction
from oadb.accounts import (
    api_keys,
    broker_tokens,
    lockouts,
    login_attempts,
    second_factors,
    sessions,
    users,
)
from oadb.accounts.broker_tokens import BrokerToken, Tokens
from oadb.engine.binding.sendable_texts import UNREADABLE
from oadb.security.refusals import Refusal
from oadb.validation.said_texts import described, explained, without_secrets
from tests.support.accounts import account
from tests.support.hostile import Guess, Work


def set_password(tx: Transaction, text: str) -> None:
    users.set_password(tx, 1, Secret(text))
    assert users.verify_password(tx, "someone", Secret(text)) is not None
    assert users.verify_password(tx, "someone", Secret(text + "x")) is None


def user_name(tx: Transaction, text: str) -> None:
    users.set_username(tx, 1, text)
    found = users.get(tx, 1)
    assert found is not None
    assert found.username == text


def user_email(tx: Transaction, text: str) -> None:
    assert users.update(tx, 1, email=text)
    found = users.get(tx, 1)
    assert found is not None
    assert found.email == text


def user_first_name(tx: Transaction, text: str) -> None:
    assert users.update(tx, 1, first_name=text)
    found = users.get(tx, 1)
    assert found is not None
    assert (found.first_name, found.last_name) == (text, None)


def user_last_name(tx: Transaction, text: str) -> None:
    assert users.update(tx, 1, last_name=text)
    found = users.get(tx, 1)
    assert found is not None
    assert (found.first_name, found.last_name) == (None, text)


def users_cursor(tx: Transaction, text: str) -> None:
    users.list_all(tx, cursor=text)
    raise AssertionError(f"{text!r} was taken for a cursor")


def verify_name(tx: Transaction, text: str) -> None:
    assert users.verify_password(tx, text, Secret("correct horse")) is None


def verify_password(tx: Transaction, text: str) -> None:
    assert users.verify_password(tx, "someone", Secret(text)) is None


def session_device(tx: Transaction, text: str) -> None:
    made = sessions.create(tx, account(tx, 1), device=text)
    assert made.session.device == (without_secrets(text, 500) or None)


def session_ip(tx: Transaction, text: str) -> None:
    made = sessions.create(tx, account(tx, 1), ip=text)
    assert made.session.ip is not None


def session_broker(tx: Transaction, text: str) -> None:
    assert sessions.create(tx, account(tx, 1), broker=text).session.broker == text


def session_data(tx: Transaction, text: str) -> None:
    data: dict[str, object] = {"value": text, f"name {text}": [text]}
    made = sessions.create(tx, account(tx, 1), data=data)
    # In JSON the two halves of a pair are the character that they encode.
    assert made.session.data == json.loads(json.dumps(data))


def session_token(tx: Transaction, text: str) -> None:
    assert sessions.verify(tx, Secret(text)) is Refusal.UNKNOWN
    assert sessions.end_by_token(tx, Secret(text)) is False


def sign_in_name(db: Database, text: str) -> None:
    signed_in = login_attempts.sign_in(db, text, Secret("correct horse"), ip="192.0.2.1")
    assert signed_in.user is None
    (attempt,) = login_attempts.list_attempts(db, limit=1)
    assert attempt.outcome == "failed"
    assert attempt.user_id is None
    assert len(attempt.username) == (min(len(text), 254) or 1)


def sign_in_password(db: Database, text: str) -> None:
    assert login_attempts.sign_in(db, "someone", Secret(text), ip="192.0.2.1").user is None
    assert login_attempts.list_attempts(db, limit=1).rows[0].outcome == "failed"


def sign_in_ip(db: Database, text: str) -> None:
    login_attempts.sign_in(db, "someone", Secret("correct horse"), ip=text)
    assert login_attempts.list_attempts(db, limit=1).rows[0].ip is not None


def sign_in_device(db: Database, text: str) -> None:
    login_attempts.sign_in(db, "someone", Secret("correct horse"), ip="::1", device=text)
    stored = login_attempts.list_attempts(db, limit=1).rows[0].device
    assert (stored or "") == described(text, 500)


def sign_in_broker(db: Database, text: str) -> None:
    login_attempts.sign_in(db, "someone", Secret("correct horse"), ip="::1", broker=text)
    stored = login_attempts.list_attempts(db, limit=1).rows[0].broker
    assert (stored or "") == described(text, 50)


def sign_in_code(db: Database, text: str) -> None:
    """The code is ignored: this user's sign-in requires none."""
    wrong = Secret("incorrect horse")
    signed_in = login_attempts.sign_in(db, "someone", wrong, ip="::1", code=Secret(text))
    assert not signed_in


def oauth_reason(db: Database, text: str) -> None:
    login_attempts.record_oauth_failure(db, text, ip="::1", reason=text)
    attempt = login_attempts.list_attempts(db, limit=1).rows[0]
    assert (attempt.method, attempt.outcome, attempt.user_id) == ("oauth", "failed", None)
    assert len(attempt.username) == (min(len(text), 254) or 1)
    assert attempt.reason == (explained(text, 500) or UNREADABLE)


def unlocked_name(db: Database, text: str) -> None:
    assert not lockouts.unlock(db, text)


def key_name(tx: Transaction, text: str) -> None:
    assert api_keys.create(tx, 1, text, order_mode="auto").key.name == text
    assert api_keys.list_by_user(tx, 1).rows[0].name == text


def key_new_name(tx: Transaction, text: str) -> None:
    key_id = api_keys.create(tx, 1, "x", order_mode="auto").key.api_key_id
    assert api_keys.rename(tx, 1, key_id, text)
    found = api_keys.get(tx, 1, key_id)
    assert found is not None
    assert found.name == text


def key_new_scopes(tx: Transaction, text: str) -> None:
    key_id = api_keys.create(tx, 1, "x", order_mode="auto").key.api_key_id
    assert api_keys.set_scopes(tx, 1, key_id, [text, "NULL", text])
    found = api_keys.get(tx, 1, key_id)
    assert found is not None
    assert found.scopes == [text, "NULL", text]


def key_scopes(tx: Transaction, text: str) -> None:
    issued = api_keys.create(tx, 1, "x", order_mode="auto", scopes=[text, "NULL", text])
    assert issued.key.scopes == [text, "NULL", text]
    assert getattr(api_keys.verify(tx, issued.token), "scopes", None) == issued.key.scopes


def key_order_mode(tx: Transaction, text: Any) -> None:
    api_keys.create(tx, 1, "x", order_mode=text)
    raise AssertionError(f"{text!r} was taken for an order mode")


def key_token(tx: Transaction, text: str) -> None:
    assert api_keys.verify(tx, Secret(text)) is Refusal.UNKNOWN


def tokens_broker(tx: Transaction, text: str) -> None:
    assert broker_tokens.put(tx, 1, text, Tokens(Secret("a")))
    assert isinstance(broker_tokens.open(tx, 1, text), BrokerToken)
    assert broker_tokens.list_by_user(tx, 1)[0].broker == text


def tokens_of_no_broker(tx: Transaction, text: str) -> None:
    assert broker_tokens.open(tx, 1, text) is Refusal.UNKNOWN
    assert not broker_tokens.revoke(tx, 1, text)


def tokens_client_id(tx: Transaction, text: str) -> None:
    assert broker_tokens.put(tx, 1, "x", Tokens(Secret("a")), client_id=text)
    assert broker_tokens.list_by_user(tx, 1)[0].client_id == text


def tokens_sealed(tx: Transaction, text: str) -> None:
    secret = Secret(text)
    given = Tokens(secret, secret, secret, {"name": secret, text: Secret("")})
    assert broker_tokens.put(tx, 1, "x", given)
    found = broker_tokens.open(tx, 1, "x")
    assert isinstance(found, BrokerToken)
    assert found.tokens == given


def factor_account(tx: Transaction, text: str) -> None:
    enrollment = second_factors.enroll(tx, 1, account=text)
    assert enrollment is not None
    parsed = pyotp.parse_uri(enrollment.uri.reveal())
    assert (parsed.name, parsed.issuer) == (text, "OpenAlgo")


def factor_issuer(tx: Transaction, text: str) -> None:
    enrollment = second_factors.enroll(tx, 1, account="asha", issuer=text)
    assert enrollment is not None
    parsed = pyotp.parse_uri(enrollment.uri.reveal())
    assert (parsed.name, parsed.issuer) == ("asha", text or None)


def factor_code(db: Database, text: str) -> None:
    second_factors.enroll(db, 1, account="asha")
    assert not second_factors.verify(db, 1, Secret(text))


OPERATIONS: dict[str, list[Work]] = {
    "users": [
        verify_name, user_name, user_email, user_first_name, user_last_name, users_cursor,
    ],
    "sessions": [session_device, session_ip, session_broker, session_data],
    "api_keys": [key_name, key_new_name, key_scopes, key_new_scopes, key_order_mode],
    "broker_tokens": [tokens_broker, tokens_of_no_broker, tokens_client_id],
    "second_factors": [factor_account, factor_issuer],
}  # fmt: skip  # a table
SECRETS: dict[str, list[Work]] = {
    "users": [set_password, verify_password],
    "sessions": [session_token],
    "api_keys": [key_token],
    "broker_tokens": [tokens_sealed],
}
# A guess is counted, and its counting takes part in no transaction.
GUESSES: list[Guess] = [
    sign_in_name, sign_in_ip, sign_in_device, sign_in_broker, oauth_reason, unlocked_name,
]  # fmt: skip  # a table
SECRET_GUESSES: list[Guess] = [sign_in_password, sign_in_code, factor_code]
