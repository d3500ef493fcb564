"""Users of OpenAlgo go on signing in, with what they have."""

from datetime import UTC, datetime

import pyotp
import pytest

from oadb import Database, Secret
from oadb.accounts import api_keys, broker_tokens, login_attempts, second_factors, users
from oadb.accounts.broker_tokens import BrokerToken
from oadb.accounts.users import User
from oadb.errors import ConfigError
from oadb.importing import reports as reports_module
from oadb.logs import analyzer_logs, api_logs
from oadb.security.refusals import Refusal
from tests.conftest import RING
from tests.importing.openalgo import (
    ACCESS,
    API_KEY,
    ENVIRON,
    FEED,
    PASSWORD,
    PEPPER,
    SALT,
    SECRETS,
    TOTP,
    Installation,
    cipher,
    hashed,
)
from tests.importing.running import bring, told


@pytest.fixture
def asha(db: Database, there: Installation) -> User:
    there.add_asha()
    bring(db, there)
    found = users.find_by_username(db, "asha")
    assert found is not None
    return found


def rows(db: Database) -> list[object]:
    """Return all that an import of people writes."""
    user = users.find_by_username(db, "asha")
    if user is None:
        return []
    tokens = broker_tokens.list_by_user(db, user.user_id)
    factor = second_factors.get(db, user.user_id)
    return [
        user,
        users._find_password(db, "asha"),
        factor,
        api_keys.list_by_user(db, user.user_id),
        tokens,
    ]


def test_a_user_signs_in_with_the_old_password_and_then_has_a_hash_without_a_pepper(
    db: Database, asha: User
) -> None:
    before = users._find_password(db, "asha")
    signed = login_attempts.sign_in(db, "asha", Secret(PASSWORD), ip="192.0.2.1")
    upgraded = users._find_password(db, "asha")

    assert signed.user == asha
    assert asha.is_admin
    assert before is not None
    assert upgraded is not None
    assert users._opened(RING, before).reveal().startswith("peppered$")
    assert users._opened(RING, upgraded).reveal().startswith("$argon2id$")
    assert upgraded.auth_epoch == before.auth_epoch
    assert users.verify_password(db, "asha", Secret(PASSWORD)) == asha


def test_another_password_is_refused(db: Database, asha: User) -> None:
    assert asha.auth_epoch == 0
    for wrong in ("wrong password", PASSWORD + PEPPER, PEPPER, ""):
        assert users.verify_password(db, "asha", Secret(wrong)) is None


def test_codes_of_the_old_generator_stay_right_and_are_required_as_before(
    db: Database, asha: User
) -> None:
    factor = second_factors.get(db, asha.user_id)

    assert factor is not None
    assert factor.is_required_for("login")
    assert not factor.is_required_for("mcp")
    assert not factor.is_required_for("password_reset")
    assert second_factors.verify(db, asha.user_id, Secret(pyotp.TOTP(TOTP).now()))


def test_a_generator_that_was_not_enabled_is_required_for_nothing(
    db: Database, there: Installation
) -> None:
    there.add_asha(totp_enabled=0)
    bring(db, there)
    user = users.find_by_username(db, "asha")

    assert user is not None
    factor = second_factors.get(db, user.user_id)
    assert factor is not None
    assert not factor.is_required_for("login")
    assert second_factors.verify(db, user.user_id, Secret(pyotp.TOTP(TOTP).now()))
    again = second_factors.get(db, user.user_id)
    assert again is not None
    assert not again.is_required_for("login")


def test_an_api_key_goes_on_working_in_its_mode_and_can_be_shown_again(
    db: Database, asha: User
) -> None:
    verified = api_keys.verify(db, Secret(API_KEY))

    assert isinstance(verified, api_keys.VerifiedKey)
    assert (verified.user_id, verified.order_mode) == (asha.user_id, "semi_auto")
    assert api_keys.reveal(db, asha.user_id, verified.api_key_id) == Secret(API_KEY)
    (listed,) = api_keys.list_by_user(db, asha.user_id)
    assert listed.created_at == datetime(2025, 3, 1, 10, tzinfo=UTC)


def test_what_is_not_the_key_is_unknown(db: Database, asha: User) -> None:
    assert len(api_keys.list_by_user(db, asha.user_id)) == 1
    for other in (API_KEY[:-1], API_KEY + "0", API_KEY.upper(), API_KEY[:-1] + "g", API_KEY[::-1]):
        assert api_keys.verify(db, Secret(other)) is Refusal.UNKNOWN


def test_a_brokers_token_can_be_used(db: Database, asha: User) -> None:
    found = broker_tokens.get(db, asha.user_id, "zerodha")

    assert isinstance(found, BrokerToken)
    assert found.client_id == "AB1234"
    assert found.tokens == broker_tokens.Tokens(Secret(ACCESS), feed=Secret(FEED))


