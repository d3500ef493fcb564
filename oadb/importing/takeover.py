"""Takes over passwords, second factors, API keys and broker tokens, which keep working, and bans.

Rows that oadb has already stay as they are. A RowError says why something is not taken over.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from oadb.accounts import api_key_rows, broker_tokens, sealed_passwords, second_factors
from oadb.accounts.api_keys import OrderMode
from oadb.accounts.broker_tokens import Tokens
from oadb.bans import ip_bans
from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.engine.repeating import transacted
from oadb.errors import RowError
from oadb.importing.updating import Factor
from oadb.keys import proof
from oadb.security.passwords import peppered
from oadb.security.secret import Secret
from oadb.security.tokens import hint_of, sha256_of
from oadb.validation.argument_rules import ClientNetwork

query = queries(__name__)

# Base32 of at least 80 bits: RFC 4226 requires 128, but 80 are common. Without padding, its length
# is never 1, 3 or 6 more than a multiple of 8.
_BASE32 = re.compile(r"(?=.{16,128}\Z)(?:[A-Z2-7]{8})*(?:[A-Z2-7]{2}|[A-Z2-7]{4,5}|[A-Z2-7]{7})?")


@dataclass(frozen=True, slots=True)
class BanVerdict:
    """Whether a ban was taken over, and why not; all false: the network is already banned."""

    is_exempt: bool
    is_over: bool
    is_taken: bool


@query
def _adopt_password(user_id: int, password_hash: bytes) -> Affected: ...


@query
def _adopt_second_factor(
    user_id: int,
    secret: bytes,
    for_login: bool,
    for_mcp: bool,
    for_password_reset: bool,
    is_confirmed: bool,
) -> Affected: ...


@query
def _adopt_key(
    user_id: int,
    api_key_id: UUID,
    name: str,
    hint: str,
    token_digest: bytes,
    fingerprint: bytes,
    kept_token: bytes,
    order_mode: OrderMode,
    created_at: datetime | None,
    token_digests: list[bytes],
) -> Affected: ...


@query
def _list_owners(token_digests: list[bytes]) -> list[int]: ...


@query
def _adopt_tokens(
    user_id: int,
    broker: str,
    client_id: str | None,
    access_token: bytes | None,
    refresh_token: bytes | None,
    feed_token: bytes | None,
    parameters: bytes | None,
    content_digest: bytes,
) -> Affected: ...


@query
def _adopt_ban(
    network: str,
    reason: str,
    expires_at: datetime | None,
    offences: int,
    banned_at: datetime | None,
) -> BanVerdict: ...


query.complete()


@operation
@proof.seals
async def adopt_password(db: AsyncExecutor, user_id: int, known: Secret, pepper: Secret) -> bool:
    """Give a user without a password the hash of password + pepper.

    The next sign-in replaces it with a hash without a pepper.

    Returns:
        Whether it was stored; False if the user has a password, or does not exist.

    Raises:
        ParameterError: *known* is not an Argon2 hash.
    """
    sealed = sealed_passwords.HASH.seal(
        await proof.ring_of(db), (user_id,), peppered(known, pepper).reveal().encode()
    )
    return await _adopt_password(db, user_id, sealed) > 0


@operation
@proof.seals
async def adopt_second_factor(db: AsyncExecutor, user_id: int, factor: Factor) -> bool:
    """Give a user the second factor of another system, whose codes stay valid.

    Returns:
        Whether it was stored; False if the user has a second factor.

    Raises:
        ConflictError: there is no such user.
    """
    sealed = second_factors.SECRET.seal(
        await proof.ring_of(db), (user_id,), factor.secret.reveal().encode()
    )
    required = (factor.for_login, factor.for_mcp, factor.for_password_reset)
    return await _adopt_second_factor(db, user_id, sealed, *required, factor.is_confirmed) > 0


def factor_of(
    secret: Secret,
    *,
    is_confirmed: bool,
    for_login: bool,
    for_mcp: bool,
    for_password_reset: bool,
) -> Factor:
    """Return a second factor of another system; one that is not confirmed is required for nothing.

    Args:
        is_confirmed: the user proved to the other system to have it.

    Raises:
        RowError: the secret is not base32 of 16 to 128 characters.
    """
    secret = Secret(secret.reveal().upper().rstrip("="))
    if not _BASE32.fullmatch(secret.reveal()):
        raise RowError("the secret is not 16 to 128 characters of base32")
    required = (for_login, for_mcp, for_password_reset)
    return Factor(secret, is_confirmed, *(is_confirmed and each for each in required))


@operation
@proof.seals
async def adopt_key(
    db: AsyncExecutor,
    user_id: int,
    api_key_id: UUID,
    name: str,
    token: Secret,
    *,
    order_mode: OrderMode,
    created_at: datetime | None,
) -> bool:
    """Take over an API key, which its owner can also see again.

    Returns:
        Whether it was taken over; False if the user has it in oadb, even if revoked since.

    Raises:
        RowError: it is not a key of OpenAlgo, or belongs to another user in oadb, or another key
            was taken over under this id.
        ConflictError: there is no such user.
    """
    if not api_key_rows.TOKEN.is_adoptable(token):
        raise RowError("it does not have the 64 hexadecimal digits of OpenAlgo's keys")
    ring, row = await proof.ring_of(db), (user_id, api_key_id)
    stored = api_key_rows.TOKEN.store(ring, row, token)
    digests = api_key_rows.TOKEN.digests(ring, sha256_of(token))
    if await _adopt_key(
        db,
        user_id,
        api_key_id,
        name,
        hint_of(token),
        stored.digest,
        stored.fingerprint,
        api_key_rows.KEPT.seal(ring, row, token.reveal().encode()),
        order_mode,
        created_at,
        digests,
    ):
        return True
    owners = await _list_owners(db, digests)
    if not owners:
        raise RowError("an older key was imported in its place; issue a new one in oadb")
    if user_id not in owners:
        raise RowError("it is the key of another user in oadb")
    return False


@operation
@proof.seals
async def adopt_tokens(
    db: AsyncExecutor, user_id: int, broker: str, tokens: Tokens, *, client_id: str | None
) -> bool:
    """Take over the tokens that a broker gave a user.

    Returns:
        Whether they were stored; False if the user has tokens of this broker, even revoked ones.

    Raises:
        ConflictError: there is no such user.
        ParameterError: a value does not fit the table.
    """
    sealed, digests = broker_tokens.stored(await proof.ring_of(db), (user_id, broker), tokens)
    change = Change("broker_tokens", user_id, broker)
    stored = await announcements.write(
        db, change, _adopt_tokens, user_id, broker, client_id, *sealed, digests[0]
    )
    return stored > 0


@operation
async def adopt_ban(
    db: AsyncExecutor,
    ip: ClientNetwork,
    reason: str,
    expires_at: datetime | None,
    *,
    offences: int,
    banned_at: datetime | None,
) -> bool:
    """Ban an IPv4 address, or the /64 of an IPv6 address.

    Args:
        expires_at: the end of the ban; None bans permanently.
        offences: how often the address was banned, 1 or more.
        banned_at: since when; None: from now on.

    Returns:
        Whether it was banned; False if it is banned already.

    Raises:
        RowError: the ban has expired, or its network is exempt from bans.
        ParameterError: *ip* is not an IP address.
    """

    @transacted
    async def work(tx: AsyncExecutor) -> BanVerdict:
        verdict = await _adopt_ban(tx, ip, reason, expires_at, offences, banned_at)
        if verdict.is_taken:
            tx.hint(ip_bans.CHANNEL)
        return verdict

    verdict = await work(db)
    if verdict.is_exempt:
        raise RowError("its network is exempt from bans in oadb")
    if verdict.is_over:
        raise RowError("it has expired")
    return verdict.is_taken
