"""Users: who can sign in, and their passwords."""

from contextlib import suppress
from dataclasses import fields
from operator import attrgetter
from uuid import UUID

from oadb.accounts import sealed_passwords, sessions
from oadb.accounts.user_rows import FoundUser, SignedInUser, StoredPassword, User
from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.pages import Limit, Page
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.values import UNSET, Unset
from oadb.engine.executors import AsyncExecutor
from oadb.engine.repeating import transacted
from oadb.errors import Error, NoRowError
from oadb.keys import proof, rotation
from oadb.keys.rotation import SealedTable
from oadb.security.keyring import KeyRing
from oadb.security.secret import Secret

__all__ = [
    "SignedInUser", "User", "count", "create", "delete", "find_by_email", "find_by_username",
    "get", "list_all", "set_password", "set_username", "update", "verify_password",
]  # fmt: skip  # a list

query = queries(__name__)

_columns = attrgetter(*(column.name for column in fields(User)))


@query
def get(user_id: int) -> User | None:
    """Return a user; None if there is none with this id."""
    ...


@query
def find_by_username(username: str) -> User | None:
    """Return the user with a name, in any letter case; None if there is none."""
    ...


@query
def find_by_email(email: str) -> User | None:
    """Return the user with an address, in any letter case; None if there is none."""
    ...


@query
def _find_password(username: str) -> StoredPassword | None: ...


@query
def find_verified(user_id: int) -> FoundUser | None: ...


@query
def list_all(*, cursor: str | None = None, limit: Limit = 100) -> Page[User]:
    """List all users in the order of their ids."""
    ...


@query
def count() -> int:
    """Count all users."""
    ...


@query
def _create(
    username: str, email: str, first_name: str | None, last_name: str | None, is_admin: bool
) -> User: ...


@query
def _update(
    user_id: int,
    *,
    email: str | Unset = UNSET,
    first_name: str | Unset | None = UNSET,
    last_name: str | Unset | None = UNSET,
) -> bool | None: ...


@query
def _set_admin(user_id: int, is_admin: bool) -> Affected: ...


@query
def _set_username(user_id: int, username: str) -> bool | None: ...


@query
def _store_password(user_id: int, password_hash: bytes) -> Affected: ...


@query
def _upgrade_password(user_id: int, password_hash: bytes, replaced_hash: bytes) -> Affected: ...


@query
def _delete(user_id: int) -> Affected: ...


@query
def _reseal(
    user_ids: list[int], replaced: list[bytes], password_hashes: list[bytes]
) -> Affected: ...


query.complete()

SEALED = SealedTable("users", rotation.columns(sealed_passwords.HASH), _reseal)


@operation
async def create(
    db: AsyncExecutor,
    username: str,
    email: str,
    *,
    first_name: str | None = None,
    last_name: str | None = None,
    is_admin: bool = False,
) -> User:
    """Create a user, who has no password yet, and announce it.

    Args:
        username: 1 to 80 letters, digits, dots, underscores, hyphens and @; no other user may have
            it in any letter case.
        email: at most 254 characters; no other user may have it in any letter case.
        first_name: 1 to 200 characters, as *last_name*.

    Returns:
        The user.

    Raises:
        UniqueViolation: the name or the address is taken (psycopg).
        CheckViolation: a value out of range (psycopg).
    """

    def change_of(user: User) -> Change:
        return Change("users", user.user_id, "")

    return await announcements.create(
        db, change_of, _create, username, email, first_name, last_name, is_admin
    )


@operation
@transacted
async def update(
    tx: AsyncExecutor,
    user_id: int,
    *,
    email: str | Unset = UNSET,
    first_name: str | Unset | None = UNSET,
    last_name: str | Unset | None = UNSET,
    is_admin: bool | Unset = UNSET,
) -> bool:
    """Change the given fields of a user, and announce it.

    Returns:
        Whether any field changed.

    Raises:
        NoRowError: there is no such user.
        InsufficientPrivilege: *is_admin* is given under an identity (psycopg).
        UniqueViolation: the address is taken (psycopg).
        CheckViolation: a value out of range; see ``create`` (psycopg).
    """
    changed = await _update(tx, user_id, email=email, first_name=first_name, last_name=last_name)
    if changed is not None and is_admin is not UNSET:
        changed = await _set_admin(tx, user_id, is_admin) > 0 or changed
    return await _announce(tx, "update", user_id, changed)


