"""Adoptions: what is taken over from another system, and goes on.

A password, the codes of a generator, an API key, a broker's tokens, a webhook, a ban. What is here
already stays as it is. A RowError says why something is not taken over.
"""

import re
from dataclasses import dataclass
from datetime import datetime, time
from uuid import UUID

from oadb.accounts import api_keys, broker_tokens, second_factors, users
from oadb.accounts.api_keys import OrderMode
from oadb.accounts.broker_tokens import Tokens
from oadb.bans import ip_bans
from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.errors import ParameterError, RowError
from oadb.keys import proof
from oadb.security.addresses import network
from oadb.security.passwords import peppered
from oadb.security.secret import Secret
from oadb.security.tokens import hint_of, sha256_of
from oadb.trading import webhooks
from oadb.trading.strategies import TradingMode

query = queries(__name__)

# As RFC 4226, 4 has it: at least 80 bits. The length of base32 without padding is no multiple of 8
# plus 1, 3 or 6.
_BASE32 = re.compile(r"(?=.{16,128}\Z)(?:[A-Z2-7]{8})*(?:[A-Z2-7]{2}|[A-Z2-7]{4,5}|[A-Z2-7]{7})?")


@dataclass(frozen=True, slots=True)
class BanVerdict:
    """What became of a ban: taken over, or not for one of two reasons, or because there is one."""

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
def _adopt_strategy(
    user_id: int,
    strategy_id: UUID,
    name: str,
    platform: str,
    trading_mode: TradingMode,
    is_active: bool,
    is_intraday: bool,
    start_time: time | None,
    end_time: time | None,
    squareoff_time: time | None,
    time_zone: str,
    webhook_hint: str,
    token_digest: bytes,
    fingerprint: bytes,
    created_at: datetime | None,
    token_digests: list[bytes],
) -> Affected: ...


@query
def _list_alerted(token_digests: list[bytes]) -> list[UUID]: ...


@query
def _adopt_ban(
    network: str, reason: str, expires_at: datetime | None, offences: int, created_by: str
) -> BanVerdict: ...


query.complete()


@operation
@proof.seals
async def adopt_password(db: AsyncExecutor, user_id: int, known: Secret, pepper: Secret) -> bool:
    """Give a user without a password the hash of a system that hashes password + pepper.

    It is verified like any other, and replaced by one without a pepper at the next sign-in. False
    if the user has a password, or is not there. Raises ParameterError for what is no hash.
    """
    sealed = users.HASH.seal(
        await proof.ring_of(db), (user_id,), peppered(known, pepper).reveal().encode()
    )
    return await _adopt_password(db, user_id, sealed) > 0


@operation
@proof.seals
async def adopt_second_factor(
    db: AsyncExecutor,
    user_id: int,
    secret: Secret,
    *,
    for_login: bool,
    for_mcp: bool,
    for_password_reset: bool,
    is_confirmed: bool,
) -> bool:
    """Give a user without a generator that of another system, whose codes stay right.

    *is_confirmed* tells that the user proved there to have it. False if there is one already.
    Raises ParameterError for a secret that is not base32. May raise ForeignKeyViolation.
    """
    if not _BASE32.fullmatch(secret.reveal()):
        raise ParameterError(
            "takeover.adopt_second_factor: secret must be 16 to 128 characters of base32"
        )
    sealed = second_factors.SECRET.seal(
        await proof.ring_of(db), (user_id,), secret.reveal().encode()
    )
    taken = await _adopt_second_factor(
        db, user_id, sealed, for_login, for_mcp, for_password_reset, is_confirmed
    )
    return taken > 0


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
    """Take over an API key that goes on working, and that its owner can see again.

    False if the user has this key already, whatever became of it. Raises RowError for what does not
    look like a key of OpenAlgo, for a key that is another user's here, and where another one was
    taken over under this id. May raise ForeignKeyViolation.
    """
    if not api_keys.TOKEN.is_adoptable(token):
        raise RowError("it does not have the 64 hexadecimal digits of OpenAlgo's keys")
    ring, row = await proof.ring_of(db), (user_id, api_key_id)
    stored = api_keys.TOKEN.store(ring, row, token)
    digests = api_keys.TOKEN.digests(ring, sha256_of(token))
    if await _adopt_key(
        db, user_id, api_key_id, name, hint_of(token), stored.digest, stored.fingerprint,
        api_keys.KEPT.seal(ring, row, token.reveal().encode()), order_mode, created_at, digests,
    ):  # fmt: skip
        return True
    owners = await _list_owners(db, digests)
    if not owners:
        raise RowError("an older key was brought over in its place; issue a new one here")
    if user_id not in owners:
        raise RowError("it is the key of another user here")
    return False


