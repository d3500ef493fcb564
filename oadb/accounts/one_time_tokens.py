"""One-time tokens: what a user may do without being signed in, for who reads the user's mail.

    made = one_time_tokens.create(db, user_id, "password_reset")    # mail made.token to the user
    done = one_time_tokens.reset_password(db, token, password)      # false: expired, used, unknown

A token works once, for a short time, for one purpose, and until the user has a new password or
address. The database has only keyed digests of it; one of them binds it to its user, so that a copy
in the row of another user is refused. Tell nobody whether an account exists: say the same, and take
the same time, for an address that ``users.find_by_email`` does not find.
"""

import hmac
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID, uuid4

from oadb.accounts import sealed_passwords, second_factors, stored_passwords, users
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.engine.outside_transactions import refuse_transaction
from oadb.engine.repeating import transacted
from oadb.errors import NoRowError, ParameterError
from oadb.keys import proof
from oadb.security.keyring import KeyRing
from oadb.security.secret import Secret
from oadb.security.tokens import OwnedForm, sha256_of
from oadb.validation.argument_rules import Duration, Positive

__all__ = [
    "LONGEST_LIFETIME", "MOST_TOKENS", "NewOneTimeToken", "TokenPurpose", "TokenUse",
    "change_email", "create", "delete_expired", "reset_password", "revoke",
]  # fmt: skip  # a list

query = queries(__name__)

TOKEN = OwnedForm("oat")

LONGEST_LIFETIME = timedelta(days=3)
"""The longest lifetime of a token."""

MOST_TOKENS = 3
"""Unused tokens of a user and purpose; with one more, the oldest is deleted."""

TokenPurpose = Literal["password_reset", "activation", "email_change"]
"""What a token is for. activation: the first password of a user."""

_BINDING = "one_time_tokens.binding"


@dataclass(frozen=True, slots=True)
class NewOneTimeToken:
    """A token, which cannot be read again, and when it expires."""

    token: Secret
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TokenUse:
    """What came of a token; true in a condition if it was used.

    Attributes:
        user_id: Whose it was; None: it is unknown, used, expired or void, or a code is needed.
        wait: The time before the next code.
        needs_code: The token is right; call again with a code of the second factor, another one if
            this call had one.
    """

    user_id: int | None
    wait: timedelta = timedelta()
    needs_code: bool = False

    def __bool__(self) -> bool:
        """Return whether the token was used."""
        return self.user_id is not None


@dataclass(frozen=True, slots=True)
class FoundOneTimeToken:
    """The row that a digest leads to, before its binding is compared."""

    user_id: int
    token_id: UUID
    purpose: TokenPurpose
    new_email: str | None
    binding: bytes = field(repr=False)
    is_code_required: bool

    @property
    def bound(self) -> bytes:
        """What the binding is made of, with the token."""
        return _bound(self.user_id, self.token_id, self.purpose, self.new_email)


@query
def _lock_user(user_id: int) -> int | None: ...


@query
def _insert(
    user_id: int,
    token_id: UUID,
    purpose: TokenPurpose,
    token_digest: bytes,
    binding: bytes,
    new_email: str | None,
    lifetime: timedelta,
) -> datetime: ...


@query
def _trim(user_id: int, purpose: TokenPurpose, token_id: UUID, most: int) -> Affected: ...


@query
def _find_by_digest(
    digests: list[bytes], user_id: int | None = None
) -> FoundOneTimeToken | None: ...


@query
def _use(user_id: int, token_id: UUID) -> Affected: ...


@query
def _void(user_id: int) -> Affected: ...


@query
def delete_expired(*, batch: Positive = 1000) -> Affected:
    """Delete at most *batch* tokens that have expired, as ``sessions.delete_expired`` does."""
    ...


query.complete()


@operation
async def create(
    db: AsyncExecutor,
    user_id: int,
    purpose: TokenPurpose,
    *,
    new_email: str | None = None,
    lifetime: Duration = timedelta(minutes=30),
) -> NewOneTimeToken:
    """Create a token for a user.

    Args:
        new_email: for email_change, the address that the token is sent to, and only then.
        lifetime: at most LONGEST_LIFETIME.

    Returns:
        The token and when it expires.

    Raises:
        NoRowError: there is no such user.
        ParameterError: a lifetime out of range, or *new_email* with another purpose or without it;
            or an address of more than 254 characters.
        KeyRingError: the key ring does not fit the database.
    """
    if (purpose == "email_change") != (new_email is not None):
        raise ParameterError(
            "one_time_tokens.create: new_email must be given for email_change, and only then"
        )
    if lifetime > LONGEST_LIFETIME:
        raise ParameterError("one_time_tokens.create: lifetime must be at most 3 days")
    ring, token, token_id = await proof.ring_of(db), TOKEN.new(user_id), uuid4()
    digest = TOKEN.digests(ring, sha256_of(token))[0]
    binding = _bindings(ring, token, _bound(user_id, token_id, purpose, new_email))[0]

    @transacted
    async def work(tx: AsyncExecutor) -> datetime:
        if await _lock_user(tx, user_id) is None:
            raise NoRowError(f"one_time_tokens.create: there is no user {user_id}")
        row = (user_id, token_id, purpose, digest, binding, new_email, lifetime)
        expires_at = await _insert(tx, *row)
        await _trim(tx, user_id, purpose, token_id, MOST_TOKENS)
        return expires_at

    return NewOneTimeToken(token, await work(db))


