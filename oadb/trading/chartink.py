"""Strategies for Chartink's scans, with Chartink's names for fields.

They are strategies like the others (see ``strategies``) with a fixed platform and direction: a
scan buys, sells, shorts and covers. This module reads them only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from uuid import UUID

from oadb.engine.binding.operations import operation
from oadb.engine.binding.pages import Limit, Page
from oadb.engine.binding.values import UNSET, Unset
from oadb.engine.executors import AsyncExecutor
from oadb.keys import proof
from oadb.security.refusals import Refusal
from oadb.security.secret import Secret
from oadb.trading import strategy_changes
from oadb.trading.strategy_kinds import StrategyKind
from oadb.trading.strategy_rows import (
    CHARTINK,
    TIME_ZONE,
    NewStrategy,
    ProductType,
    Strategy,
    SymbolMapping,
)
from oadb.validation import owners
from oadb.validation.argument_rules import Label, TimeZone

__all__ = [
    "ChartinkMapping",
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


@dataclass(frozen=True, slots=True)
class ChartinkMapping:
    """The order placed when a scan names *chartink_symbol*; *quantity* is above 0."""

    chartink_symbol: Label
    exchange: Label
    quantity: int
    product_type: ProductType


_KIND = StrategyKind("chartink", True, ChartinkMapping)


@operation
@proof.seals
@owners.required
async def create(
    db: AsyncExecutor,
    user_id: int,
    name: Label,
    *,
    definition: dict[str, object] | None = None,
    is_intraday: bool = True,
    start_time: time | None = None,
    end_time: time | None = None,
    squareoff_time: time | None = None,
    time_zone: TimeZone = TIME_ZONE,
) -> NewStrategy[ChartinkMapping]:
    """Create a strategy for Chartink; see ``strategies.create``.

    Returns:
        The strategy and its webhook, which is not stored and cannot be read again.
    """
    return await _KIND.create(
        db,
        user_id,
        name,
        CHARTINK,
        "BOTH",
        definition,
        is_intraday,
        start_time,
        end_time,
        squareoff_time,
        time_zone,
    )


@operation
async def get(
    db: AsyncExecutor, user_id: int, strategy_id: UUID
) -> Strategy[ChartinkMapping] | None:
    """Read a strategy of a user.

    Returns:
        The strategy; None if the user has no such strategy for Chartink.
    """
    return await _KIND.get(db, user_id, strategy_id)


@operation
async def verify_webhook(db: AsyncExecutor, webhook: Secret) -> Strategy[ChartinkMapping] | Refusal:
    """Find the active strategy that a scan's webhook belongs to: one indexed lookup.

    Returns:
        The strategy, or a refusal as in ``strategies.verify_webhook``; UNKNOWN also for a webhook
        of another platform.
    """
    return await _KIND.verify_webhook(db, webhook)


@operation
async def list_by_user(
    db: AsyncExecutor, user_id: int, *, cursor: str | None = None, limit: Limit = 100
) -> Page[Strategy[ChartinkMapping]]:
    """List the strategies of a user for Chartink.

    Returns:
        A page of the strategies with their mappings, newest first.
    """
    return await _KIND.list_by_user(db, user_id, cursor, limit)


@operation
async def count_by_user(db: AsyncExecutor, user_id: int) -> int:
    """Count the strategies of a user for Chartink.

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
    """Change the given times of a strategy; see ``strategies.update``.

    Returns:
        Whether anything changed; False also if there is no such strategy.
    """
    return await strategy_changes.update(
        db, user_id, strategy_id, start_time, end_time, squareoff_time, time_zone
    )


@operation
async def rename(db: AsyncExecutor, user_id: int, strategy_id: UUID, name: Label) -> bool:
    """Rename a strategy; see ``strategies.rename``.

    Returns:
        False if there is no such strategy.
    """
    return await strategy_changes.rename(db, user_id, strategy_id, name)


@operation
async def set_definition(
    db: AsyncExecutor, user_id: int, strategy_id: UUID, definition: dict[str, object]
) -> bool:
    """Replace the definition of a strategy; see ``strategies.set_definition``.

    Returns:
        False if there is no such strategy.
    """
    label = "chartink.set_definition"
    return await strategy_changes.set_definition(db, label, user_id, strategy_id, definition)


@operation
async def put_mappings(
    db: AsyncExecutor, user_id: int, strategy_id: UUID, mappings: Sequence[ChartinkMapping]
) -> int | None:
    """Insert or replace mappings; see ``strategies.put_mappings``.

    Returns:
        The number of mappings written; None if there is no such strategy.
    """
    plain = [
        SymbolMapping(each.chartink_symbol, each.exchange, each.quantity, each.product_type)
        for each in mappings
    ]
    label = "chartink.put_mappings"
    return await strategy_changes.put_mappings(db, label, user_id, strategy_id, plain)


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
