"""Signing in with a second factor: no user and no session before all that is required is right."""

from datetime import timedelta
from typing import Any

import pytest

from oadb import Database, Secret
from oadb.accounts import lockouts, login_attempts, second_factors, sessions, users
from oadb.accounts.login_attempts import SignIn
from oadb.accounts.users import SignedInUser
from oadb.engine import execution
from oadb.errors import NoRowError, ParameterError, SealError, TransactionError
from tests.support.accounts import PASSWORD, account
from tests.support.authenticators import Authenticator, enroll, failures
from tests.support.lockouts import WRONG, failed_before, lockout, outcomes
from tests.support.rig import Observer, threads

pytestmark = pytest.mark.usefixtures("counting")


@pytest.fixture
def theirs(db: Database, asha: SignedInUser, clock: int) -> Authenticator:
    """Give an authenticator of asha, who has confirmed it and needs a code to sign in."""
    phone = Authenticator(clock, enroll(db, asha.user_id))
    assert second_factors.verify(db, asha.user_id, phone.code(-1))
    second_factors.set_required(
        db, asha.user_id, for_login=True, for_mcp=False, for_password_reset=False
    )
    return phone


def methods(db: Database, user_id: int) -> list[tuple[str, str]]:
    """Return methods and outcomes of the attempts of a user, oldest first."""
    found = login_attempts.list_attempts(db, user_id=user_id)
    return [(each.method, each.outcome) for each in found][::-1]


def test_the_right_password_without_a_code_gives_no_user(
    db: Database, asha: SignedInUser, ip: str, theirs: Authenticator
) -> None:
    result = login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip)

    assert result == SignIn(None, timedelta(), needs_code=True)
    assert not result
    wrong: Any = result.user
    with pytest.raises(ParameterError, match="account must be SignedInUser, not NoneType"):
        sessions.create(db, wrong)
    assert methods(db, asha.user_id) == [("password", "code_needed")]
    assert login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip, code=theirs.code())


def test_a_user_who_did_not_just_sign_in_gets_no_session(db: Database, asha: SignedInUser) -> None:
    for user in (users.get(db, asha.user_id), users.verify_password(db, asha.username, PASSWORD)):
        wrong: Any = user
        with pytest.raises(ParameterError, match="account must be SignedInUser, not User"):
            sessions.create(db, wrong)
    assert sessions.list_by_user(db, asha.user_id).rows == []


def test_password_and_code_sign_in_and_forgive_earlier_failures(
    db: Database, observer: Observer, asha: SignedInUser, ip: str, theirs: Authenticator
) -> None:
    failed_before(observer, "account_network", f"{asha.username} {ip}", 3)
    result = login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip, code=theirs.code())

    assert result.user == account(db, asha.user_id, assurance=2)
    assert isinstance(result.user, SignedInUser)
    assert sessions.verify(db, sessions.create(db, result.user).token)
    assert lockout(observer, f"{asha.username} {ip}") is None
    assert methods(db, asha.user_id) == [("password", "succeeded")]


def test_a_missing_code_neither_counts_as_a_failure_nor_forgives_one(
    db: Database, observer: Observer, asha: SignedInUser, ip: str, theirs: Authenticator
) -> None:
    assert theirs.code()
    failed_before(observer, "account", asha.username, 3)
    for _ in range(10):
        assert login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip).needs_code

    assert lockout(observer, asha.username) == (3, None)
    assert lockout(observer, ip) == (0, None)
    assert failures(observer, asha.user_id) == 0


def test_a_wrong_code_counts_for_the_account_the_network_and_the_factor(
    db: Database, observer: Observer, asha: SignedInUser, ip: str, theirs: Authenticator
) -> None:
    result = login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip, code=theirs.wrong())

    assert result == SignIn(None, timedelta(), needs_code=True)
    assert lockout(observer, asha.username) == (1, None)
    assert lockout(observer, ip) == (1, None)
    assert failures(observer, asha.user_id) == 1
    assert methods(db, asha.user_id) == [("code", "failed")]


def test_codes_can_be_guessed_no_faster_than_passwords(
    db: Database, asha: SignedInUser, ip: str, theirs: Authenticator
) -> None:
    guess = theirs.wrong()
    results = [
        login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip, code=guess) for _ in range(8)
    ]
    locked = login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip, code=theirs.code())

    assert results[4].wait > timedelta()
    assert not locked
    assert locked.wait > timedelta()
    assert not locked.needs_code, "during a wait nobody learns that the password is right"
    assert "succeeded" not in outcomes(db, asha.username)


def test_guesses_at_once_all_count(
    db: Database, observer: Observer, asha: SignedInUser, theirs: Authenticator
) -> None:
    guess = theirs.wrong()

    def sign_in(number: int) -> SignIn:
        return login_attempts.sign_in(
            db, asha.username, PASSWORD, ip=f"198.51.100.{number}", code=guess
        )

    with threads(8) as pool:
        results = [*pool.map(sign_in, range(16))]

    assert not any(results)
    assert (lockout(observer, asha.username) or (0, None))[0] <= lockouts.ACCOUNT_LIMIT + 8
    assert failures(observer, asha.user_id) <= lockouts.ACCOUNT_LIMIT + 8


def test_a_wrong_password_with_a_right_code_does_not_use_up_the_code(
    db: Database, asha: SignedInUser, ip: str, theirs: Authenticator
) -> None:
    code = theirs.code()
    failed = login_attempts.sign_in(db, asha.username, WRONG, ip=ip, code=code)

    assert failed == SignIn(None, timedelta())
    assert not failed.needs_code
    assert login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip, code=code)


