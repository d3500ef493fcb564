"""Login attempts: signing in, and its audit.

A sign-in verifies a password, limits guessing (see ``lockouts``) and asks for a code of the second
factor if the user requires one. Every attempt is written to the audit, whatever its outcome.
"""

from contextlib import suppress
from datetime import datetime, timedelta

import psycopg

from oadb.accounts import (
    known_clients,
    lockouts,
    login_audit,
    second_factors,
    stored_passwords,
    users,
)
from oadb.accounts.lockouts import Tries
from oadb.accounts.login_attempt_rows import (
    AuditEntry,
    LoginAttempt,
    LoginClient,
    LoginMethod,
    LoginOutcome,
    SignIn,
    code_outcome,
    readable_broker,
    readable_reason,
)
from oadb.accounts.second_factor_rows import CodeCheck
from oadb.accounts.sessions import Session
from oadb.accounts.user_rows import FoundUser
from oadb.engine.binding.operations import operation
from oadb.engine.binding.pages import Limit, Page
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.engine.outside_transactions import refuse_transaction
from oadb.engine.repeating import transacted
from oadb.errors import Error, NoRowError
from oadb.security.secret import Secret
from oadb.validation.argument_rules import Duration, Ip, Positive

__all__ = [
    "LoginAttempt", "LoginMethod", "LoginOutcome", "SignIn", "count", "delete_old", "list_attempts",
    "record_oauth_failure", "record_resumed", "sign_in", "sign_in_with_oauth",
]  # fmt: skip  # a list

query = queries(__name__)


