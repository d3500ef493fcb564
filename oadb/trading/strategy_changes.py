"""Changes of strategies, the same for every platform.

``strategies`` and ``chartink`` offer these functions as their own. Each change is one statement and
is announced in the same transaction: the next alert sees it, and caches are told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from typing import Literal, cast
from uuid import UUID

from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.errors import ParameterError
from oadb.validation.documents import require_document
from oadb.validation.rules import TimeZone

query = queries(__name__)

TIME_ZONE = "Asia/Kolkata"
"""The default time zone of a strategy's times."""

ProductType = Literal["CNC", "MIS", "NRML"]


@dataclass(frozen=True, slots=True)
class Mapping:
    """The order placed when an alert names *symbol*; *quantity* is above 0."""

    symbol: str
    exchange: str
    quantity: int
    product_type: ProductType


@query
def _set_active(user_id: int, strategy_id: UUID, is_active: bool) -> Affected: ...


@query
def _toggle(user_id: int, strategy_id: UUID) -> bool | None: ...


@query
def _set_times(
    user_id: int,
    strategy_id: UUID,
    start_time: time | None,
    end_time: time | None,
    squareoff_time: time | None,
    time_zone: str,
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


@operation
async def set_active(db: AsyncExecutor, user_id: int, strategy_id: UUID, is_active: bool) -> bool:
    """Switch a strategy on or off, effective for the next alert.

    Returns:
        False if there is no such strategy.
    """
    change = change_of(user_id, strategy_id)
    return await announcements.write(db, change, _set_active, user_id, strategy_id, is_active) > 0


@operation
async def toggle(db: AsyncExecutor, user_id: int, strategy_id: UUID) -> bool | None:
    """Switch a strategy on if it is off, and off if it is on.

    Prefer ``set_active`` where the wanted state is known: it may be repeated.

    Returns:
        Whether the strategy is active now; None if there is no such strategy.
    """
    async with db.transaction() as tx:
        is_active = await _toggle(tx, user_id, strategy_id)
        await announcements.announce(tx, is_active is not None, change_of(user_id, strategy_id))
    return is_active


@operation
async def set_times(
    db: AsyncExecutor,
    user_id: int,
    strategy_id: UUID,
    start_time: time | None,
    end_time: time | None,
    squareoff_time: time | None,
    time_zone: TimeZone = TIME_ZONE,
) -> bool:
    """Replace all times of a strategy; see ``strategies.create``.

    Returns:
        False if there is no such strategy.

    Raises:
        ParameterError: an unknown time zone.
        CheckViolation: times out of order (psycopg).
    """
    change = change_of(user_id, strategy_id)
    changed = await announcements.write(
        db,
        change,
        _set_times,
        user_id,
        strategy_id,
        start_time,
        end_time,
        squareoff_time,
        time_zone,
    )
    return changed > 0


@operation
async def rename(db: AsyncExecutor, user_id: int, strategy_id: UUID, name: str) -> bool:
    """Rename a strategy.

    Returns:
        False if there is no such strategy.

    Raises:
        CheckViolation: a name not of 1 to 255 characters (psycopg).
    """
    change = change_of(user_id, strategy_id)
    return await announcements.write(db, change, _rename, user_id, strategy_id, name) > 0


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
    require_document("strategy_changes.set_definition: definition", definition)
    change = change_of(user_id, strategy_id)
    return (
        await announcements.write(db, change, _set_definition, user_id, strategy_id, definition) > 0
    )


@operation
async def delete(db: AsyncExecutor, user_id: int, strategy_id: UUID) -> bool:
    """Delete a strategy with its mappings.

    Returns:
        False if there is no such strategy.
    """
    change = change_of(user_id, strategy_id)
    return await announcements.write(db, change, _delete, user_id, strategy_id) > 0


@operation
async def put_mappings(
    db: AsyncExecutor, user_id: int, strategy_id: UUID, mappings: Sequence[Mapping]
) -> int | None:
    """Insert mappings, or replace those of the same symbols: all of them or none.

    Returns:
        The number of mappings written; None if there is no such strategy.

    Raises:
        ParameterError: an item that is not a mapping, or a symbol that occurs twice.
        CheckViolation: a value out of range (psycopg).
    """
    require_all("strategy_changes.put_mappings", mappings, Mapping)
    symbols = [each.symbol for each in mappings]
    _require_different("strategy_changes.put_mappings", symbols)
    async with db.transaction() as tx:
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


@operation
async def delete_mappings(
    db: AsyncExecutor, user_id: int, strategy_id: UUID, symbols: list[str]
) -> int:
    """Delete the mappings of some symbols with one statement.

    Returns:
        The number of mappings deleted; 0 also if there is no such strategy.
    """
    change = change_of(user_id, strategy_id)
    return await announcements.write(db, change, _delete_mappings, user_id, strategy_id, symbols)


def require_all(label: str, mappings: object, kind: type) -> None:
    """Require a sequence of mappings of one kind.

    Raises:
        ParameterError: not a sequence, or an item of another type.
    """
    if not isinstance(mappings, Sequence):
        raise ParameterError(f"{label}: mappings must be a sequence, not {type(mappings).__name__}")
    for number, each in enumerate(cast("Sequence[object]", mappings)):
        if not isinstance(each, kind):
            raise ParameterError(
                f"{label}: mappings[{number}] must be {kind.__name__}, not {type(each).__name__}"
            )


def _require_different(label: str, symbols: list[str]) -> None:
    seen: set[str] = set()
    for number, symbol in enumerate(symbols):
        if not isinstance(cast("object", symbol), str):
            raise ParameterError(f"{label}: mappings[{number}].symbol must be str")
        if symbol in seen:
            raise ParameterError(
                f"{label}: mappings[{number}] repeats the symbol of an earlier one"
            )
        seen.add(symbol)


def change_of(user_id: int, strategy_id: UUID) -> Change:
    """Return the announcement for a strategy, its mappings or its webhook."""
    return Change("strategies", user_id, str(strategy_id))
