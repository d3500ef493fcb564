"""Webhooks: the secrets that alerts carry to identify a strategy.

Each strategy of any platform has one. It is returned once, when the strategy is created or the
webhook rotated; ``strategies`` and ``chartink`` look up the strategy of a webhook.
"""

import re
from uuid import UUID

from oadb.changes import announcements
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.keys import proof, rotation
from oadb.keys.rotation import SealedTable
from oadb.security.sealing import SealedColumn
from oadb.security.secret import Secret
from oadb.security.tokens import TokenKind, hint_of
from oadb.trading.strategy_changes import change_of

__all__ = ["revoke", "rotate"]

query = queries(__name__)

# OpenAlgo's webhooks are random UUIDs: 122 bits.
TOKEN = TokenKind(
    "oaw",
    SealedColumn("strategies", "fingerprint"),
    re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII),
)


@query
def _replace(
    user_id: int, strategy_id: UUID, webhook_hint: str, token_digest: bytes, fingerprint: bytes
) -> Affected: ...


@query
def _revoke(user_id: int, strategy_id: UUID) -> Affected: ...


@query
def _reseal(
    user_ids: list[int],
    strategy_ids: list[str],
    replaced: list[bytes],
    fingerprints: list[bytes],
    digests: list[bytes],
) -> Affected: ...


query.complete()

SEALED = SealedTable("strategies", rotation.token_and_columns(TOKEN), _reseal)


@operation
@proof.seals
async def rotate(db: AsyncExecutor, user_id: int, strategy_id: UUID) -> Secret | None:
    """Replace the webhook of a strategy; the old one stops working at once.

    Returns:
        The new webhook, which cannot be read again; None if there is no such strategy.

    Raises:
        KeyRingError: the key ring does not fit the database.
    """
    ring, token = await proof.ring_of(db), TOKEN.new(user_id)
    stored = TOKEN.store(ring, (user_id, strategy_id), token)
    rotated = await announcements.write(
        db,
        change_of(user_id, strategy_id),
        _replace,
        user_id,
        strategy_id,
        hint_of(token),
        stored.digest,
        stored.fingerprint,
    )
    return token if rotated else None


@operation
async def revoke(db: AsyncExecutor, user_id: int, strategy_id: UUID) -> bool:
    """Revoke the webhook of a strategy; it works again only after ``rotate``.

    Returns:
        False if there is no such strategy, or its webhook is already revoked.
    """
    change = change_of(user_id, strategy_id)
    return await announcements.write(db, change, _revoke, user_id, strategy_id) > 0
