"""Stored passwords: checked, replaced, and hashed again.

Each refusal of a check takes the same time.
"""

from contextlib import suppress
from uuid import UUID

from oadb.accounts import sealed_passwords, sessions
from oadb.accounts.user_rows import FoundUser, StoredPassword
from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.engine.repeating import transacted
from oadb.errors import Error
from oadb.keys import proof
from oadb.security.keyring import KeyRing
from oadb.security.secret import Secret

query = queries(__name__)


@query
def _find_password(username: str) -> StoredPassword | None: ...


@query
def find_verified(user_id: int) -> FoundUser | None: ...


@query
def _store_password(user_id: int, password_hash: bytes) -> Affected: ...


@query
def _upgrade_password(user_id: int, password_hash: bytes, replaced_hash: bytes) -> Affected: ...


query.complete()


async def check(db: AsyncExecutor, username: str, password: Secret) -> FoundUser | None:
    """Verify a name and a password; see ``users.verify_password``."""
    ring = await proof.ring_of(db)
    stored = await _find_password(db, username)
    known = sealed_passwords.opened(ring, stored)
    right = await db.offload(sealed_passwords.passwords.verify, known, password)
    if not right or stored is None:
        return None
    with suppress(Error):  # the password was right; the next sign-in tries again
        await _upgrade(db, ring, stored, known, password)
    user = await find_verified(db, stored.user_id)
    is_same = user and user.auth_epoch == stored.auth_epoch and user.disabled_at is None
    return user if is_same else None


@transacted
async def replace(
    tx: AsyncExecutor, user_id: int, sealed: bytes, *, keep: UUID | None = None
) -> bool:
    """Store a sealed hash, end the sessions but *keep*, and announce it; False: no such user."""
    stored = await _store_password(tx, user_id, sealed)
    await announcements.announce(tx, stored, Change("users", user_id, ""))
    await sessions.end_all(tx, user_id, keep=keep)
    return stored > 0


async def _upgrade(
    db: AsyncExecutor, ring: KeyRing, stored: StoredPassword, known: Secret | None, password: Secret
) -> None:
    """Hash a verified password again if its hash has outdated parameters; it is stored apart."""
    if (
        known is None
        or stored.password_hash is None
        or not sealed_passwords.passwords.is_outdated(known)
    ):
        return
    sealed = await sealed_passwords.hashed(db, ring, stored.user_id, password)
    values = (stored.user_id, sealed, stored.password_hash)
    db.note(_upgrade_password, values, key=stored.user_id)
