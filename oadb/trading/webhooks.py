"""Webhooks: the secrets by which alerts find a strategy.

Each strategy has one, also those of Chartink. It is shown once, when the strategy is made or its
webhook is rotated; ``strategies`` and ``chartink`` find what it belongs to.
"""

import re
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from oadb.changes import announcements
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.keys import proof
from oadb.security.keyring import KeyRing
from oadb.security.sealing import Row, SealedColumn
from oadb.security.secret import Secret
from oadb.security.tokens import StoredToken, TokenKind, hint_of
from oadb.trading.strategy_changes import change_of

query = queries(__name__)

# OpenAlgo's webhooks are random UUIDs: 122 bits.
TOKEN = TokenKind(
    "oaw",
    SealedColumn("strategies", "fingerprint"),
    re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII),
)


@dataclass(frozen=True, slots=True)
class SealedWebhook:
    """A webhook whose digest and fingerprint are to be made again under another key."""

    user_id: int
    strategy_id: UUID
    fingerprint: bytes = field(repr=False)


@query
def _replace(
    user_id: int, strategy_id: UUID, webhook_hint: str, token_digest: bytes, fingerprint: bytes
) -> Affected: ...


@query
def _revoke(user_id: int, strategy_id: UUID) -> Affected: ...


@query
def _list_under_key(key_id: int, after: int, batch: int) -> list[SealedWebhook]: ...


@query
def _reseal(
    user_ids: list[int],
    strategy_ids: list[UUID],
    replaced: list[bytes],
    fingerprints: list[bytes],
    digests: list[bytes],
) -> Affected: ...


query.complete()


@operation
@proof.seals
async def rotate(db: AsyncExecutor, user_id: int, strategy_id: UUID) -> Secret | None:
    """Give a strategy a new webhook, which is returned; the old one is unknown at once.

    None, and nothing is changed, if there is no such strategy.
    """
    ring, token = await proof.ring_of(db), TOKEN.new()
    stored = TOKEN.store(ring, (user_id, strategy_id), token)
    rotated = await announcements.write(
        db, change_of(user_id, strategy_id), _replace, user_id, strategy_id, hint_of(token),
        stored.digest, stored.fingerprint,
    )  # fmt: skip
    return token if rotated else None


@operation
async def revoke(db: AsyncExecutor, user_id: int, strategy_id: UUID) -> bool:
    """End a webhook at once, until it is rotated; False if there is none to end."""
    change = change_of(user_id, strategy_id)
    return await announcements.write(db, change, _revoke, user_id, strategy_id) > 0


@operation
async def rewrap(db: AsyncExecutor, key_id: int, batch: int, after: int = 0) -> proof.Batch:
    """Seal *batch* webhooks of a root key, of the users behind *after*, under the primary one."""
    ring = await proof.ring_of(db)
    found = await _list_under_key(db, key_id, after, batch)
    made, done = proof.resealed(
        {(each.user_id, each.strategy_id): each for each in found}, partial(_rewrapped, ring)
    )
    await _reseal(
        db, [each.user_id for each, _ in made], [each.strategy_id for each, _ in made],
        [each.fingerprint for each, _ in made], [stored.fingerprint for _, stored in made],
        [stored.digest for _, stored in made],
    )  # fmt: skip
    return done


def _rewrapped(ring: KeyRing, row: Row, each: SealedWebhook) -> StoredToken:
    return TOKEN.store_again(ring, row, each.fingerprint)
