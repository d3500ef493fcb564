"""Strategies: what the alerts of a platform trade.

An alert carries a webhook, which leads to a strategy and the symbols that the alert may name:

    found = strategies.find_by_webhook(db, Secret(webhook))
    if isinstance(found, Refusal):             # UNKNOWN, REVOKED, or INACTIVE: switched off
        ...

Strategies of Chartink are rows of the same tables. ``chartink`` reads them, with its own names for
fields; the reads of this module leave them out. Writes go by the id of a strategy, of any platform.
"""

from datetime import time
from uuid import UUID, uuid4

from oadb.changes import announcements
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.executors import AsyncExecutor
from oadb.errors import ParameterError
from oadb.keys import proof
from oadb.security.refusals import Refusal
from oadb.security.secret import Secret
from oadb.security.tokens import hint_of
from oadb.trading import strategy_changes
from oadb.trading.strategy_changes import TIME_ZONE, change_of
from oadb.trading.strategy_rows import (
    CHARTINK,
    FoundStrategy,
    FoundWebhook,
    IssuedStrategy,
    M,
    Profile,
    Strategy,
    StrategyKind,
    TradingMode,
)
from oadb.trading.webhooks import TOKEN
from oadb.validation.documents import require_document
from oadb.validation.rules import TimeZone

__all__ = [
    "CHARTINK",
    "IssuedStrategy",
    "Mapping",
    "Profile",
    "Strategy",
    "TradingMode",
    "count_by_user",
    "create",
    "delete",
    "delete_mappings",
    "find_by_webhook",
    "get",
    "list_by_user",
    "put_mappings",
    "rename",
    "set_active",
    "set_definition",
    "set_times",
    "toggle",
]

query = queries(__name__)

Mapping = strategy_changes.Mapping


@query
def _insert(
    user_id: int,
    strategy_id: UUID,
    name: str,
    platform: str,
    trading_mode: TradingMode,
    definition: dict[str, object],
    is_intraday: bool,
    start_time: time | None,
    end_time: time | None,
    squareoff_time: time | None,
    time_zone: str,
    webhook_hint: str,
    token_digest: bytes,
    fingerprint: bytes,
) -> Profile: ...


@query
def find(user_id: int, strategy_id: UUID) -> FoundStrategy | None: ...


@query
def _find_by_digest(token_digest: bytes) -> FoundWebhook | None: ...


@query
def _find_by_digests(token_digests: list[bytes]) -> FoundWebhook | None: ...


@query
def _list_rows(user_id: int) -> list[FoundStrategy]: ...


@query
def count_by_user(user_id: int) -> int: ...


query.complete()


_KIND = StrategyKind(lambda platform: platform != CHARTINK, Mapping)


@operation
async def create(
    db: AsyncExecutor,
    user_id: int,
    name: str,
    *,
    platform: str = "tradingview",
    trading_mode: TradingMode = "LONG",
    definition: dict[str, object] | None = None,
    is_intraday: bool = True,
    start_time: time | None = None,
    end_time: time | None = None,
    squareoff_time: time | None = None,
    time_zone: TimeZone = TIME_ZONE,
) -> IssuedStrategy[Mapping]:
    """Create an active strategy with a webhook.

    Args:
        name: 1 to 255 characters.
        platform: 1 to 50 of a-z, 0-9 and _, but not "chartink".
        definition: a JSON object of bounded size and depth (see ``require_document``).
        start_time: local time of *time_zone*; start, end and square-off must be in order.
        time_zone: a name of the IANA time zone database.

    Returns:
        The strategy and its webhook, which is not stored and cannot be read again.

    Raises:
        ParameterError: an unfit definition, an unknown time zone, or the platform "chartink".
        ForeignKeyViolation: no such user (psycopg).
        CheckViolation: a value out of range (psycopg).
        KeyRingError: the key ring does not fit the database.
    """
    if platform == CHARTINK:
        raise ParameterError("strategies.create: platform is chartink; use chartink.create")
    return await issue(
        db,
        _KIND,
        user_id,
        name,
        platform,
        trading_mode,
        definition,
        is_intraday,
        start_time,
        end_time,
        squareoff_time,
        time_zone,
    )


@operation
async def get(db: AsyncExecutor, user_id: int, strategy_id: UUID) -> Strategy[Mapping] | None:
    """Read a strategy of a user.

    Returns:
        The strategy; None if the user has no such strategy of this module's platforms.
    """
    return _KIND.read(await find(db, user_id, strategy_id))


@operation
async def find_by_webhook(db: AsyncExecutor, webhook: Secret) -> Strategy[Mapping] | Refusal:
    """Find the active strategy that a webhook belongs to: one indexed lookup.

    Returns:
        The strategy with its mappings, or the refusal: UNKNOWN (no such webhook, or one of
        Chartink), REVOKED, or INACTIVE (the strategy is switched off).

    Raises:
        KeyRingError: the key ring lacks a key that the database needs.
        UnavailableError: the database did not answer.
    """
    return await look_up(db, _KIND, webhook)


@operation
async def list_by_user(db: AsyncExecutor, user_id: int) -> list[Strategy[Mapping]]:
    """List the strategies of a user.

    Returns:
        The strategies with their mappings, newest first.
    """
    return _KIND.read_all(await _list_rows(db, user_id))


async def look_up(
    db: AsyncExecutor, kind: StrategyKind[M], webhook: Secret
) -> Strategy[M] | Refusal:
    """Find the active strategy of a kind; see ``find_by_webhook``.

    A malformed webhook is UNKNOWN without a lookup.
    """
    found = kind.read(
        await proof.find_by_token(db, TOKEN, webhook, _find_by_digest, _find_by_digests)
    )
    if found is None:
        return Refusal.UNKNOWN
    if found.webhook_revoked_at is not None:
        return Refusal.REVOKED
    return found if found.is_active else Refusal.INACTIVE


@proof.seals
async def issue(
    db: AsyncExecutor,
    kind: StrategyKind[M],
    user_id: int,
    name: str,
    platform: str,
    trading_mode: TradingMode,
    definition: dict[str, object] | None,
    is_intraday: bool,
    start_time: time | None,
    end_time: time | None,
    squareoff_time: time | None,
    time_zone: str,
) -> IssuedStrategy[M]:
    """Create a strategy of a kind; see ``create``."""
    document = {} if definition is None else definition
    require_document("strategies.create: definition", document)
    ring, token, strategy_id = await proof.ring_of(db), TOKEN.new(), uuid4()
    stored = TOKEN.store(ring, (user_id, strategy_id), token)
    async with db.transaction() as tx:
        profile = await _insert(
            tx,
            user_id,
            strategy_id,
            name,
            platform,
            trading_mode,
            document,
            is_intraday,
            start_time,
            end_time,
            squareoff_time,
            time_zone,
            hint_of(token),
            stored.digest,
            stored.fingerprint,
        )
        await announcements.announce(tx, 1, change_of(user_id, strategy_id))
    return IssuedStrategy(token, kind.new(profile))


set_active = strategy_changes.set_active
toggle = strategy_changes.toggle
set_times = strategy_changes.set_times
rename = strategy_changes.rename
set_definition = strategy_changes.set_definition
put_mappings = strategy_changes.put_mappings
delete_mappings = strategy_changes.delete_mappings
delete = strategy_changes.delete