@operation
@proof.seals
async def reset_password(
    db: AsyncExecutor, token: Secret, password: Secret, *, code: Secret | None = None
) -> TokenUse:
    """Set the password of a token for password_reset or activation, and end the user's sessions.

    The token is used up in the same transaction. A password that is refused leaves it as it is.

    Args:
        password: as for ``users.set_password``.
        code: of the second factor, if the user requires it for password_reset.

    Returns:
        Whose password was set; false if the token is refused, or a code is missing or wrong.

    Raises:
        ParameterError: a password that ``users.set_password`` refuses.
        TransactionError: *db* is a transaction, whose rollback would make the token valid again.
        BusyError: all capacity for hashing is in use.
        KeyRingError: the key ring does not fit the database.
    """
    refuse_transaction(db, "one_time_tokens.reset_password")
    found = await _find(db, token, {"password_reset", "activation"})
    if found is None:
        return TokenUse(None)
    if found.is_code_required and code is None:
        return TokenUse(None, needs_code=True)
    if found.is_code_required and code is not None:
        checked = await second_factors.verify(db, found.user_id, code)
        if not checked:
            return TokenUse(None, checked.wait, needs_code=True)
    user = await users.get(db, found.user_id)
    if user is None:
        return TokenUse(None)
    label = "one_time_tokens.reset_password"
    sealed = await sealed_passwords.hashed_new(db, label, user, password)

    @transacted
    async def work(tx: AsyncExecutor) -> TokenUse:
        if not await _use_once(tx, found):
            return TokenUse(None)
        await stored_passwords.replace(tx, found.user_id, sealed)
        return TokenUse(found.user_id)

    return await work(db)


@operation
async def change_email(db: AsyncExecutor, token: Secret) -> TokenUse:
    """Give a user the address that a token for email_change was sent to, and end the sessions.

    Returns:
        Whose address was changed; false if the token is refused.

    Raises:
        TransactionError: *db* is a transaction, whose rollback would make the token valid again.
        ConflictError: another user has the address by now; the token stays valid.
        KeyRingError: the key ring lacks a key that the database needs.
    """
    refuse_transaction(db, "one_time_tokens.change_email")
    found = await _find(db, token, {"email_change"})
    if found is None or found.new_email is None:
        return TokenUse(None)
    new_email = found.new_email

    @transacted
    async def work(tx: AsyncExecutor) -> TokenUse:
        if not await _use_once(tx, found):
            return TokenUse(None)
        await users.update(tx, found.user_id, email=new_email)
        return TokenUse(found.user_id)

    return await work(db)


@operation
async def revoke(db: AsyncExecutor, user_id: int) -> bool:
    """Delete the unused tokens of a user, of all purposes.

    Returns:
        False if there are none.
    """
    return await _void(db, user_id) > 0


async def _find(
    db: AsyncExecutor, token: Secret, purposes: set[TokenPurpose]
) -> FoundOneTimeToken | None:
    """Return the row of a token that can be used for one of the purposes."""
    if not TOKEN.is_wellformed(token):
        return None
    ring, owner = await proof.ring_of(db), TOKEN.owner_of(token)
    found = await _find_by_digest(db, TOKEN.digests(ring, sha256_of(token)), owner)
    if found is None or found.purpose not in purposes:
        return None
    bindings = _bindings(ring, token, found.bound)
    is_bound = any(hmac.compare_digest(each, found.binding) for each in bindings)
    return found if is_bound else None


async def _use_once(tx: AsyncExecutor, found: FoundOneTimeToken) -> bool:
    await _lock_user(tx, found.user_id)
    return await _use(tx, found.user_id, found.token_id) > 0


def _bindings(ring: KeyRing, token: Secret, bound: bytes) -> list[bytes]:
    """Return the digests of a token in its row, that of the primary key first."""
    return ring.digests(_BINDING, sha256_of(token) + bound)


def _bound(user_id: int, token_id: UUID, purpose: TokenPurpose, new_email: str | None) -> bytes:
    return json.dumps([user_id, str(token_id), purpose, new_email]).encode()
