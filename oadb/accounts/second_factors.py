"""Second factors: one-time codes (TOTP, RFC 6238).

A user enrolls, scans the URI with an authenticator, and confirms it with a first code; it is
required for nothing before that. A code is accepted once. From the fifth wrong code on, each one
doubles the wait before the next try: 1 s, 2 s, 4 s, up to 15 minutes.
"""

import hmac
from datetime import datetime, timedelta
from secrets import token_bytes
from uuid import UUID

from pyotp import random_base32
from pyotp.totp import TOTP

from oadb.accounts import recovery, sessions
from oadb.accounts.second_factor_rows import (
    CodeCheck,
    FoundFactor,
    NewSecondFactor,
    Purpose,
    RecoveryCodes,
    SecondFactor,
    StoredSecret,
)
from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.sendable_texts import unsendable
from oadb.engine.executors import AsyncExecutor
from oadb.engine.outside_transactions import refuse_transaction
from oadb.engine.repeating import transacted
from oadb.errors import ParameterError
from oadb.keys import proof, rotation
from oadb.keys.rotation import SealedTable
from oadb.security.keyring import KeyRing
from oadb.security.sealing import SealedColumn
from oadb.security.secret import Secret
from oadb.validation import owners

__all__ = [
    "CodeCheck", "NewSecondFactor", "Purpose", "RecoveryCodes", "SecondFactor", "disable", "enroll",
    "get", "renew_recovery_codes", "set_required", "verify",
]  # fmt: skip  # a list

query = queries(__name__)

SECRET = SealedColumn("second_factors", "secret")

_STEP = 30
_DIGITS = 6


@query
def _store_secret(user_id: int, secret: bytes) -> Affected: ...


@query
def _count_try(user_id: int) -> FoundFactor | None: ...


@query
def _get_wait(user_id: int) -> timedelta | None: ...


@query
def get(user_id: int) -> SecondFactor | None:
    """Return the second factor of a user, without its secret; None if there is none."""
    ...


@query
def _accept_step(user_id: int, step: int, created_at: datetime) -> Affected: ...


@query
def _find_secret(user_id: int) -> StoredSecret | None: ...


@query
def _set_recovery(user_id: int, salt: bytes, created_at: datetime) -> Affected: ...


@query
def _accept_recovery(user_id: int, bit: int, salt: bytes, created_at: datetime) -> Affected: ...


@query
def _note_wrong(user_id: int, created_at: datetime) -> Affected: ...


@query
def _set_required(
    user_id: int, for_login: bool, for_mcp: bool, for_password_reset: bool
) -> Affected: ...


@query
def _disable(user_id: int) -> Affected: ...


@query
def _reseal(user_ids: list[int], replaced: list[bytes], secrets: list[bytes]) -> Affected: ...


query.complete()

SEALED = SealedTable("second_factors", rotation.columns(SECRET), _reseal)


@operation
@proof.seals
@owners.required
async def enroll(
    db: AsyncExecutor, user_id: int, *, account: str, issuer: str = "OpenAlgo"
) -> NewSecondFactor | None:
    """Enroll a user, and announce it; ``verify`` confirms it. Replaces an unconfirmed factor.

    Args:
        account: the name that the authenticator shows, not empty.
        issuer: the service that the authenticator shows, without a colon.

    Returns:
        The secret and its URI; None if the user has a confirmed factor, which has to be disabled
        first.

    Raises:
        NoRowError: there is no such user.
        ParameterError: an account or issuer that a URI cannot hold.
        KeyRingError: the key ring does not fit the database.
    """
    ring, secret = await proof.ring_of(db), Secret(random_base32())
    uri = _uri(secret, account, issuer)
    sealed = SECRET.seal(ring, (user_id,), secret.reveal().encode())
    stored = await announcements.write(db, _change(user_id), _store_secret, user_id, sealed)
    return NewSecondFactor(secret, uri) if stored else None


@operation
async def verify(
    db: AsyncExecutor, user_id: int, code: Secret, *, keep: UUID | None = None
) -> CodeCheck:
    """Verify a code of the user's authenticator, which confirms the factor, or a recovery code.

    With a new factor, the sessions of the user end in the same transaction.

    The try is counted before the code is verified, so concurrent tries all count; the right code
    resets the count.

    Args:
        keep: the id of one session that does not end.

    Returns:
        Whether the code is right and was not used before, and the wait before the next try.
        During a wait, and without a second factor, the code is not verified.

    Raises:
        TransactionError: *db* is a transaction, whose rollback would revert the count of a guess.
        SealError: the stored secret was tampered with.
        KeyRingError: the key ring does not fit the database.
    """
    refuse_transaction(db, "second_factors.verify")
    ring = await proof.ring_of(db)
    found = await _count_try(db, user_id)
    if found is None:
        return CodeCheck(False, await _get_wait(db, user_id) or timedelta(), was_verified=False)
    step = _matching_step(ring, found, code, db.vault.totp_window)
    if step is not None and await _accept(db, found, step, keep):
        return CodeCheck(True, timedelta(), was_verified=True)
    if step is None and await _accept_recovery_code(db, ring, found, code):
        return CodeCheck(True, timedelta(), was_verified=True)
    await _note_wrong(db, found.user_id, found.created_at)
    return CodeCheck(False, found.wait, was_verified=True)


