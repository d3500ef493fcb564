"""Orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from oadb import Affected, AsyncExecutor, Limit, Page, operation, queries

query = queries(__name__)

Status = Literal["open", "paid", "shipped", "cancelled"]


@dataclass(frozen=True, slots=True)
class Order:
    order_id: int
    customer_id: int
    status: str
    note: str | None
    placed_at: datetime


@dataclass(frozen=True, slots=True)
class Line:
    product_id: int
    quantity: int
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What is ordered."""

    product_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class StatusCount:
    status: str
    orders: int


class OutOfStockError(Exception):
    """A product that does not exist."""


@query
def _create(customer_id: int, note: str | None) -> int: ...


@query
def _add_line(order_id: int, product_id: int, quantity: int) -> Affected: ...


@query
def get(order_id: int) -> Order | None: ...


@query
def list_orders(
    *,
    customer_id: int | None = None,
    status: Status | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    with_note: bool = False,
    cursor: str | None = None,
    limit: Limit = 50,
) -> Page[Order]:
    """List orders, newest first."""
    ...


@query
def list_lines(order_id: int) -> list[Line]: ...


@query
def get_total(order_id: int) -> Decimal: ...


@query
def _set_status(order_id: int, status: Status, was: Status) -> int | None: ...


@query
def count_by_status(*, customer_id: int | None = None) -> list[StatusCount]: ...


@query
def delete_cancelled(*, before: datetime) -> Affected: ...


query.complete()


@operation
async def place(
    db: AsyncExecutor, customer_id: int, items: Sequence[Item], *, note: str | None = None
) -> int:
    """Place an order.

    Returns:
        Its id.

    Raises:
        OutOfStockError: a product does not exist; nothing is ordered.
    """
    async with db.transaction() as tx:
        order_id = await _create(tx, customer_id, note)
        for item in items:
            if not await _add_line(tx, order_id, item.product_id, item.quantity):
                raise OutOfStockError(f"no product {item.product_id}")
    return order_id


@operation
async def pay(db: AsyncExecutor, order_id: int) -> bool:
    """Mark an open order as paid; False if it is not open."""
    return await _set_status(db, order_id, "paid", "open") is not None