def test_a_second_run_changes_nothing(db: Database, there: Installation, asha: User) -> None:
    before = rows(db)
    reports = bring(db, there)

    assert asha in before
    assert rows(db) == before
    assert {(each.written, each.there) for each in reports.values() if each.found} == {(0, 1)}


def test_what_became_of_it_here_is_not_undone(
    db: Database, there: Installation, asha: User
) -> None:
    verified = api_keys.verify(db, Secret(API_KEY))
    assert isinstance(verified, api_keys.VerifiedKey)
    api_keys.revoke(db, asha.user_id, verified.api_key_id)
    broker_tokens.revoke(db, asha.user_id, "zerodha")
    users.set_password(db, asha.user_id, Secret("another password"))
    second_factors.delete(db, asha.user_id)
    before = rows(db)

    bring(db, there)

    assert rows(db) == before
    assert api_keys.verify(db, Secret(API_KEY)) is Refusal.REVOKED


def test_a_token_that_a_broker_gave_here_stays(db: Database, there: Installation) -> None:
    user = users.create(db, "asha", "asha@example.in")
    broker_tokens.put(db, user.user_id, "zerodha", broker_tokens.Tokens(Secret("newer")))
    there.add_asha()
    reports = bring(db, there)
    found = broker_tokens.get(db, user.user_id, "zerodha")

    assert isinstance(found, BrokerToken)
    assert found.tokens.access == Secret("newer")
    assert (reports["auth"].written, reports["auth"].there) == (0, 1)


def test_a_dry_run_says_the_same_and_changes_nothing(db: Database, there: Installation) -> None:
    there.add_asha()
    dry = bring(db, there, applies=False)

    assert rows(db) == []
    assert users.count_all(db) == 0
    assert told(bring(db, there)) == told(dry)


def test_who_has_the_name_here_but_another_address_is_not_taken_for_the_same(
    db: Database, there: Installation
) -> None:
    there.add_asha()
    other = users.create(db, "asha", "other@example.in")
    reports = bring(db, there)

    assert users.count_all(db) == 1
    assert api_keys.list_by_user(db, other.user_id) == []
    assert "name or its address is that of another user" in told(reports)
    assert reports["api_keys"].left_out == reports["auth"].left_out == 1


def test_a_second_factor_that_is_lost_takes_the_password_with_it(
    db: Database, there: Installation
) -> None:
    there.add_asha(totp_secret=cipher(TOTP, "another pepper of enough length.."))
    reports = bring(db, there)

    assert users.verify_password(db, "asha", Secret(PASSWORD)) is None
    assert "has no password" in told(reports)


UNFIT_SECRETS: dict[str, tuple[str, dict[str, object], str]] = {
    "a cipher under another key": (
        "auth", {"auth": cipher(ACCESS, "another pepper of enough length..")}, "cannot be decrypted"
    ),
    "a cipher that was cut": ("auth", {"auth": cipher(ACCESS)[:-9]}, "cannot be decrypted"),
    "no cipher": ("auth", {"auth": "plain-token"}, "cannot be decrypted"),
    "a cipher in a cipher": ("auth", {"auth": cipher(cipher(ACCESS))}, "encrypted twice"),
    "a feed token under another key": (
        "auth", {"feed_token": cipher(FEED, "another pepper of enough length..")},
        "feed_token cannot be decrypted",
    ),
    "a placeholder": ("auth", {"auth": "pending"}, "placeholder"),
    "an empty token": ("auth", {"auth": ""}, "revoked"),
    "a revoked token": ("auth", {"is_revoked": 1}, "revoked"),
    "a token that may be revoked": ("auth", {"is_revoked": None}, "whether it was revoked"),
    "no broker": ("auth", {"broker": ""}, "revoked"),
    "a broker that is no name": ("auth", {"broker": "A B"}, "broker_tokens_broker_check"),
    "nobody's token": ("auth", {"name": "nobody"}, "user was not brought over"),
    "a number for a token": ("auth", {"auth": 12}, "cannot be decrypted"),
    "bytes for a token": ("auth", {"auth": b"\0\xff"}, "auth is no text"),
    "a key under another key": (
        "api_keys", {"api_key_encrypted": cipher(API_KEY, "another pepper of enough length..")},
        "cannot be decrypted",
    ),
    "a key in clear that is not that of the hash": (
        "api_keys", {"api_key_encrypted": API_KEY[::-1]}, "does not hold the key of api_key_hash",
    ),
    "a key in clear beside no hash": (
        "api_keys", {"api_key_encrypted": API_KEY, "api_key_hash": "x"},
        "does not hold the key of api_key_hash",
    ),
    "a key that is not that of the hash": (
        "api_keys", {"api_key_encrypted": cipher(API_KEY[::-1])},
        "does not hold the key of api_key_hash",
    ),
    "a key whose hash was made void": (
        "api_keys", {"api_key_hash": "revoked"}, "does not hold the key of api_key_hash",
    ),
    "a key without a hash": ("api_keys", {"api_key_hash": ""}, "api_key_hash is missing"),
    "a key of another form": (
        "api_keys", {"api_key_encrypted": cipher("short"), "api_key_hash": hashed("short")},
        "64 hexadecimal digits",
    ),
    "nobody's key": ("api_keys", {"user_id": "nobody"}, "user was not brought over"),
}  # fmt: skip