def test_a_code_is_ignored_where_none_is_required(
    db: Database, asha: SignedInUser, ip: str, clock: int
) -> None:
    assert login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip, code=Secret("000000"))
    phone = Authenticator(clock, enroll(db, asha.user_id))
    second_factors.set_required(
        db, asha.user_id, for_login=True, for_mcp=True, for_password_reset=True
    )
    assert login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip), "it is not confirmed"
    assert second_factors.verify(db, asha.user_id, phone.code())
    second_factors.set_required(
        db, asha.user_id, for_login=False, for_mcp=True, for_password_reset=True
    )
    assert login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip), "it is not for sign-ins"


def test_a_sign_in_without_a_second_factor_sends_no_further_statement(
    db: Database, asha: SignedInUser, ip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    dump = execution.sendable

    def noted(prepared: Any, query: Any, params: Any) -> Any:
        sent.append(query.label)
        return dump(prepared, query, params)

    monkeypatch.setattr(execution, "sendable", noted)
    login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip)

    assert sent == [
        "lockouts._count_try",
        "stored_passwords._find_password",
        "stored_passwords.find_verified",
        "login_audit._record",
        "lockouts.revert_try",
        "known_clients.remember_network",
    ]


def test_a_damaged_secret_is_an_error_and_reverts_the_count(
    db: Database, observer: Observer, asha: SignedInUser, ip: str, theirs: Authenticator
) -> None:
    observer.rows(
        "update oadb.second_factors set secret = overlay(secret placing '\\xffff' from 40) "
        "where user_id = %s",
        asha.user_id,
    )
    with pytest.raises(SealError):
        login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip, code=theirs.code())

    assert lockout(observer, asha.username) == (0, None)
    assert outcomes(db, asha.username) == ["unverified"]


# OAuth, resumed logins, unlocking ---------------------------------------------------------------


def test_an_identity_provider_signs_in_without_a_password_and_needs_the_code(
    db: Database, asha: SignedInUser, ip: str, theirs: Authenticator
) -> None:
    def sign_in(code: Secret | None = None) -> SignIn:
        return login_attempts.sign_in_with_oauth(
            db, asha.user_id, ip=ip, code=code, broker="zerodha"
        )

    assert sign_in() == SignIn(None, timedelta(), needs_code=True)
    assert sign_in(theirs.wrong()) == SignIn(None, timedelta(), needs_code=True)
    assert sign_in(theirs.code()).user == account(db, asha.user_id, assurance=2)
    assert methods(db, asha.user_id) == [
        ("oauth", "code_needed"),
        ("code", "failed"),
        ("oauth", "succeeded"),
    ]


def test_an_identity_provider_signs_in_during_a_lockout_and_leaves_it(
    db: Database, observer: Observer, asha: SignedInUser, ip: str
) -> None:
    failed_before(observer, "account", asha.username, 30)
    result = login_attempts.sign_in_with_oauth(db, asha.user_id, ip=ip)

    assert result.user == asha
    assert sessions.create(db, account(db, asha.user_id)).session.user_id == asha.user_id
    assert lockout(observer, asha.username) == (30, None)


def test_an_unknown_user_of_an_identity_provider_is_an_error(db: Database, ip: str) -> None:
    with pytest.raises(NoRowError, match=r"sign_in_with_oauth: there is no user 9223372036854775"):
        login_attempts.sign_in_with_oauth(db, 2**63 - 1, ip=ip)


def test_a_failed_oauth_is_in_the_audit_under_the_given_name(db: Database, ip: str) -> None:
    login_attempts.record_oauth_failure(
        db, "nobody" + ip, ip=ip, reason="x " * 300 + "\0", device="phone", broker="zerodha"
    )
    (attempt,) = login_attempts.list_attempts(db, outcome="failed", limit=1)

    assert (attempt.username, attempt.user_id, attempt.method) == ("nobody" + ip, None, "oauth")
    assert (attempt.reason, attempt.device, attempt.broker) == ("x " * 250, "phone", "zerodha")


def test_a_resumed_login_is_in_the_audit_with_its_user(
    db: Database, asha: SignedInUser, ip: str
) -> None:
    session = sessions.create(db, account(db, asha.user_id), device="phone", broker="dhan").session
    login_attempts.record_resumed(db, session, ip=ip)
    login_attempts.record_resumed(db, session, ip=ip, broker="zerodha")
    second, first = login_attempts.list_attempts(db, user_id=asha.user_id)

    assert (first.method, first.outcome, first.device, first.broker, first.ip) == (
        "resume",
        "resumed",
        "phone",
        "dhan",
        ip,
    )
    assert (second.username, second.broker) == (asha.username, "zerodha")


def test_a_login_of_a_deleted_user_is_not_resumed(
    db: Database, asha: SignedInUser, ip: str
) -> None:
    session = sessions.create(db, account(db, asha.user_id)).session
    users.delete(db, asha.user_id)

    with pytest.raises(NoRowError, match=r"record_resumed: there is no user \d+$"):
        login_attempts.record_resumed(db, session, ip=ip)


def test_an_account_can_be_unlocked(
    db: Database, observer: Observer, asha: SignedInUser, ip: str
) -> None:
    failed_before(observer, "account", asha.username, 30)
    assert not login_attempts.sign_in(db, asha.username, WRONG, ip=ip)
    assert login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip).wait > timedelta(minutes=5)

    assert lockouts.unlock(db, asha.username.upper())
    assert login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip)
    assert not lockouts.unlock(db, asha.username)


def test_a_sign_in_is_refused_in_a_transaction(db: Database, asha: SignedInUser, ip: str) -> None:
    with db.transaction() as tx:
        with pytest.raises(TransactionError):
            login_attempts.sign_in(tx, asha.username, PASSWORD, ip=ip)
        with pytest.raises(TransactionError):
            login_attempts.sign_in_with_oauth(tx, asha.user_id, ip=ip)
