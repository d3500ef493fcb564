"""Login attempts: the audit of sign-ins."""

from datetime import timedelta

import psycopg
import pytest

from oadb import Database, Transaction
from oadb.accounts import login_attempts, login_audit, users
from oadb.accounts.login_attempts import LoginOutcome
from oadb.accounts.users import User
from tests.support.lockouts import outcomes
from tests.support.rig import Observer


def test_an_attempt_is_recorded_with_the_user_of_its_name(db: Database, asha: User) -> None:
    assert (
        login_audit._record(
            db, asha.username.upper(), "::1", "Firefox", "zerodha", "oauth", "failed", "no consent"
        )
        == 1
    )
    (attempt,) = login_attempts.list_attempts(db, limit=1)

    assert (attempt.username, attempt.user_id, attempt.ip) == (
        asha.username.upper(),
        asha.user_id,
        "::1",
    )
    assert (attempt.device, attempt.broker, attempt.method, attempt.outcome, attempt.reason) == (
        "Firefox",
        "zerodha",
        "oauth",
        "failed",
        "no consent",
    )


def test_an_attempt_with_an_unknown_name_is_recorded(db: Database, number: int) -> None:
    login_audit._record(db, f"nobody{number}", None, None, None, "password", "failed")
    (attempt,) = login_attempts.list_attempts(db, limit=1)

    assert (attempt.username, attempt.user_id, attempt.ip) == (f"nobody{number}", None, None)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("username", ""),
        ("username", "x" * 255),
        ("device", ""),
        ("device", "x" * 501),
        ("broker", ""),
        ("broker", "x" * 51),
        ("reason", ""),
        ("reason", "x" * 501),
    ],
    ids=lambda value: value if len(value) < 20 else f"{len(value)} characters",
)
def test_a_text_that_does_not_fit_the_audit_is_refused(
    tx: Transaction, column: str, value: str
) -> None:
    given: dict[str, str | None] = {
        "username": "asha",
        "ip": None,
        "device": None,
        "broker": None,
        "method": "password",
        "outcome": "failed",
        "reason": None,
        column: value,
    }
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        login_audit._record(tx, **given)  # type: ignore[arg-type]  # any text, also wrong ones

    assert refused.value.diag.constraint_name == f"login_attempts_{column}_check"


@pytest.mark.parametrize("column", ["method", "outcome"])
def test_an_unknown_method_or_outcome_is_refused_by_the_database_too(
    observer: Observer, column: str
) -> None:
    """An older process, or another one, must not write what readers do not know."""
    given = {"method": "password", "outcome": "failed", column: "telepathy"}
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        observer.rows(
            "insert into oadb.login_attempts (username, method, outcome) values ('x', %s, %s)",
            given["method"],
            given["outcome"],
        )

    assert refused.value.diag.constraint_name == f"login_attempts_{column}_check"


def test_the_last_attempts_are_listed_first_and_counted(tx: Transaction) -> None:
    outcomes: list[LoginOutcome] = ["failed", "failed", "succeeded", "locked"]
    for outcome in outcomes:
        login_audit._record(tx, f"asha-{outcome}", None, None, None, "password", outcome)
    now = login_attempts.list_attempts(tx).rows[0].attempted_at

    assert [each.outcome for each in login_attempts.list_attempts(tx)] == [
        "locked",
        "succeeded",
        "failed",
        "failed",
    ]
    found = login_attempts.list_attempts(tx, outcome="failed", limit=1)
    assert [each.outcome for each in found] == ["failed"]
    assert login_attempts.list_attempts(tx, outcome="resumed").rows == []
    assert login_attempts.count(tx) == 4
    assert login_attempts.count(tx, outcome="failed") == 2
    assert login_attempts.count(tx, since=now) == 4
    assert login_attempts.count(tx, until=now) == 0


def test_old_attempts_are_deleted_and_new_ones_stay(
    db: Database, observer: Observer, number: int
) -> None:
    for name in ("old", "new"):
        login_audit._record(db, f"{name}{number}", None, None, None, "password", "failed")
    observer.rows(
        "update oadb.login_attempts set attempted_at = now() - interval '91 days' "
        "where username = %s",
        f"old{number}",
    )

    assert login_attempts.delete_old(db, older_than=timedelta(days=90)) == 1
    assert outcomes(db, f"old{number}") == []
    assert outcomes(db, f"new{number}") == ["failed"]


def test_the_audit_outlives_the_user(db: Database, asha: User) -> None:
    login_audit._record(db, asha.username, None, None, None, "password", "failed")
    users.delete(db, asha.user_id)
    (attempt,) = login_attempts.list_attempts(db, limit=1)

    assert (attempt.username, attempt.user_id) == (asha.username, asha.user_id)