@query
def list_attempts(
    *,
    user_id: int | None = None,
    outcome: LoginOutcome | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> Page[LoginAttempt]:
    """List the attempts in a window, of a user, or with an outcome; newest first."""
    ...


@query
def count(
    *,
    user_id: int | None = None,
    outcome: LoginOutcome | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Count the attempts in a window, of a user, or with an outcome; each try counts."""
    ...


@query
def delete_old(*, older_than: Duration, batch: Positive = 1000) -> Affected:
    """Delete at most *batch* attempts that are older; return how many."""
    ...


query.complete()


@operation
async def sign_in(
    db: AsyncExecutor,
    username: str,
    password: Secret,
    *,
    ip: Ip,
    code: Secret | None = None,
    device: str | None = None,
    device_token: Secret | None = None,
    remember_device: bool = False,
    broker: str | None = None,
) -> SignIn:
    """Verify a name, a password and, if the user's sign-in requires one, a code; write the audit.

    The try is counted before anything is verified, so concurrent tries all count. It stays counted
    if something is wrong, and is reverted when all that is required is right; then the client is
    known, and failures elsewhere do not slow the user there. A right password without the code that
    it needs changes nothing, as does an error that prevents the verification. During a wait nothing
    is verified. The errors say nothing about the password.

    Args:
        ip: the client's address.
        code: a code of the second factor; ignored if none is required.
        device: a description, cut to 500 characters.
        device_token: the one that an earlier sign-in of this user gave the client; any other, or
            one of another user, is ignored.
        remember_device: give the client a token, unless *device_token* is valid.
        broker: cut to 50 characters.

    Returns:
        The user; or None, the wait before the next try, and whether only the code is missing or
        wrong.

    Raises:
        ParameterError: an invalid address.
        TransactionError: *db* is a transaction, whose rollback would revert the count of a guess.
        BusyError: all capacity for hashing is in use.
        SealError: the secret of the second factor was tampered with.
        UnavailableError: the database did not answer.
        OutcomeUnknownError: the connection was lost while something was written.
        KeyRingError: the key ring does not fit the database.
    """
    refuse_transaction(db, "login_attempts.sign_in")
    client = LoginClient.of(username, ip, device, broker)
    tries = await lockouts.count(db, client.name, client.networks, device_token)
    if tries.tried_at is None:
        await login_audit.write_locked(db, client, tries)
        return SignIn(None, tries.wait)
    try:
        user = await stored_passwords.check(db, client.name, password)
        checked = await _check_code(db, user, code)
    except Exception as error:
        with suppress(Error, psycopg.Error):  # a try that stays counted only causes a wait
            audit: AuditEntry = ("password", "unverified", type(error).__name__)
            await login_audit.write_and_revert(db, client, tries, audit)
        raise
    if user is None:
        await login_audit.write(db, client, ("password", "failed", None))
        return SignIn(None, tries.wait)
    if checked is not None and not checked:
        return await _refuse_code(db, client, tries, checked, has_code=code is not None)
    made = await _succeed(db, client, user, tries, device_token, remember_device)
    return SignIn(
        users.signed_in(user, assurance=2 if checked else 1), timedelta(), device_token=made
    )


@operation
async def sign_in_with_oauth(
    db: AsyncExecutor,
    user_id: int,
    *,
    ip: Ip,
    code: Secret | None = None,
    device: str | None = None,
    broker: str | None = None,
) -> SignIn:
    """Sign in a user whom an identity provider has verified, and write the audit.

    No password is guessed, so the lockout neither applies nor is reset; the network is known then.
    A second factor is required as in ``sign_in``.

    Args:
        user_id: the user whom the caller has found for the verified assertion of the provider.
        ip: the client's address.
        code: a code of the second factor; ignored if none is required.
        device: a description, cut to 500 characters.
        broker: cut to 50 characters.

    Returns:
        The user; or None, the wait before the next code, and that a code is missing or wrong. None
        alone: the user is disabled.

    Raises:
        NoRowError: there is no such user.
        ParameterError: an invalid address.
        TransactionError: *db* is a transaction, whose rollback would revert the count of a guess.
        SealError: the secret of the second factor was tampered with.
        KeyRingError: the key ring does not fit the database.
    """
    refuse_transaction(db, "login_attempts.sign_in_with_oauth")
    user = await stored_passwords.find_verified(db, user_id)
    if user is None:
        raise NoRowError(f"login_attempts.sign_in_with_oauth: there is no user {user_id}")
    client = LoginClient.of(user.username, ip, device, broker)
    if user.disabled_at is not None:
        await login_audit.write(db, client, ("oauth", "failed", "disabled"))
        return SignIn(None, timedelta())
    checked = await _check_code(db, user, code)
    if checked is None or checked:
        await login_audit.write(db, client, ("oauth", "succeeded", None))
        await known_clients.remember_network(db, user.user_id, client.networks[0])
        return SignIn(users.signed_in(user, assurance=2 if checked else 1), timedelta())
    await login_audit.write(db, client, code_outcome(checked, "oauth", has_code=code is not None))
    return SignIn(None, checked.wait, needs_code=True)


@operation
async def record_oauth_failure(
    db: AsyncExecutor,
    username: str,
    *,
    ip: Ip,
    reason: str,
    device: str | None = None,
    broker: str | None = None,
) -> None:
    """Write to the audit that an identity provider or a broker refused a sign-in.

    Args:
        username: the name as it was given, which may be unknown; cut to 254 characters.
        ip: the client's address.
        reason: cut to 500 characters, as *device*; without secrets.
        broker: cut to 50 characters.

    Raises:
        ParameterError: an invalid address.
    """
    client = LoginClient.of(username, ip, device, broker)
    await login_audit.write(db, client, ("oauth", "failed", readable_reason(reason)))


@operation
async def record_resumed(
    db: AsyncExecutor, session: Session, *, ip: Ip, broker: str | None = None
) -> None:
    """Write to the audit that a verified session resumed its login, also one at a broker.

    Args:
        session: the result of ``sessions.verify``.
        ip: the client's address.
        broker: cut to 50 characters; None: the broker of the session.

    Raises:
        NoRowError: the user was deleted meanwhile.
        ParameterError: an invalid address.
    """
    at = session.broker if broker is None else readable_broker(broker)
    if not await login_audit.record_resumed(db, session.user_id, ip, session.device, at):
        raise NoRowError(f"login_attempts.record_resumed: there is no user {session.user_id}")


async def _check_code(
    db: AsyncExecutor, user: FoundUser | None, code: Secret | None
) -> CodeCheck | None:
    """Verify the code that a sign-in requires; None: none is required, or there is no user."""
    if user is None or not user.is_code_required:
        return None
    if code is None:
        return CodeCheck(False, timedelta(), was_verified=False)
    return await second_factors.verify(db, user.user_id, code)


async def _refuse_code(
    db: AsyncExecutor, client: LoginClient, tries: Tries, checked: CodeCheck, *, has_code: bool
) -> SignIn:
    """Write that a code is missing or wrong; only a code that was compared counts as a guess."""
    audit = code_outcome(checked, "password", has_code=has_code)
    if checked.was_verified:
        await login_audit.write(db, client, audit)
        return SignIn(None, max(tries.wait, checked.wait), needs_code=True)
    await login_audit.write_and_revert(db, client, tries, audit)
    return SignIn(None, checked.wait, needs_code=True)


@transacted
async def _succeed(
    tx: AsyncExecutor,
    client: LoginClient,
    user: FoundUser,
    tries: Tries,
    device_token: Secret | None,
    remember_device: bool,
) -> Secret | None:
    """Write a success, and remember its client; return the token of a device that is new."""
    await login_audit.write_and_revert(tx, client, tries, ("password", "succeeded", None))
    await known_clients.remember_network(tx, user.user_id, client.networks[0])
    if tries.device_id is not None and device_token is not None:
        await known_clients.renew(tx, user.user_id, tries.device_id, device_token)
        return None
    return await known_clients.add(tx, user.user_id) if remember_device else None