def test_what_cannot_be_used_is_left_out_with_its_reason(
    db: Database, there: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports_module, "_SAMPLES", 100)
    for number, (table, change, _) in enumerate(UNFIT_SECRETS.values(), 1):
        there.add_asha(name=f"user{number}", api_key=f"{number:064x}")
        there.change(table, number, **change)
    reports = bring(db, there)
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


def test_a_key_in_clear_that_fits_its_hash_is_taken_over(db: Database, there: Installation) -> None:
    there.add_asha()
    there.change("api_keys", 1, api_key_encrypted=API_KEY)
    bring(db, there)

    assert isinstance(api_keys.verify(db, Secret(API_KEY)), api_keys.VerifiedKey)


def test_a_key_that_is_another_users_here_stays_that_users(
    db: Database, there: Installation
) -> None:
    there.add_asha()
    there.add_asha(name="ravi", api_key="0" * 64)
    there.change("api_keys", 2, api_key_hash=hashed(API_KEY), api_key_encrypted=cipher(API_KEY))
    reports = bring(db, there)
    asha, verified = users.find_by_username(db, "asha"), api_keys.verify(db, Secret(API_KEY))

    assert asha is not None
    assert isinstance(verified, api_keys.VerifiedKey)
    assert verified.user_id == asha.user_id
    assert reports["api_keys"].left_out_ids() == {"it is the key of another user here": ["2"]}


def test_a_key_that_was_made_anew_there_is_told(
    db: Database, there: Installation, asha: User
) -> None:
    newer = "ab" * 32
    there.change("api_keys", 1, api_key_encrypted=cipher(newer), api_key_hash=hashed(newer))
    reports = bring(db, there)

    assert len(api_keys.list_by_user(db, asha.user_id)) == 1
    assert api_keys.verify(db, Secret(newer)) is Refusal.UNKNOWN
    assert "an older key was brought over in its place" in told(reports)


def test_a_mode_that_is_none_has_a_person_approve(db: Database, there: Installation) -> None:
    modes = ["auto", "semi_auto", None, "", "x"]
    for number, mode in enumerate(modes, 1):
        there.add_asha(name=f"user{number}", api_key=f"{number:064x}")
        there.change("api_keys", number, order_mode=mode)
    reports = bring(db, there)
    verified = [api_keys.verify(db, Secret(f"{number:064x}")) for number in range(1, 6)]

    assert [getattr(each, "order_mode", each) for each in verified] == ["auto", *["semi_auto"] * 4]
    said = "3 brought over: its order_mode is none, and taken as semi_auto (id 3, 4, 5)"
    assert said in told(reports)
    assert said not in told(bring(db, there))


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "no pepper": ({}, "API_KEY_PEPPER is not set"),
    "a short pepper": ({"API_KEY_PEPPER": "canary"}, "less than 32"),
    "another pepper": (
        {**ENVIRON, "API_KEY_PEPPER": PEPPER[::-1]},
        "API_KEY_PEPPER or FERNET_SALT",
    ),
    "another salt": ({**ENVIRON, "FERNET_SALT": "00" * 16}, "API_KEY_PEPPER or FERNET_SALT"),
    "no salt": ({"API_KEY_PEPPER": PEPPER}, "API_KEY_PEPPER or FERNET_SALT"),
    "a salt that is none": ({**ENVIRON, "FERNET_SALT": "canary"}, "FERNET_SALT is not hexadecimal"),
}


def test_a_wrong_pepper_is_noticed_before_anything_is_written(
    db: Database, there: Installation
) -> None:
    there.add_asha()
    for environ, message in WRONG.values():
        with pytest.raises(ConfigError, match=message) as refused:
            bring(db, there, environ=environ)

        said = str(refused.value)
        assert not any(secret in said for secret in (*SECRETS, SALT, "canary"))
    assert users.count_all(db) == 0


