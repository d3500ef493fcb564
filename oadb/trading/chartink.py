"""Strategies of Chartink's scans, in its words.

They are strategies like the others (see ``strategies``), of a platform and a trading mode that are
given: a scan buys, sells, shorts and covers. What is read here is theirs alone.
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
from oadb.trading.strategies import CHARTINK, FoundStrategy, IssuedStrategy, Kind, Strategy
from oadb.trading.strategy_changes import TIME_ZONE, Mapping, ProductType

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class ChartinkMapping:
    """What is ordered when a scan names *chartink_symbol*; *quantity* is more than 0."""

    chartink_symbol: str
    exchange: str
    quantity: int
    product_type: ProductType


@query
def _list_rows(user_id: int) -> list[FoundStrategy]: ...


@query
def count_by_user(user_id: int) -> int: ...


query.complete()

_KIND = Kind(lambda platform: platform == CHARTINK, ChartinkMapping)


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
    time_zone: str = TIME_ZONE,
) -> IssuedStrategy[ChartinkMapping]:
    """Make a strategy of Chartink; as ``strategies.create``."""
    return await strategies.issue(
        db, _KIND, user_id, name, CHARTINK, "BOTH", definition, is_intraday, start_time, end_time,
        squareoff_time, time_zone,
    )  # fmt: skip


@operation
async def get(
    db: AsyncExecutor, user_id: int, strategy_id: UUID
) -> Strategy[ChartinkMapping] | None:
    """Return a strategy of a user."""
    return _KIND.read(await strategies.find(db, user_id, strategy_id))


@operation
async def find_by_webhook(
    db: AsyncExecutor, webhook: Secret
) -> Strategy[ChartinkMapping] | Refusal:
    """Return the active strategy that a scan is for; as ``strategies.find_by_webhook``."""
    return await strategies.look_up(db, _KIND, webhook)


@operation
async def list_by_user(db: AsyncExecutor, user_id: int) -> list[Strategy[ChartinkMapping]]:
    """Return the strategies of a user, the newest first."""
    return _KIND.read_all(await _list_rows(db, user_id))


@operation
async def put_mappings(
    db: AsyncExecutor, user_id: int, strategy_id: UUID, mappings: Sequence[ChartinkMapping]
) -> int | None:
    """Insert or replace mappings; as ``strategies.put_mappings``."""
    strategy_changes.require_all("chartink.put_mappings", mappings, ChartinkMapping)
    return await strategies.put_mappings(
        db, user_id, strategy_id,
        [Mapping(m.chartink_symbol, m.exchange, m.quantity, m.product_type) for m in mappings],
    )  # fmt: skip


set_active = strategy_changes.set_active
toggle = strategy_changes.toggle
set_times = strategy_changes.set_times
rename = strategy_changes.rename
set_definition = strategy_changes.set_definition
delete_mappings = strategy_changes.delete_mappings
delete = strategy_changes.delete
