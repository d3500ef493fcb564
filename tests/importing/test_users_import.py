"""Users of OpenAlgo can sign in with their passwords and second factors."""

import pyotp
import pytest

from oadb import Database, Secret
from oadb.accounts import (
    api_keys,
    broker_tokens,
    login_attempts,
    sealed_passwords,
    second_factors,
    stored_passwords,
    users,
)
from oadb.accounts.user_rows import StoredPassword
from oadb.accounts.users import User
from oadb.logs import analyzer_logs, api_logs
from oadb.security.refusals import Refusal
from tests.conftest import RING
from tests.importing.openalgo import (
    API_KEY,
    MALLORY,
    PASSWORD,
    PEPPER,
    TOTP,
    Installation,
    cipher,
    hashed,
)
from tests.importing.running import run_import, text_of
from tests.support.accounts import noted

pytestmark = [pytest.mark.changes_rows, pytest.mark.long("imports an installation each time")]


def rows(db: Database) -> list[object]:
    """Return everything that the import of a user writes."""
    user = users.find_by_username(db, "asha")
    if user is None:
        return []
    tokens = broker_tokens.list_by_user(db, user.user_id)
    factor = second_factors.get(db, user.user_id)
    return [
        user,
        stored_passwords._find_password(db, "asha"),
        factor,
        api_keys.list_by_user(db, user.user_id),
        tokens,
    ]


def stored_hash(stored: StoredPassword) -> str:
    opened = sealed_passwords.opened(RING, stored)
    assert opened is not None
    return opened.reveal()


def test_a_user_signs_in_with_the_old_password_and_then_has_a_hash_without_a_pepper(
    db: Database, asha: User
) -> None:
    """And with a code of the old second factor, which is required as before."""
    before, code = stored_passwords._find_password(db, "asha"), Secret(pyotp.TOTP(TOTP).now())
    without = login_attempts.sign_in(db, "asha", Secret(PASSWORD), ip="192.0.2.1")
    signed = login_attempts.sign_in(db, "asha", Secret(PASSWORD), ip="192.0.2.1", code=code)
    noted(db)
    upgraded = stored_passwords._find_password(db, "asha")

    assert (without.user, without.needs_code) == (None, True)
    assert signed.user == users.signed_in(asha, assurance=2)
    assert asha.is_admin
    assert before is not None
    assert upgraded is not None
    assert stored_hash(before).startswith("peppered$")
    assert stored_hash(upgraded).startswith("$argon2id$")
    assert upgraded.auth_epoch == before.auth_epoch
    assert users.verify_password(db, "asha", Secret(PASSWORD)) == asha


def test_another_password_is_refused(db: Database, asha: User) -> None:
    assert asha.auth_epoch == 0
    for wrong in ("wrong password", PASSWORD + PEPPER, PEPPER, ""):
        assert users.verify_password(db, "asha", Secret(wrong)) is None


def test_codes_of_the_second_factor_stay_valid_and_required_as_before(
    db: Database, asha: User
) -> None:
    factor = second_factors.get(db, asha.user_id)

    assert factor is not None
    assert factor.is_required_for("login")
    assert not factor.is_required_for("mcp")
    assert not factor.is_required_for("password_reset")
    assert second_factors.verify(db, asha.user_id, Secret(pyotp.TOTP(TOTP).now()))


def test_a_disabled_second_factor_is_required_for_nothing(
    db: Database, origin: Installation
) -> None:
    origin.add_asha(totp_enabled=0)
    run_import(db, origin)
    user = users.find_by_username(db, "asha")

    assert user is not None
    factor = second_factors.get(db, user.user_id)
    assert factor is not None
    assert not factor.is_required_for("login")
    assert second_factors.verify(db, user.user_id, Secret(pyotp.TOTP(TOTP).now()))
    again = second_factors.get(db, user.user_id)
    assert again is not None
    assert not again.is_required_for("login")


def test_a_second_run_changes_nothing(db: Database, origin: Installation, asha: User) -> None:
    before = rows(db)
    reports = run_import(db, origin)

    assert asha in before
    assert rows(db) == before
    assert {(each.written, each.existing) for each in reports.values() if each.found} == {(0, 1)}


def test_changes_of_credentials_in_oadb_are_not_undone(
    db: Database, origin: Installation, asha: User
) -> None:
    verified = api_keys.verify(db, Secret(API_KEY))
    assert isinstance(verified, api_keys.VerifiedKey)
    api_keys.revoke(db, asha.user_id, verified.api_key_id)
    broker_tokens.revoke(db, asha.user_id, "zerodha")
    users.set_password(db, asha.user_id, Secret("another password"))
    second_factors.disable(db, asha.user_id)
    before = rows(db)

    run_import(db, origin)

    assert rows(db) == before
    assert api_keys.verify(db, Secret(API_KEY)) is Refusal.REVOKED


def test_a_dry_run_reports_the_same_and_changes_nothing(db: Database, origin: Installation) -> None:
    origin.add_asha()
    dry = run_import(db, origin, applies=False)

    assert rows(db) == []
    assert users.count(db) == 0
    assert text_of(run_import(db, origin)) == text_of(dry)


def test_a_user_with_the_same_name_and_another_address_is_another_user(
    db: Database, origin: Installation
) -> None:
    origin.add_asha()
    other = users.create(db, "asha", "other@example.in")
    reports = run_import(db, origin)

    assert users.count(db) == 1
    assert api_keys.list_by_user(db, other.user_id).rows == []
    assert "name or its address is that of another user in oadb" in text_of(reports)
    assert reports["api_keys"].left_out == reports["auth"].left_out == 1