@operation
@proof.seals
async def adopt_tokens(
    db: AsyncExecutor, user_id: int, broker: str, tokens: Tokens, *, client_id: str | None
) -> bool:
    """Take over what a broker gave a user; False if there was something of this broker before.

    May raise ForeignKeyViolation (no such user) and CheckViolation.
    """
    sealed, digests = broker_tokens.stored(await proof.ring_of(db), (user_id, broker), tokens)
    change = Change("broker_tokens", user_id, broker)
    return await announcements.write(
        db, change, _adopt_tokens, user_id, broker, client_id, *sealed, digests[0]
    ) > 0  # fmt: skip


@operation
@proof.seals
async def adopt_strategy(
    db: AsyncExecutor,
    user_id: int,
    strategy_id: UUID,
    name: str,
    webhook: Secret,
    *,
    platform: str,
    trading_mode: TradingMode,
    is_active: bool,
    is_intraday: bool,
    start_time: time | None,
    end_time: time | None,
    squareoff_time: time | None,
    time_zone: str,
    created_at: datetime | None,
) -> bool:
    """Take over a strategy, of Chartink as well, whose webhook goes on working.

    False if it is here with this webhook, whatever became of it. Raises RowError for what does not
    look like a webhook of OpenAlgo, for one that is another strategy's here, and where the strategy
    of this id has another one. May raise ForeignKeyViolation and CheckViolation.
    """
    if not webhooks.TOKEN.is_adoptable(webhook):
        raise RowError("its webhook is no UUID as OpenAlgo makes them")
    ring, shown = await proof.ring_of(db), webhook.reveal()
    stored = webhooks.TOKEN.store(ring, (user_id, strategy_id), webhook)
    digests = webhooks.TOKEN.digests(ring, sha256_of(webhook))
    # A UUID has half the bits of a token of ours: less of it is shown.
    if await _adopt_strategy(
        db, user_id, strategy_id, name, platform, trading_mode, is_active, is_intraday, start_time,
        end_time, squareoff_time, time_zone, f"{shown[:4]}...{shown[-4:]}", stored.digest,
        stored.fingerprint, created_at, digests,
    ):  # fmt: skip
        return True
    alerted = await _list_alerted(db, digests)
    if not alerted:
        raise RowError(
            "an older one was brought over in its place, or its webhook was rotated here since"
        )
    if strategy_id not in alerted:
        raise RowError("its webhook is that of another strategy here")
    return False


@operation
async def adopt_ban(
    db: AsyncExecutor,
    ip: str,
    reason: str,
    expires_at: datetime | None,
    *,
    offences: int,
    created_by: str,
) -> bool:
    """Keep out an IPv4 address, or the /64 of an IPv6 one, until *expires_at*; None: for ever.

    False if it is banned already. *offences* is how often it was banned, 1 or more. Raises
    RowError for a ban that is over, and where the network is never banned.
    """
    banned = network("takeover.adopt_ban", ip)
    async with db.transaction() as tx:
        verdict = await _adopt_ban(tx, banned, reason, expires_at, offences, created_by)
        if verdict.is_taken:
            await announcements.notify(tx, ip_bans.CHANNEL, banned)
    if verdict.is_exempt:
        raise RowError("its network is never banned here")
    if verdict.is_over:
        raise RowError("it is over")
    return verdict.is_taken
