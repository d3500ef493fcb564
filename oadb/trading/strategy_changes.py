"""Changes of strategies, the same for every platform.

``strategies`` and ``chartink`` offer them as operations of their own. Each change is one statement
and is announced in the same transaction: the next alert sees it, and caches are told.
"""

from collections.abc import Sequence
from datetime import time
from uuid import UUID

from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.values import UNSET, Unset
from oadb.engine.executors import AsyncExecutor
from oadb.engine.repeating import transacted
from oadb.errors import ParameterError
from oadb.trading.strategy_rows import ProductType, SymbolMapping
from oadb.validation.documents import require_document

query = queries(__name__)


@query
def _set_active(user_id: int, strategy_id: UUID, is_active: bool) -> Affected: ...


@query
def _update(
    user_id: int,
    strategy_id: UUID,
    *,
    start_time: time | Unset | None = UNSET,
    end_time: time | Unset | None = UNSET,
    squareoff_time: time | Unset | None = UNSET,
    time_zone: str | Unset = UNSET,
) -> Affected: ...


@query
def _rename(user_id: int, strategy_id: UUID, name: str) -> Affected: ...


@query
def _set_definition(user_id: int, strategy_id: UUID, definition: dict[str, object]) -> Affected: ...


@query
def _delete(user_id: int, strategy_id: UUID) -> Affected: ...


@query
def _put_mappings(
    user_id: int,
    strategy_id: UUID,
    symbols: list[str],
    exchanges: list[str],
    quantities: list[int],
    product_types: list[ProductType],
) -> int | None: ...


@query
def _delete_mappings(user_id: int, strategy_id: UUID, symbols: list[str]) -> int: ...


query.complete()


async def set_active(db: AsyncExecutor, user_id: int, strategy_id: UUID, is_active: bool) -> bool:
    """Switch a strategy on or off; False if there is no such strategy."""
    change = change_of(user_id, strategy_id)
    return await announcements.write(db, change, _set_active, user_id, strategy_id, is_active) > 0


async def update(
    db: AsyncExecutor,
    user_id: int,
    strategy_id: UUID,
    start_time: time | Unset | None,
    end_time: time | Unset | None,
    squareoff_time: time | Unset | None,
    time_zone: str | Unset,
) -> bool:
    """Change the given times; False if nothing changed or there is no such strategy."""
    changed = await announcements.write(
        db,
        change_of(user_id, strategy_id),
        _update,
        user_id,
        strategy_id,
        start_time=start_time,
        end_time=end_time,
        squareoff_time=squareoff_time,
        time_zone=time_zone,
    )
    return changed > 0


async def rename(db: AsyncExecutor, user_id: int, strategy_id: UUID, name: str) -> bool:
    """Rename a strategy; False if there is no such strategy."""
    change = change_of(user_id, strategy_id)
    return await announcements.write(db, change, _rename, user_id, strategy_id, name) > 0


async def set_definition(
    db: AsyncExecutor, label: str, user_id: int, strategy_id: UUID, definition: dict[str, object]
) -> bool:
    """Replace the definition; False if there is no such strategy.

    Args:
        label: the operation, with which an error begins.

    Raises:
        ParameterError: an unfit object (see ``require_document``).
    """
    require_document(f"{label}: definition", definition)
    change = change_of(user_id, strategy_id)
    return (
        await announcements.write(db, change, _set_definition, user_id, strategy_id, definition) > 0
    )


async def delete(db: AsyncExecutor, user_id: int, strategy_id: UUID) -> bool:
    """Delete a strategy with its mappings; False if there is no such strategy."""
    change = change_of(user_id, strategy_id)
    return await announcements.write(db, change, _delete, user_id, strategy_id) > 0


async def put_mappings(
    db: AsyncExecutor,
    label: str,
    user_id: int,
    strategy_id: UUID,
    mappings: Sequence[SymbolMapping],
) -> int | None:
    """Insert or replace mappings; see ``strategies.put_mappings``.

    Args:
        label: the operation, with which an error begins.

    Raises:
        ParameterError: a symbol that occurs twice.
    """
    symbols = [each.symbol for each in mappings]
    _require_different(label, symbols)

    @transacted
    async def work(tx: AsyncExecutor) -> int | None:
        put = await _put_mappings(
            tx,
            user_id,
            strategy_id,
            symbols,
            [each.exchange for each in mappings],
            [each.quantity for each in mappings],
            [each.product_type for each in mappings],
        )
        await announcements.announce(tx, put or 0, change_of(user_id, strategy_id))
        return put

    return await work(db)


async def delete_mappings(
    db: AsyncExecutor, user_id: int, strategy_id: UUID, symbols: list[str]
) -> int:
    """Delete the mappings of some symbols, and return their number."""
    change = change_of(user_id, strategy_id)
    return await announcements.write(db, change, _delete_mappings, user_id, strategy_id, symbols)


def _require_different(label: str, symbols: list[str]) -> None:
    seen: set[str] = set()
    for number, symbol in enumerate(symbols):
        if symbol in seen:
            raise ParameterError(
                f"{label}: mappings[{number}] repeats the symbol of an earlier one; give one"
            )
        seen.add(symbol)


def change_of(user_id: int, strategy_id: UUID) -> Change:
    """Return the announcement for a strategy, its mappings or its webhook."""
    return Change("strategies", user_id, str(strategy_id))
