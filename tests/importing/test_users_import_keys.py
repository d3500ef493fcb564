"""API keys and broker tokens keep working; unusable ones are left out with the reason."""

from datetime import UTC, datetime

import pytest

from oadb import Database, Secret
from oadb.accounts import api_keys, broker_tokens, users
from oadb.accounts.broker_tokens import BrokerToken
from oadb.accounts.users import User
from oadb.importing import reports as reports_module
from oadb.security.refusals import Refusal
from tests.importing.openalgo import (
    ACCESS,
    API_KEY,
    FEED,
    Installation,
    cipher,
    hashed,
)
from tests.importing.running import run_import, text_of

pytestmark = [pytest.mark.changes_rows, pytest.mark.long("imports an installation each time")]


def test_an_api_key_keeps_working_in_its_mode_and_can_be_shown(db: Database, asha: User) -> None:
    verified = api_keys.verify(db, Secret(API_KEY))

    assert isinstance(verified, api_keys.VerifiedKey)
    assert (verified.user_id, verified.order_mode) == (asha.user_id, "semi_auto")
    assert api_keys.open_kept(db, asha.user_id, verified.api_key_id) == Secret(API_KEY)
    (listed,) = api_keys.list_by_user(db, asha.user_id)
    assert listed.created_at == datetime(2025, 3, 1, 10, tzinfo=UTC)


def test_another_key_is_unknown(db: Database, asha: User) -> None:
    assert len(api_keys.list_by_user(db, asha.user_id)) == 1
    for other in (API_KEY[:-1], API_KEY + "0", API_KEY.upper(), API_KEY[:-1] + "g", API_KEY[::-1]):
        assert api_keys.verify(db, Secret(other)) is Refusal.UNKNOWN


def test_a_brokers_token_can_be_used(db: Database, asha: User) -> None:
    found = broker_tokens.open(db, asha.user_id, "zerodha")

    assert isinstance(found, BrokerToken)
    assert found.client_id == "AB1234"
    assert found.tokens == broker_tokens.Tokens(Secret(ACCESS), feed=Secret(FEED))


def test_an_existing_broker_token_stays(db: Database, origin: Installation) -> None:
    user = users.create(db, "asha", "asha@example.in")
    broker_tokens.put(db, user.user_id, "zerodha", broker_tokens.Tokens(Secret("newer")))
    origin.add_asha()
    reports = run_import(db, origin)
    found = broker_tokens.open(db, user.user_id, "zerodha")

    assert isinstance(found, BrokerToken)
    assert found.tokens.access == Secret("newer")
    assert (reports["auth"].written, reports["auth"].existing) == (0, 1)


UNFIT_SECRETS: dict[str, tuple[str, dict[str, object], str]] = {
    "a cipher under another key": (
        "auth",
        {"auth": cipher(ACCESS, "another pepper of enough length..")},
        "cannot be decrypted",
    ),
    "a cipher that was cut": ("auth", {"auth": cipher(ACCESS)[:-9]}, "cannot be decrypted"),
    "a plain token": ("auth", {"auth": "plain-token"}, "cannot be decrypted"),
    "a cipher in a cipher": ("auth", {"auth": cipher(cipher(ACCESS))}, "encrypted twice"),
    "a feed token under another key": (
        "auth",
        {"feed_token": cipher(FEED, "another pepper of enough length..")},
        "feed_token cannot be decrypted",
    ),
    "a placeholder": ("auth", {"auth": "pending"}, "placeholder"),
    "an empty token": ("auth", {"auth": ""}, "revoked"),
    "a revoked token": ("auth", {"is_revoked": 1}, "revoked"),
    "a token that may be revoked": (
        "auth",
        {"is_revoked": None},
        "it does not say whether it was revoked",
    ),
    "no broker": ("auth", {"broker": ""}, "revoked"),
    "an invalid name of a broker": ("auth", {"broker": "A B"}, "broker_tokens_broker_check"),
    "a token of an unknown user": ("auth", {"name": "nobody"}, "user was not imported"),
    "a number for a token": ("auth", {"auth": 12}, "cannot be decrypted"),
    "bytes for a token": ("auth", {"auth": b"\0\xff"}, "auth is not a text"),
    "a key under another key": (
        "api_keys",
        {"api_key_encrypted": cipher(API_KEY, "another pepper of enough length..")},
        "cannot be decrypted",
    ),
    "a plain key that does not match its hash": (
        "api_keys",
        {"api_key_encrypted": API_KEY[::-1]},
        "does not hold the key of api_key_hash",
    ),
    "a plain key with an invalid hash": (
        "api_keys",
        {"api_key_encrypted": API_KEY, "api_key_hash": "x"},
        "does not hold the key of api_key_hash",
    ),
    "a key that does not match its hash": (
        "api_keys",
        {"api_key_encrypted": cipher(API_KEY[::-1])},
        "does not hold the key of api_key_hash",
    ),
    "a key with a revoked hash": (
        "api_keys",
        {"api_key_hash": "revoked"},
        "does not hold the key of api_key_hash",
    ),
    "a key without a hash": ("api_keys", {"api_key_hash": ""}, "api_key_hash is missing"),
    "a key of another form": (
        "api_keys",
        {"api_key_encrypted": cipher("short"), "api_key_hash": hashed("short")},
        "64 hexadecimal digits",
    ),
    "a key of an unknown user": ("api_keys", {"user_id": "nobody"}, "user was not imported"),
}