def test_a_user_whose_second_factor_is_lost_gets_no_password(
    db: Database, origin: Installation
) -> None:
    origin.add_asha(totp_secret=cipher(TOTP, "another pepper of enough length.."))
    reports = run_import(db, origin)

    assert users.verify_password(db, "asha", Secret(PASSWORD)) is None
    assert "has no password" in text_of(reports)


def test_users_with_names_that_oadb_refuses_are_left_out(
    db: Database, origin: Installation
) -> None:
    origin.add(
        "users",
        *(
            {
                "username": name,
                "email": f"{number}@example.in",
                "password_hash": hashed("x"),
                "totp_secret": "",
            }
            for number, name in enumerate(["a b", "a" * 81, "", "a\0b", "ok"])
        ),
    )
    origin.add(
        "users", {"username": "mail", "email": "none", "password_hash": "x", "totp_secret": ""}
    )
    reports = run_import(db, origin)

    assert (reports["users"].written, reports["users"].left_out) == (1, 5)
    assert "users_username_check refuses it" in text_of(reports)
    assert "users_email_check refuses it" in text_of(reports)


def test_a_user_with_an_invalid_hash_gets_no_password(db: Database, origin: Installation) -> None:
    origin.add_asha(password_hash="pbkdf2:sha256:1$a$b")
    reports = run_import(db, origin)

    assert reports["users"].written == 1
    assert "its password is not an Argon2 hash" in text_of(reports)
    assert users.verify_password(db, "asha", Secret(PASSWORD)) is None


@pytest.mark.parametrize("email", ["mallory@example.in", "ASHA@example.in"])
def test_names_that_differ_only_in_case_are_different_users(
    db: Database, origin: Installation, email: str
) -> None:
    origin.add_asha()
    origin.add("users", {**MALLORY, "email": email})
    theirs = "ab" * 32
    origin.add(
        "api_keys",
        {
            "user_id": "asha",
            "api_key_hash": hashed(theirs),
            "api_key_encrypted": cipher(theirs),
            "order_mode": "auto",
        },
    )
    origin.add(
        "auth", {"name": "asha", "auth": cipher("theirs"), "broker": "dhan", "is_revoked": 0}
    )
    origin.add(
        "auth", {"name": "ASHA", "auth": cipher("whose"), "broker": "fyers", "is_revoked": 0}
    )
    reports = run_import(db, origin)
    asha = users.find_by_username(db, "asha")

    assert asha is not None
    assert asha.email == "asha@example.in"
    assert api_keys.verify(db, Secret(theirs)) is Refusal.UNKNOWN
    assert isinstance(api_keys.verify(db, Secret(API_KEY)), api_keys.VerifiedKey)
    assert [each.broker for each in broker_tokens.list_by_user(db, asha.user_id)] == ["zerodha"]
    assert reports["api_keys"].left_out_ids() == {"its user was not imported": ["2"]}
    assert reports["auth"].left_out_ids() == {"its user was not imported": ["2", "3"]}


def test_a_name_without_an_exact_match_is_matched_in_any_case(
    db: Database, origin: Installation
) -> None:
    origin.add_asha()
    origin.change("api_keys", 1, user_id="ASHA")
    run_import(db, origin)

    assert isinstance(api_keys.verify(db, Secret(API_KEY)), api_keys.VerifiedKey)


def test_requests_have_no_user_if_a_user_was_left_out(db: Database, origin: Installation) -> None:
    origin.add_asha()
    origin.add("users", {**MALLORY, "username": "no name"})
    origin.add_logs(1)
    reports = run_import(db, origin)

    assert (reports["users"].written, reports["users"].left_out) == (1, 1)
    assert [call.user_id for call in api_logs.list_calls(db)] == [None]
    assert [each.user_id for each in analyzer_logs.list_analyses(db)] == [None]


def test_login_attempts_of_a_user_who_was_left_out_have_no_user(
    db: Database, origin: Installation
) -> None:
    other = users.create(db, "asha", "other@example.in")
    origin.add_asha()
    origin.add_logs(1)
    reports = run_import(db, origin)
    (attempt,) = login_attempts.list_attempts(db)

    assert (reports["users"].left_out, reports["login_attempts"].written) == (1, 1)
    assert (attempt.username, attempt.user_id) == ("asha", None)
    assert users.get(db, other.user_id) == other


@pytest.mark.long("hashes passwords as OpenAlgo does")
@pytest.mark.parametrize("name", ["Asha Rao", "O'Neil", "asha+algo", "आशा राव", "a=b"])
def test_a_user_whose_name_does_not_fit_is_imported_under_another_one(
    db: Database, origin: Installation, name: str
) -> None:
    origin.add_asha(name=name, email="asha@example.in")
    origin.add_logs(1)
    refused = run_import(db, origin)
    assert "give it another one with --rename" in text_of(refused)
    assert refused["api_keys"].left_out == refused["auth"].left_out == 1
    reports = run_import(db, origin, renames={name: "asha"})
    user = users.verify_password(db, "asha", Secret(PASSWORD))

    assert user is not None
    assert api_keys.verify(db, Secret(API_KEY))
    assert [each.broker for each in broker_tokens.list_by_user(db, user.user_id)] == ["zerodha"]
    assert not any(each.differs for each in (*reports.values(), *run_import(db, origin).values()))
