"""What oadb has of imported rows, and changes of it that follow those of another system."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from oadb.accounts import (
    api_key_rows,
    sealed_passwords,
    second_factors,
    sessions,
    stored_passwords,
)
from oadb.accounts.user_rows import StoredPassword
from oadb.bans import ip_bans
from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.engine.repeating import transacted
from oadb.errors import RowError
from oadb.keys import proof
from oadb.security.passwords import peppered
from oadb.security.secret import Secret
from oadb.security.tokens import hint_of, sha256_of
from oadb.validation.argument_rules import ClientNetwork

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class StoredCredentials:
    """Password and second factor of a user as they are stored."""

    user_id: int
    password_hash: bytes | None = field(repr=False)
    auth_epoch: int
    secret: bytes | None = field(repr=False)
    is_confirmed: bool
    for_login: bool
    for_mcp: bool
    for_password_reset: bool


@dataclass(frozen=True, slots=True)
class Factor:
    """The secret of a second factor, and what it is required for, which is confirmed or not."""

    secret: Secret
    is_confirmed: bool
    for_login: bool
    for_mcp: bool
    for_password_reset: bool


@dataclass(frozen=True, slots=True)
class Credentials:
    """The hash of a user's password, opened, its epoch, and the second factor."""

    password: Secret | None
    auth_epoch: int
    factor: Factor | None


@dataclass(frozen=True, slots=True)
class StoredBan:
    """A ban, which may have expired; without ``expires_at`` it is permanent."""

    reason: str
    offences: int
    expires_at: datetime | None


@query
def _get_credentials(user_id: int) -> StoredCredentials: ...


@query
def _replace_factor(
    user_id: int,
    secret: bytes,
    for_login: bool,
    for_mcp: bool,
    for_password_reset: bool,
    is_confirmed: bool,
) -> Affected: ...


@query
def _replace_key(
    user_id: int,
    api_key_id: UUID,
    hint: str,
    token_digest: bytes,
    fingerprint: bytes,
    kept_token: bytes,
    token_digests: list[bytes],
) -> Affected: ...


@query
def _find_ban(network: str) -> StoredBan | None: ...


@query
def _replace_ban(
    network: str, reason: str, expires_at: datetime | None, offences: int
) -> Affected: ...


query.complete()


@operation
async def get_credentials(db: AsyncExecutor, user_id: int) -> Credentials:
    """Open the hash of a user's password, and the second factor.

    Raises:
        SealError: the second factor was tampered with; a password that was is None.
    """
    found, ring = await _get_credentials(db, user_id), await proof.ring_of(db)
    stored = StoredPassword(user_id, found.password_hash, found.auth_epoch)
    factor = None
    if found.secret is not None:
        secret = second_factors.SECRET.open(ring, (user_id,), found.secret).decode()
        required = (found.for_login, found.for_mcp, found.for_password_reset)
        factor = Factor(Secret(secret), found.is_confirmed, *required)
    return Credentials(sealed_passwords.opened(ring, stored), found.auth_epoch, factor)


@operation
@proof.seals
async def replace_password(db: AsyncExecutor, user_id: int, known: Secret, pepper: Secret) -> None:
    """Replace a password by the hash of password + pepper, and end the sessions of the user.

    Raises:
        ParameterError: *known* is not an Argon2 hash.
    """
    hashed = peppered(known, pepper).reveal().encode()
    sealed = sealed_passwords.HASH.seal(await proof.ring_of(db), (user_id,), hashed)
    await stored_passwords.replace(db, user_id, sealed)


@operation
@proof.seals
async def replace_factor(db: AsyncExecutor, user_id: int, factor: Factor) -> None:
    """Replace the second factor of a user, end the sessions, and announce it."""
    sealed = second_factors.SECRET.seal(
        await proof.ring_of(db), (user_id,), factor.secret.reveal().encode()
    )
    required = (factor.for_login, factor.for_mcp, factor.for_password_reset)

    @transacted
    async def work(tx: AsyncExecutor) -> None:
        changed = await _replace_factor(tx, user_id, sealed, *required, factor.is_confirmed)
        await announcements.announce(tx, changed, Change("second_factors", user_id, ""))
        await sessions.end_all(tx, user_id, keep=None)

    await work(db)


@operation
@proof.seals
async def replace_key(db: AsyncExecutor, user_id: int, api_key_id: UUID, token: Secret) -> None:
    """Replace the token of a key by another one of OpenAlgo, which its owner can see again.

    Raises:
        RowError: it is no key of OpenAlgo, or that of another key in oadb, or this one is revoked.
    """
    if not api_key_rows.TOKEN.is_adoptable(token):
        raise RowError("it does not have the 64 hexadecimal digits of OpenAlgo's keys")
    ring, row = await proof.ring_of(db), (user_id, api_key_id)
    stored = api_key_rows.TOKEN.store(ring, row, token)
    replaced = await announcements.write(
        db,
        Change("api_keys", user_id, str(api_key_id)),
        _replace_key,
        *row,
        hint_of(token),
        stored.digest,
        stored.fingerprint,
        api_key_rows.KEPT.seal(ring, row, token.reveal().encode()),
        api_key_rows.TOKEN.digests(ring, sha256_of(token)),
    )
    if not replaced:
        raise RowError("it is another key in oadb, or the one in its place is revoked in oadb")


@operation
async def find_ban(db: AsyncExecutor, ip: ClientNetwork) -> StoredBan | None:
    """Return the ban of an address, also one that has expired; None: there is none."""
    return await _find_ban(db, ip)


@operation
async def replace_ban(
    db: AsyncExecutor, ip: ClientNetwork, reason: str, expires_at: datetime | None, *, offences: int
) -> None:
    """Change a ban; see ``takeover.adopt_ban``."""

    @transacted
    async def work(tx: AsyncExecutor) -> None:
        if await _replace_ban(tx, ip, reason, expires_at, offences):
            tx.hint(ip_bans.CHANNEL)

    await work(db)
