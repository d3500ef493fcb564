"""Hashes of passwords, sealed for the row of their user."""

from collections.abc import Callable

from oadb.accounts.user_rows import StoredPassword, User
from oadb.engine.executors import AsyncExecutor
from oadb.errors import ParameterError, SealError, UnavailableError
from oadb.keys import proof
from oadb.security.keyring import KeyRing
from oadb.security.password_rules import require_uncommon
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


async def hashed_new(db: AsyncExecutor, label: str, user: User, password: Secret) -> bytes:
    """Return the sealed hash of a new password of a user; *label* names the operation in errors.

    Raises:
        ParameterError: as by ``hashed``; or a password that is common, breached, or has the name of
            the user, or what is before the @ of the address, in it.
        UnavailableError: ``Config.breached`` failed, so that nobody knows.
        BusyError: all capacity for hashing is in use.
    """
    require_uncommon(password, (user.username, user.email.partition("@")[0]))
    breached = db.vault.breached
    if breached is not None and await _is_known(db, label, breached, password):
        raise ParameterError("the password is known from a breach; choose another one")
    return await hashed(db, await proof.ring_of(db), user.user_id, password)


async def _is_known(
    db: AsyncExecutor, label: str, breached: Callable[[Secret], object], password: Secret
) -> bool:
    """Return what the service says of a password."""
    failed = "no bool"
    try:
        answer = await db.offload(breached, password)
        if isinstance(answer, bool):
            return answer
    except Exception as error:  # noqa: BLE001  # of the service; its text could have the password
        failed = type(error).__name__
    raise UnavailableError(f"{label}: Config.breached failed ({failed}); nothing was changed")


def opened(ring: KeyRing, stored: StoredPassword | None) -> Secret | None:
    """Return the hash; None for one that was tampered with, which then matches no password."""
    if stored is None or stored.password_hash is None:
        return None
    try:
        return Secret(HASH.open(ring, (stored.user_id,), stored.password_hash).decode())
    except SealError:  # already logged; answer and time are those of a wrong password
        return None