@operation
@transacted
async def set_username(tx: AsyncExecutor, user_id: int, username: str) -> bool:
    """Rename a user, and announce it. Sessions and keys stay valid.

    Returns:
        Whether the name changed.

    Raises:
        NoRowError: there is no such user.
        UniqueViolation: the name is taken (psycopg).
        CheckViolation: a name not of 1 to 80 characters (psycopg).
    """
    return await _announce(tx, "set_username", user_id, await _set_username(tx, user_id, username))


@operation
@proof.seals
async def set_password(
    db: AsyncExecutor, user_id: int, password: Secret, *, keep: UUID | None = None
) -> None:
    """Set a user's password, and end the user's sessions in the same transaction.

    Takes about 0.1 s, during which no connection is held unless *db* is a transaction.

    Args:
        password: 8 to 1024 bytes of UTF-8.
        keep: the id of one session that does not end.

    Raises:
        NoRowError: there is no such user.
        ParameterError: a password that is too short, too long or not valid UTF-8.
        BusyError: all capacity for hashing is in use.
        KeyRingError: the key ring does not fit the database.
    """
    ring = await proof.ring_of(db)
    sealed = await sealed_passwords.hashed(db, ring, user_id, password)

    @transacted
    async def work(tx: AsyncExecutor) -> None:
        stored = await _store_password(tx, user_id, sealed)
        await _announce(tx, "set_password", user_id, True if stored else None)
        await sessions.end_all(tx, user_id, keep=keep)

    await work(db)


@operation
async def verify_password(db: AsyncExecutor, username: str, password: Secret) -> User | None:
    """Verify a user's name and password. For a sign-in, call ``login_attempts.sign_in`` instead.

    Unlike that, it neither limits guessing nor asks for a second factor, and no session can be made
    of its result. The errors say nothing about the password.

    Returns:
        The user; None for an unknown name, a user without a password, a wrong password, or one
        that changed meanwhile. The first three take the same time.

    Raises:
        BusyError: all capacity for hashing is in use.
        UnavailableError: the database did not answer.
        KeyRingError: the key ring does not fit the database.
    """
    found = await check(db, username, password)
    return None if found is None else User(*_columns(found))


@operation
async def delete(db: AsyncExecutor, user_id: int) -> bool:
    """Delete a user with everything stored for it; the audit of sign-ins stays.

    One change is announced: drop everything cached for this user.

    Returns:
        False if there is no such user.
    """
    return await announcements.write(db, Change("users", user_id, ""), _delete, user_id) > 0


async def check(db: AsyncExecutor, username: str, password: Secret) -> FoundUser | None:
    """Verify a name and a password; see ``verify_password``."""
    ring = await proof.ring_of(db)
    stored = await _find_password(db, username)
    known = sealed_passwords.opened(ring, stored)
    right = await db.offload(sealed_passwords.passwords.verify, known, password)
    if not right or stored is None:
        return None
    with suppress(Error):  # the password was right; the next sign-in tries again
        await _upgrade(db, ring, stored, known, password)
    user = await find_verified(db, stored.user_id)
    return user if user and user.auth_epoch == stored.auth_epoch else None


def signed_in(user: User) -> SignedInUser:
    """Return a user as one who has proven all that a sign-in requires."""
    return SignedInUser(*_columns(user))


async def _announce(tx: AsyncExecutor, what: str, user_id: int, changed: bool | None) -> bool:
    """Announce a change of a user; None: there is no such user."""
    if changed is None:
        raise NoRowError(f"users.{what}: there is no user {user_id}")
    await announcements.announce(tx, changed, Change("users", user_id, ""))
    return changed


@proof.seals
async def _upgrade(
    db: AsyncExecutor, ring: KeyRing, stored: StoredPassword, known: Secret | None, password: Secret
) -> None:
    """Hash a verified password again if its hash has outdated parameters."""
    if (
        known is None
        or stored.password_hash is None
        or not sealed_passwords.passwords.is_outdated(known)
    ):
        return
    sealed = await sealed_passwords.hashed(db, ring, stored.user_id, password)
    await _upgrade_password(db, stored.user_id, sealed, stored.password_hash)