@operation
async def renew_recovery_codes(db: AsyncExecutor, user_id: int) -> RecoveryCodes | None:
    """Make 10 recovery codes for a user; those from before stop working.

    Each works once, wherever a code of the authenticator does, and counts as one if it is wrong.

    Returns:
        The codes, to be shown once; None if the user has no confirmed second factor.

    Raises:
        SealError: the stored secret was tampered with.
        KeyRingError: the key ring does not fit the database.
    """
    ring = await proof.ring_of(db)
    found = await _find_secret(db, user_id)
    if found is None:
        return None
    salt = token_bytes(recovery.SALT_BYTES)
    codes = recovery.codes_of(SECRET.open(ring, (user_id,), found.secret), salt)
    row = (user_id, salt, found.created_at)
    stored = await announcements.write(db, _change(user_id), _set_recovery, *row)
    return RecoveryCodes(tuple(codes)) if stored else None


@operation
async def set_required(
    db: AsyncExecutor, user_id: int, *, for_login: bool, for_mcp: bool, for_password_reset: bool
) -> bool:
    """Set for what a code is required, and announce it.

    Returns:
        False if the user has no second factor.
    """
    row = (user_id, for_login, for_mcp, for_password_reset)
    return await announcements.write(db, _change(user_id), _set_required, *row) > 0


@operation
@transacted
async def disable(tx: AsyncExecutor, user_id: int, *, keep: UUID | None = None) -> bool:
    """Delete the second factor of a user, end the sessions, and announce it.

    No code is required any longer.

    Args:
        keep: the id of one session that does not end.

    Returns:
        False if the user has none; no session ends.
    """
    disabled = await _disable(tx, user_id)
    await _announce(tx, user_id, disabled, keep)
    return disabled > 0


async def _accept(db: AsyncExecutor, found: FoundFactor, step: int, keep: UUID | None) -> bool:
    """Accept a right code, once; the first one confirms the factor and ends the sessions."""
    row = (found.user_id, step, found.created_at)
    if found.is_confirmed:
        return await _accept_step(db, *row) > 0

    @transacted
    async def confirm(tx: AsyncExecutor) -> int:
        accepted = await _accept_step(tx, *row)
        await _announce(tx, found.user_id, accepted, keep)
        return accepted

    return await confirm(db) > 0


async def _accept_recovery_code(
    db: AsyncExecutor, ring: KeyRing, found: FoundFactor, code: Secret
) -> bool:
    if found.recovery_salt is None or not found.is_confirmed:
        return False
    secret, salt = SECRET.open(ring, (found.user_id,), found.secret), found.recovery_salt
    position = recovery.position_of(secret, salt, code)
    if position is None:
        return False
    return await _accept_recovery(db, found.user_id, 1 << position, salt, found.created_at) > 0


async def _announce(tx: AsyncExecutor, user_id: int, changed: int, keep: UUID | None) -> None:
    """Announce that a user has another factor than before, and end the sessions."""
    if changed:
        await announcements.announce(tx, changed, _change(user_id))
        await sessions.end_all(tx, user_id, keep=keep)


def _uri(secret: Secret, account: str, issuer: str) -> Secret:
    """Return the URI for an authenticator, in which a colon would end the issuer."""
    if not (_is_text(account) and _is_text(issuer)) or not account or ":" in issuer:
        raise ParameterError(
            "second_factors.enroll: account must be non-empty text, issuer text without a colon"
        )
    uri = TOTP(secret.reveal()).provisioning_uri(name=account, issuer_name=issuer)
    return Secret(uri)


def _is_text(value: object) -> bool:
    """Check the type as well: an error of pyotp would come from frames that hold the secret."""
    return isinstance(value, str) and not unsendable(value)


def _matching_step(ring: KeyRing, found: FoundFactor, code: Secret, window: int) -> int | None:
    """Return the step that the code belongs to, in the same time for each step.

    RFC 6238, 5.2, recommends a window of one step, for the delay of network and typing.
    """
    secret = SECRET.open(ring, (found.user_id,), found.secret).decode()
    given = recovery.typed(code).encode(errors="surrogatepass")
    generator = TOTP(secret, digits=_DIGITS, interval=_STEP)
    now = found.clock // _STEP
    matching = [
        step
        for step in range(now - window, now + window + 1)
        if hmac.compare_digest(generator.generate_otp(step).encode(), given)
    ]
    return matching[0] if matching else None


def _change(user_id: int) -> Change:
    return Change("second_factors", user_id, "")
