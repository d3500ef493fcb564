"""Takes over strategies, with webhooks that keep working."""

from dataclasses import dataclass, field
from datetime import datetime, time
from uuid import UUID

from oadb.changes import announcements
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.values import UNSET, Unset
from oadb.engine.executors import AsyncExecutor
from oadb.errors import RowError
from oadb.keys import proof
from oadb.security.secret import Secret
from oadb.security.tokens import sha256_of
from oadb.trading import webhooks
from oadb.trading.strategies import Direction
from oadb.trading.strategy_changes import change_of

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class StoredWebhook:
    """The webhook of a strategy as it is stored."""

    fingerprint: bytes = field(repr=False)
    is_revoked: bool


@query
def _adopt_strategy(
    user_id: int,
    strategy_id: UUID,
    name: str,
    platform: str,
    direction: Direction,
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
def _list_by_webhook(token_digests: list[bytes]) -> list[UUID]: ...


@query
def _find_webhook(user_id: int, strategy_id: UUID) -> StoredWebhook | None: ...


@query
def _replace_webhook(
    user_id: int,
    strategy_id: UUID,
    webhook_hint: str,
    token_digest: bytes,
    fingerprint: bytes,
    token_digests: list[bytes],
) -> Affected: ...


@query
def _set_kind(
    user_id: int,
    strategy_id: UUID,
    *,
    platform: str | Unset = UNSET,
    direction: Direction | Unset = UNSET,
    is_intraday: bool | Unset = UNSET,
) -> Affected: ...


query.complete()


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
    direction: Direction,
    is_active: bool,
    is_intraday: bool,
    start_time: time | None,
    end_time: time | None,
    squareoff_time: time | None,
    time_zone: str,
    created_at: datetime | None,
) -> bool:
    """Take over a strategy, including those of Chartink, with its webhook.

    Returns:
        Whether it was taken over; False if oadb has it with this webhook, even if changed since.

    Raises:
        RowError: the webhook is not one of OpenAlgo, or belongs to another strategy in oadb, or
            the strategy has another webhook in oadb.
        ConflictError: there is no such user.
        ParameterError: a value does not fit the table.
    """
    if not webhooks.TOKEN.is_adoptable(webhook):
        raise RowError("its webhook is not a UUID as OpenAlgo makes them")
    ring, shown = await proof.ring_of(db), webhook.reveal()
    stored = webhooks.TOKEN.store(ring, (user_id, strategy_id), webhook)
    digests = webhooks.TOKEN.digests(ring, sha256_of(webhook))
    # A UUID has half the bits of a token of oadb: its hint shows fewer characters.
    token = (f"{shown[:4]}...{shown[-4:]}", stored.digest, stored.fingerprint)
    kind = (platform, direction, is_active, is_intraday)
    times = (start_time, end_time, squareoff_time, time_zone)
    if await _adopt_strategy(
        db, user_id, strategy_id, name, *kind, *times, *token, created_at, digests
    ):
        return True
    owners = await _list_by_webhook(db, digests)
    if not owners:
        raise RowError(
            "an older strategy was imported in its place, or its webhook was rotated in oadb since"
        )
    if strategy_id not in owners:
        raise RowError("its webhook is that of another strategy in oadb")
    return False


@operation
async def find_webhook(db: AsyncExecutor, user_id: int, strategy_id: UUID) -> str | None:
    """Return the SHA-256 of the webhook of a strategy; "revoked"; None: there is no strategy."""
    found = await _find_webhook(db, user_id, strategy_id)
    if found is None or found.is_revoked:
        return None if found is None else "revoked"
    ring = await proof.ring_of(db)
    return webhooks.TOKEN.column.open(ring, (user_id, strategy_id), found.fingerprint).hex()


@operation
@proof.seals
async def replace_webhook(
    db: AsyncExecutor, user_id: int, strategy_id: UUID, webhook: Secret
) -> None:
    """Replace the webhook of a strategy by another one of OpenAlgo.

    Raises:
        RowError: it is not one of OpenAlgo, or leads to another strategy in oadb.
    """
    if not webhooks.TOKEN.is_adoptable(webhook):
        raise RowError("its webhook is not a UUID as OpenAlgo makes them")
    ring, row, shown = await proof.ring_of(db), (user_id, strategy_id), webhook.reveal()
    stored = webhooks.TOKEN.store(ring, row, webhook)
    digests = webhooks.TOKEN.digests(ring, sha256_of(webhook))
    replaced = await announcements.write(
        db,
        change_of(user_id, strategy_id),
        _replace_webhook,
        *row,
        f"{shown[:4]}...{shown[-4:]}",
        stored.digest,
        stored.fingerprint,
        digests,
    )
    if not replaced:
        raise RowError("its webhook is that of another strategy in oadb")


@operation
async def set_kind(
    db: AsyncExecutor,
    user_id: int,
    strategy_id: UUID,
    *,
    platform: str | Unset = UNSET,
    direction: Direction | Unset = UNSET,
    is_intraday: bool | Unset = UNSET,
) -> None:
    """Set what kind of strategy one is; what is not given stays."""
    await announcements.write(
        db,
        change_of(user_id, strategy_id),
        _set_kind,
        user_id,
        strategy_id,
        platform=platform,
        direction=direction,
        is_intraday=is_intraday,
    )
