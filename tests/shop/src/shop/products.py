"""Products."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from oadb import Affected, queries

query = queries(__name__)

Order = Literal["title", "price", "price_desc"]


@dataclass(frozen=True, slots=True)
class Product:
    product_id: int
    sku: str
    title: str
    price: Decimal
    tags: list[str]
    details: dict[str, object]
    is_listed: bool


@query
def put(
    sku: str, title: str, price: Decimal, *, tags: list[str], details: dict[str, object]
) -> int: ...


@query
def get(product_id: int) -> Product | None: ...


@query
def find_by_sku(sku: str) -> Product | None: ...


@query
def search(
    *,
    words: str | None = None,
    from_price: Decimal | None = None,
    to_price: Decimal | None = None,
    tags: list[str] | None = None,
    order: Order = "title",
    rows: int = 20,
) -> list[Product]:
    """Search the products that are listed."""
    ...


@query
def set_listed(product_id: int, *, is_listed: bool) -> Affected: ...


@query
def stream_all() -> Iterator[Product]: ...


@query
def load(rows: Iterable[tuple[str, str, Decimal]]) -> Affected: ...


@query
def export() -> Iterator[bytes]: ...


query.complete()
