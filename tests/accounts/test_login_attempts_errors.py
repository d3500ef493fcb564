"""Sign-ins that cannot be verified: the count is reverted, and the audit says why."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from oadb import Database, Secret
from oadb.accounts import lockouts, login_attempts, login_audit, stored_passwords
from oadb.accounts.lockouts import ACCOUNT_LIMIT
from oadb.accounts.users import User
from oadb.errors import BusyError, KeyRingError, TransactionError, UnavailableError
from oadb.security.keyring import Key, KeyRing
from tests.conftest import configured
from tests.support.accounts import PASSWORD
from tests.support.lockouts import (
    WRONG,
    CountingPasswords,
    failed_before,
    lockout,
    outcomes,
)
from tests.support.rig import Observer
from tests.support.roots import some_root

pytestmark = pytest.mark.usefixtures("counting")


def failing(error: Exception) -> Callable[..., Coroutine[Any, Any, User]]:
    """Return an operation that raises *error*."""

    async def fail(*_: object, **__: object) -> User:
        raise error

    return fail


@pytest.mark.parametrize("failures", [0, ACCOUNT_LIMIT - 1, 10])
@pytest.mark.parametrize("password", [PASSWORD, WRONG])
def test_a_password_that_was_not_verified_is_not_counted_and_is_in_the_audit(
    db: Database,
    observer: Observer,
    asha: User,
    ip: str,
    counting: CountingPasswords,
    failures: int,
    password: Secret,
) -> None:
    failed_before(observer, "account", asha.username, failures)
    counting.error = BusyError("in full use")
    with pytest.raises(BusyError, match="in full use"):
        login_attempts.sign_in(db, asha.username, password, ip=ip)
    counting.error = None
    (attempt,) = login_attempts.list_attempts(db, limit=1)

    assert lockout(observer, asha.username) == (failures, None)
    assert lockout(observer, ip) == (0, None)
    assert (attempt.user_id, attempt.ip) == (asha.user_id, ip)
    assert (attempt.outcome, attempt.reason) == ("unverified", "BusyError")
    assert login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip).user == asha


def test_a_busy_process_does_not_reset_earlier_failures(
    db: Database, observer: Observer, asha: User, ip: str, counting: CountingPasswords
) -> None:
    for _ in range(3):
        login_attempts.sign_in(db, asha.username, WRONG, ip=ip)
    counting.error = BusyError("in full use")
    for _ in range(10):
        with pytest.raises(BusyError):
            login_attempts.sign_in(db, asha.username, WRONG, ip=ip)

    assert lockout(observer, asha.username) == (3, None)
    assert lockout(observer, ip) == (3, None)


def test_a_database_that_goes_away_while_a_password_is_verified_is_unavailable(
    db: Database, observer: Observer, asha: User, ip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A count that cannot be reverted stays: it only causes a wait."""
    monkeypatch.setattr(stored_passwords, "check", failing(UnavailableError("gone")))
    with pytest.raises(UnavailableError, match="gone"):
        login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip)
    assert outcomes(db, asha.username) == ["unverified"]
    assert lockout(observer, asha.username) == (0, None)

    monkeypatch.setattr(lockouts, "revert_try", failing(UnavailableError("still gone")))
    with pytest.raises(UnavailableError, match=r"^gone$"):
        login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip)
    assert outcomes(db, asha.username) == ["unverified"]
    assert lockout(observer, asha.username) == (1, None)


def test_the_right_password_is_recorded_and_resets_the_count_or_neither(
    db: Database, observer: Observer, asha: User, ip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_audit, "_record", failing(UnavailableError("gone")))
    with pytest.raises(UnavailableError):
        login_attempts.sign_in(db, asha.username, PASSWORD, ip=ip)

    assert lockout(observer, asha.username) == (1, None)
    assert lockout(observer, ip) == (1, None)


def test_a_sign_in_refuses_a_transaction_that_could_revert_the_count_of_a_guess(
    db: Database, observer: Observer, asha: User, ip: str, counting: CountingPasswords
) -> None:
    with db.transaction() as tx, pytest.raises(TransactionError, match=r"login_attempts\.sign_in"):
        login_attempts.sign_in(tx, asha.username, WRONG, ip=ip)

    assert counting.verified == []
    assert lockout(observer, asha.username) is None
    assert outcomes(db, asha.username) == []


def test_an_unfit_ring_is_refused_before_anything_is_counted(
    url: str, observer: Observer, asha: User, ip: str
) -> None:
    other = KeyRing([Key(1, "primary", datetime.now(UTC), some_root(1))])
    with (
        Database(replace(configured(url), keyring=other)) as stranger,
        pytest.raises(KeyRingError),
    ):
        login_attempts.sign_in(stranger, asha.username, PASSWORD, ip=ip)

    assert lockout(observer, asha.username) is None
