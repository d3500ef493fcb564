"""Users: who can sign in, and their passwords."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from oadb.accounts import sessions
from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.errors import Error, SealError
from oadb.keys import proof, rotation
from oadb.keys.rotation import SealedTable
from oadb.security.keyring import KeyRing
from oadb.security.passwords import Passwords
from oadb.security.sealing import SealedColumn
from oadb.security.secret import Secret

query = queries(__name__)
passwords = Passwords()

HASH = SealedColumn("users", "password_hash")


@dataclass(frozen=True, slots=True)
class User:
    """A person who can sign in.

    ``auth_epoch`` rises with each new password; ``sessions.create`` compares it, so a sign-in with
    the old password gets no session.
    """

    user_id: int
    username: str
    email: str
    first_name: str | None
    last_name: str | None
    is_admin: bool
    auth_epoch: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class StoredPassword:
    """The sealed hash of a user's password, None if the user has none, and its epoch."""

    user_id: int
    password_hash: bytes | None = field(repr=False)
    auth_epoch: int


@query
def get(user_id: int) -> User | None: ...


@query
def find_by_username(username: str) -> User | None: ...


@query
def find_by_email(email: str) -> User | None: ...


@query
def _find_password(username: str) -> StoredPassword | None: ...


@query
def list_page(after: int = 0, page_size: int = 100) -> list[User]: ...


@query
def count_all() -> int: ...


@query
def create(
    username: str,
    email: str,
    first_name: str | None = None,
    last_name: str | None = None,
    is_admin: bool = False,
) -> User: ...


@query
def set_profile(
    user_id: int, email: str, first_name: str | None, last_name: str | None
) -> User | None: ...


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

SEALED = SealedTable("users", rotation.columns(HASH), _reseal)


@operation
@proof.seals
async def set_password(
    db: AsyncExecutor, user_id: int, password: Secret, *, keep_session: UUID | None = None
) -> bool:
    """Set a user's password, and end the user's sessions in the same transaction.

    Takes about 0.1 s, during which no connection is held unless *db* is a transaction.

    Args:
        password: 8 to 1024 bytes of UTF-8.
        keep_session: the id of one session that does not end.

    Returns:
        False if there is no such user.

    Raises:
        ParameterError: a password that is too short, too long or not valid UTF-8.
        BusyError: all capacity for hashing is in use.
        KeyRingError: the key ring does not fit the database.
    """
    ring = await proof.ring_of(db)
    sealed = await _hashed(db, ring, user_id, password)
    async with db.transaction() as tx:
        if not await _store_password(tx, user_id, sealed):
            return False
        if keep_session is None:
            await sessions.end_all(tx, user_id)
        else:
            await sessions.end_others(tx, user_id, keep_session)
    return True


@operation
async def verify_password(db: AsyncExecutor, username: str, password: Secret) -> User | None:
    """Verify a user's name and password. For a sign-in, call ``login_attempts.sign_in`` instead.

    Unlike that, this function does not limit guessing. The errors say nothing about the password.

    Returns:
        The user; None for an unknown name, a user without a password, a wrong password, or one
        that changed meanwhile. The first three take the same time.

    Raises:
        BusyError: all capacity for hashing is in use.
        UnavailableError: the database did not answer.
        KeyRingError: the key ring does not fit the database.
    """
    ring = await proof.ring_of(db)
    stored = await _find_password(db, username)
    known = _opened(ring, stored)
    right = await db.offload(passwords.verify, known, password)
    if not right or stored is None:
        return None
    with suppress(Error):  # the password was right; the next sign-in tries again
        await _upgrade(db, ring, stored, known, password)
    user = await get(db, stored.user_id)
    return user if user and user.auth_epoch == stored.auth_epoch else None


@operation
async def delete(db: AsyncExecutor, user_id: int) -> bool:
    """Delete a user with everything stored for it; the audit of sign-ins stays.

    It is announced as one change of the table users: drop everything cached for this user.

    Returns:
        False if there is no such user.
    """
    return await announcements.write(db, Change("users", user_id, ""), _delete, user_id) > 0


async def _hashed(db: AsyncExecutor, ring: KeyRing, user_id: int, password: Secret) -> bytes:
    """Return the sealed hash of a password."""
    hashed = await db.offload(passwords.hash, password)
    return HASH.seal(ring, (user_id,), hashed.reveal().encode())


def _opened(ring: KeyRing, stored: StoredPassword | None) -> Secret | None:
    """Return the hash; None for one that was tampered with, which then matches no password."""
    if stored is None or stored.password_hash is None:
        return None
    try:
        return Secret(HASH.open(ring, (stored.user_id,), stored.password_hash).decode())
    except SealError:  # already logged; answer and time are those of a wrong password
        return None


@proof.seals
async def _upgrade(
    db: AsyncExecutor, ring: KeyRing, stored: StoredPassword, known: Secret | None, password: Secret
) -> None:
    """Hash a verified password again if its hash has outdated parameters."""
    if known is None or stored.password_hash is None or not passwords.is_outdated(known):
        return
    sealed = await _hashed(db, ring, stored.user_id, password)
    await _upgrade_password(db, stored.user_id, sealed, stored.password_hash)