def test_a_pepper_that_no_secret_proves_is_told(db: Database, there: Installation) -> None:
    there.add("users", {**MALLORY, "totp_secret": TOTP})
    unproven = told(bring(db, there, applies=False, environ={"API_KEY_PEPPER": PEPPER[::-1]}))
    there.add_asha(name="ravi")
    proven = told(bring(db, there, applies=False))

    said = "1 brought over: nothing proves that API_KEY_PEPPER is the one of its password (id 1)"
    assert said in unproven
    assert said not in proven


def test_what_was_encrypted_before_there_was_a_salt_is_opened(
    db: Database, there: Installation
) -> None:
    there.add_asha()
    there.change("auth", 1, auth=cipher(ACCESS, PEPPER, b"openalgo_static_salt"))
    reports = bring(db, there)

    assert reports["auth"].written == 1


def test_names_that_cannot_be_names_here_are_left_out(db: Database, there: Installation) -> None:
    there.add("users", *(
        {"username": name, "email": f"{number}@example.in", "password_hash": hashed("x"),
         "totp_secret": ""}
        for number, name in enumerate(["a b", "a" * 81, "", "a\0b", "ok"])
    ))  # fmt: skip
    there.add(
        "users", {"username": "mail", "email": "none", "password_hash": "x", "totp_secret": ""}
    )
    reports = bring(db, there)

    assert (reports["users"].written, reports["users"].left_out) == (1, 5)
    assert "users_username_check refuses it" in told(reports)
    assert "users_email_check refuses it" in told(reports)


def test_a_hash_that_is_none_leaves_a_user_without_a_password(
    db: Database, there: Installation
) -> None:
    there.add_asha(password_hash="pbkdf2:sha256:1$a$b")
    reports = bring(db, there)

    assert reports["users"].written == 1
    assert "its password is no Argon2 hash" in told(reports)
    assert users.verify_password(db, "asha", Secret(PASSWORD)) is None


MALLORY: dict[str, object] = {
    "username": "asha", "email": "mallory@example.in", "password_hash": hashed("mallory's"),
    "totp_secret": "",
}  # fmt: skip


@pytest.mark.parametrize("email", ["mallory@example.in", "ASHA@example.in"])
def test_names_that_differ_in_case_alone_are_those_of_different_people(
    db: Database, there: Installation, email: str
) -> None:
    there.add_asha()
    there.add("users", {**MALLORY, "email": email})
    theirs = "ab" * 32
    there.add("api_keys", {"user_id": "asha", "api_key_hash": hashed(theirs),
                           "api_key_encrypted": cipher(theirs), "order_mode": "auto"})  # fmt: skip
    there.add("auth", {"name": "asha", "auth": cipher("theirs"), "broker": "dhan",
                       "is_revoked": 0})  # fmt: skip
    there.add("auth", {"name": "ASHA", "auth": cipher("whose"), "broker": "fyers",
                       "is_revoked": 0})  # fmt: skip
    reports = bring(db, there)
    asha = users.find_by_username(db, "asha")

    assert asha is not None
    assert asha.email == "asha@example.in"
    assert api_keys.verify(db, Secret(theirs)) is Refusal.UNKNOWN
    assert isinstance(api_keys.verify(db, Secret(API_KEY)), api_keys.VerifiedKey)
    assert [each.broker for each in broker_tokens.list_by_user(db, asha.user_id)] == ["zerodha"]
    assert reports["api_keys"].left_out_ids() == {"its user was not brought over": ["2"]}
    assert reports["auth"].left_out_ids() == {"its user was not brought over": ["2", "3"]}


def test_a_name_that_nobody_has_is_that_of_the_only_user_who_has_it_in_another_case(
    db: Database, there: Installation
) -> None:
    there.add_asha()
    there.change("api_keys", 1, user_id="ASHA")
    bring(db, there)

    assert isinstance(api_keys.verify(db, Secret(API_KEY)), api_keys.VerifiedKey)


def test_requests_are_nobodys_where_the_installation_has_a_user_who_was_left_out(
    db: Database, there: Installation
) -> None:
    there.add_asha()
    there.add("users", {**MALLORY, "username": "no name"})
    there.add_logs(1)
    reports = bring(db, there)

    assert (reports["users"].written, reports["users"].left_out) == (1, 1)
    assert [call.user_id for call in api_logs.list_recent(db)] == [None]
    assert [each.user_id for each in analyzer_logs.list_recent(db)] == [None]


def test_sign_ins_of_who_was_left_out_are_not_those_of_who_has_the_name_here(
    db: Database, there: Installation
) -> None:
    other = users.create(db, "asha", "other@example.in")
    there.add_asha()
    there.add_logs(1)
    reports = bring(db, there)
    (attempt,) = login_attempts.list_recent(db)

    assert (reports["users"].left_out, reports["login_attempts"].written) == (1, 1)
    assert (attempt.username, attempt.user_id) == ("asha", None)
    assert users.get(db, other.user_id) == other