def test_unusable_credentials_are_left_out_with_the_reason(
    db: Database, origin: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports_module, "_SAMPLES", 100)
    for number, (table, change, _) in enumerate(UNFIT_SECRETS.values(), 1):
        origin.add_asha(name=f"user{number}", api_key=f"{number:064x}")
        origin.change(table, number, **change)
    reports = run_import(db, origin)
    found = {
        f"{table} {row_id}": reason
        for table in ("auth", "api_keys")
        for reason, row_ids in reports[table].left_out_ids().items()
        for row_id in row_ids
    }
    expected = {
        f"{table} {number}": reason
        for number, (table, _, reason) in enumerate(UNFIT_SECRETS.values(), 1)
    }

    assert [place for place, reason in expected.items() if reason not in found.get(place, "")] == []
    assert len(found) == len(expected)
    assert reports["auth"].written + reports["api_keys"].written == len(UNFIT_SECRETS)


def test_a_plain_key_that_matches_its_hash_is_taken_over(
    db: Database, origin: Installation
) -> None:
    origin.add_asha()
    origin.change("api_keys", 1, api_key_encrypted=API_KEY)
    run_import(db, origin)

    assert isinstance(api_keys.verify(db, Secret(API_KEY)), api_keys.VerifiedKey)


def test_a_key_of_another_user_in_oadb_stays_theirs(db: Database, origin: Installation) -> None:
    origin.add_asha()
    origin.add_asha(name="ravi", api_key="0" * 64)
    origin.change("api_keys", 2, api_key_hash=hashed(API_KEY), api_key_encrypted=cipher(API_KEY))
    reports = run_import(db, origin)
    asha, verified = users.find_by_username(db, "asha"), api_keys.verify(db, Secret(API_KEY))

    assert asha is not None
    assert isinstance(verified, api_keys.VerifiedKey)
    assert verified.user_id == asha.user_id
    assert reports["api_keys"].left_out_ids() == {"it is the key of another user in oadb": ["2"]}


def test_a_key_that_was_replaced_in_openalgo_is_replaced(
    db: Database, origin: Installation, asha: User
) -> None:
    newer = "ab" * 32
    origin.change("api_keys", 1, api_key_encrypted=cipher(newer), api_key_hash=hashed(newer))
    reports = run_import(db, origin)

    assert len(api_keys.list_by_user(db, asha.user_id)) == 1
    assert api_keys.verify(db, Secret(newer))
    assert api_keys.verify(db, Secret(API_KEY)) is Refusal.UNKNOWN
    assert "! 1 changed in OpenAlgo, written: api_key (id 1)" in text_of(reports)


def test_an_unknown_mode_becomes_semi_auto(db: Database, origin: Installation) -> None:
    modes = ["auto", "semi_auto", None, "", "x"]
    for number, mode in enumerate(modes, 1):
        origin.add_asha(name=f"user{number}", api_key=f"{number:064x}")
        origin.change("api_keys", number, order_mode=mode)
    reports = run_import(db, origin)
    verified = [api_keys.verify(db, Secret(f"{number:064x}")) for number in range(1, 6)]

    assert [getattr(each, "order_mode", each) for each in verified] == ["auto", *["semi_auto"] * 4]
    said = "3 imported: its order_mode is unknown, and becomes semi_auto (id 3, 4, 5)"
    assert said in text_of(reports)
    assert said not in text_of(run_import(db, origin))
