"""Strategies for Chartink's scans, with Chartink's names for fields.

They are strategies like the others (see ``strategies``) with a fixed platform and trading mode: a
scan buys, sells, shorts and covers. This module reads them only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from uuid import UUID

from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.executors import AsyncExecutor
from oadb.security.refusals import Refusal
from oadb.security.secret import Secret
from oadb.trading import strategies, strategy_changes
from oadb.trading.strategy_changes import TIME_ZONE, Mapping, ProductType
from oadb.trading.strategy_rows import (
    CHARTINK,
    FoundStrategy,
    IssuedStrategy,
    Strategy,
    StrategyKind,
)
from oadb.validation.rules import TimeZone

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class ChartinkMapping:
    """The order placed when a scan names *chartink_symbol*; *quantity* is above 0."""

    chartink_symbol: str
    exchange: str
    quantity: int
    product_type: ProductType


@query
def _list_rows(user_id: int) -> list[FoundStrategy]: ...


@query
def count_by_user(user_id: int) -> int: ...


query.complete()

_KIND = StrategyKind(lambda platform: platform == CHARTINK, ChartinkMapping)


@operation
async def create(
    db: AsyncExecutor,
    user_id: int,
    name: str,
    *,
    definition: dict[str, object] | None = None,
    is_intraday: bool = True,
    start_time: time | None = None,
    end_time: time | None = None,
    squareoff_time: time | None = None,
    time_zone: TimeZone = TIME_ZONE,
) -> IssuedStrategy[ChartinkMapping]:
    """Create a strategy for Chartink; see ``strategies.create``.

    Returns:
        The strategy and its webhook, which is not stored and cannot be read again.
    """
    return await strategies.issue(
        db,
        _KIND,
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
    return _KIND.read(await strategies.find(db, user_id, strategy_id))


@operation
async def find_by_webhook(
    db: AsyncExecutor, webhook: Secret
) -> Strategy[ChartinkMapping] | Refusal:
    """Find the active strategy that a scan's webhook belongs to: one indexed lookup.

    Returns:
        The strategy, or a refusal as in ``strategies.find_by_webhook``; UNKNOWN also for a webhook
        of another platform.
    """
    return await strategies.look_up(db, _KIND, webhook)


@operation
async def list_by_user(db: AsyncExecutor, user_id: int) -> list[Strategy[ChartinkMapping]]:
    """List the strategies of a user for Chartink.

    Returns:
        The strategies with their mappings, newest first.
    """
    return _KIND.read_all(await _list_rows(db, user_id))


@operation
async def put_mappings(
    db: AsyncExecutor, user_id: int, strategy_id: UUID, mappings: Sequence[ChartinkMapping]
) -> int | None:
    """Insert or replace mappings; see ``strategies.put_mappings``.

    Returns:
        The number of mappings written; None if there is no such strategy.
    """
    strategy_changes.require_all("chartink.put_mappings", mappings, ChartinkMapping)
    plain = [
        Mapping(each.chartink_symbol, each.exchange, each.quantity, each.product_type)
        for each in mappings
    ]
    return await strategies.put_mappings(db, user_id, strategy_id, plain)


set_active = strategy_changes.set_active
toggle = strategy_changes.toggle
set_times = strategy_changes.set_times
rename = strategy_changes.rename
set_definition = strategy_changes.set_definition
delete_mappings = strategy_changes.delete_mappings
delete = strategy_changes.delete
