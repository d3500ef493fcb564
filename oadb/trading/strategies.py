"""Strategies: what the alerts of a platform trade.

An alert carries a webhook, which leads to a strategy and the symbols that the alert may name:

    strategy = strategies.verify_webhook(db, Secret(webhook))
    if not strategy:                           # UNKNOWN, REVOKED, or INACTIVE: switched off
        ...

Strategies of Chartink are rows of the same tables. ``chartink`` reads them, with its own names for
fields; the reads of this module leave them out. Writes go by the id of a strategy, of any platform.
"""

from collections.abc import Sequence
from datetime import time
from uuid import UUID

from oadb.engine.binding.operations import operation
from oadb.engine.binding.pages import Limit, Page
from oadb.engine.binding.values import UNSET, Unset
from oadb.engine.executors import AsyncExecutor
from oadb.errors import ParameterError
from oadb.keys import proof
from oadb.security.refusals import Refusal
from oadb.security.secret import Secret
from oadb.trading import strategy_changes
from oadb.trading.strategy_kinds import StrategyKind
from oadb.trading.strategy_rows import (
    CHARTINK,
    TIME_ZONE,
    Direction,
    NewStrategy,
    ProductType,
    Strategy,
    SymbolMapping,
)
from oadb.validation import owners
from oadb.validation.argument_rules import Label, TimeZone

__all__ = [
    "Direction",
    "NewStrategy",
    "ProductType",
    "Strategy",
    "SymbolMapping",
    "count_by_user",
    "create",
    "delete",
    "delete_mappings",
    "get",
    "list_by_user",
    "put_mappings",
    "rename",
    "set_active",
    "set_definition",
    "update",
    "verify_webhook",
]

_KIND = StrategyKind("strategies", False, SymbolMapping)


@operation
@proof.seals
@owners.required
async def create(
    db: AsyncExecutor,
    user_id: int,
    name: Label,
    *,
    platform: str = "tradingview",
    direction: Direction = "LONG",
    definition: dict[str, object] | None = None,
    is_intraday: bool = True,
    start_time: time | None = None,
    end_time: time | None = None,
    squareoff_time: time | None = None,
    time_zone: TimeZone = TIME_ZONE,
) -> NewStrategy[SymbolMapping]:
    """Create an active strategy with a webhook.

    Args:
        name: 1 to 255 characters, not blank.
        platform: 1 to 50 of a-z, 0-9 and _, but not "chartink".
        direction: what its alerts may open: long positions, short ones, or both.
        definition: a JSON object of bounded size and depth (see ``require_document``).
        start_time: local time of *time_zone*; start, end and square-off must be in order.
        time_zone: a name of the IANA time zone database.

    Returns:
        The strategy and its webhook, which is not stored and cannot be read again.

    Raises:
        ParameterError: a blank name, an unfit definition, or the platform "chartink"; or a value
            out of range.
        NoRowError: there is no such user.
        KeyRingError: the key ring does not fit the database.
    """
    if platform == CHARTINK:
        raise ParameterError("strategies.create: platform is chartink; use chartink.create")
    return await _KIND.create(
        db,
        user_id,
        name,
        platform,
        direction,
        definition,
        is_intraday,
        start_time,
        end_time,
        squareoff_time,
        time_zone,
    )


@operation
async def get(db: AsyncExecutor, user_id: int, strategy_id: UUID) -> Strategy[SymbolMapping] | None:
    """Read a strategy of a user.

    Returns:
        The strategy; None if the user has no such strategy of this module's platforms.
    """
    return await _KIND.get(db, user_id, strategy_id)


@operation
async def verify_webhook(db: AsyncExecutor, webhook: Secret) -> Strategy[SymbolMapping] | Refusal:
    """Find the active strategy that a webhook belongs to: one indexed lookup.

    The strategy's times are not compared with the clock; the caller does.

    Returns:
        The strategy with its mappings, or the refusal, which is false: UNKNOWN (no such webhook, or
        one of Chartink), REVOKED, or INACTIVE (the strategy is switched off, or its
        user disabled).

    Raises:
        KeyRingError: the key ring lacks a key that the database needs.
        UnavailableError: the database did not answer.
    """
    return await _KIND.verify_webhook(db, webhook)


@operation
async def list_by_user(
    db: AsyncExecutor, user_id: int, *, cursor: str | None = None, limit: Limit = 100
) -> Page[Strategy[SymbolMapping]]:
    """List the strategies of a user.

    Returns:
        A page of the strategies with their mappings, newest first.
    """
    return await _KIND.list_by_user(db, user_id, cursor, limit)


@operation
async def count_by_user(db: AsyncExecutor, user_id: int) -> int:
    """Count the strategies of a user, without those for Chartink.

    Returns:
        The number of strategies.
    """
    return await _KIND.count_by_user(db, user_id)


@operation
async def set_active(
    db: AsyncExecutor, user_id: int, strategy_id: UUID, *, is_active: bool
) -> bool:
    """Switch a strategy on or off, effective for the next alert.

    Returns:
        False if there is no such strategy.
    """
    return await strategy_changes.set_active(db, user_id, strategy_id, is_active)


@operation
async def update(
    db: AsyncExecutor,
    user_id: int,
    strategy_id: UUID,
    *,
    start_time: time | Unset | None = UNSET,
    end_time: time | Unset | None = UNSET,
    squareoff_time: time | Unset | None = UNSET,
    time_zone: TimeZone | Unset = UNSET,
) -> bool:
    """Change the given times of a strategy; see ``create``. None removes a limit.

    Returns:
        Whether anything changed; False also if there is no such strategy.

    Raises:
        ParameterError: times out of order.
    """
    return await strategy_changes.update(
        db, user_id, strategy_id, start_time, end_time, squareoff_time, time_zone
    )


@operation
async def rename(db: AsyncExecutor, user_id: int, strategy_id: UUID, name: Label) -> bool:
    """Rename a strategy.

    Returns:
        False if there is no such strategy.

    Raises:
        ParameterError: a name not of 1 to 255 characters.
    """
    return await strategy_changes.rename(db, user_id, strategy_id, name)


@operation
async def set_definition(
    db: AsyncExecutor, user_id: int, strategy_id: UUID, definition: dict[str, object]
) -> bool:
    """Replace the definition of a strategy, a JSON object.

    Returns:
        False if there is no such strategy.

    Raises:
        ParameterError: an unfit object (see ``require_document``).
    """
    label = "strategies.set_definition"
    return await strategy_changes.set_definition(db, label, user_id, strategy_id, definition)


@operation
async def put_mappings(
    db: AsyncExecutor, user_id: int, strategy_id: UUID, mappings: Sequence[SymbolMapping]
) -> int | None:
    """Insert mappings, or replace those of the same symbols: all of them or none.

    Returns:
        The number of mappings written; None if there is no such strategy.

    Raises:
        ParameterError: a symbol that occurs twice; or a value out of range.
    """
    label = "strategies.put_mappings"
    return await strategy_changes.put_mappings(db, label, user_id, strategy_id, mappings)


@operation
async def delete_mappings(
    db: AsyncExecutor, user_id: int, strategy_id: UUID, symbols: list[str]
) -> int:
    """Delete the mappings of some symbols with one statement.

    Returns:
        The number of mappings deleted; 0 also if there is no such strategy.
    """
    return await strategy_changes.delete_mappings(db, user_id, strategy_id, symbols)


@operation
async def delete(db: AsyncExecutor, user_id: int, strategy_id: UUID) -> bool:
    """Delete a strategy with its mappings.

    Returns:
        False if there is no such strategy.
    """
    return await strategy_changes.delete(db, user_id, strategy_id)
