"""Hashes of passwords, sealed for the row of their user."""

from oadb.accounts.user_rows import StoredPassword
from oadb.engine.executors import AsyncExecutor
from oadb.errors import SealError
from oadb.security.keyring import KeyRing
from oadb.security.passwords import Passwords
from oadb.security.sealing import SealedColumn
from oadb.security.secret import Secret

passwords = Passwords()

HASH = SealedColumn("users", "password_hash")


async def hashed(db: AsyncExecutor, ring: KeyRing, user_id: int, password: Secret) -> bytes:
    """Return the sealed hash of a password.

    Raises:
        ParameterError: a password that is too short, too long or not valid UTF-8.
        BusyError: all capacity for hashing is in use.
    """
    hashed = await db.offload(passwords.hash, password)
    return HASH.seal(ring, (user_id,), hashed.reveal().encode())


def opened(ring: KeyRing, stored: StoredPassword | None) -> Secret | None:
    """Return the hash; None for one that was tampered with, which then matches no password."""
    if stored is None or stored.password_hash is None:
        return None
    try:
        return Secret(HASH.open(ring, (stored.user_id,), stored.password_hash).decode())
    except SealError:  # already logged; answer and time are those of a wrong password
        return None
