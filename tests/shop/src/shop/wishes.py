"""What users of the platform want."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from oadb import Affected, queries

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    user_id: int
    product_id: int
    note: str | None
    wished_at: datetime


class NamedWish(NamedTuple):
    product_id: int
    title: str
    note: str | None
    wished_at: datetime


class Demand(NamedTuple):
    product_id: int
    wishes: int


@query
def put(user_id: int, product_id: int, note: str | None = None) -> Affected:
    """Wish for a product; without a note, an earlier one stays."""
    ...


@query
def get(user_id: int, product_id: int) -> Wish | None: ...


@query
def list_wishes(user_id: int, *, to_price: Decimal | None = None) -> list[NamedWish]: ...


@query
def list_everything() -> list[Wish]: ...


@query
def count_by_product(*, limit: int = 10) -> list[Demand]: ...


@query
def remove(user_id: int, product_id: int) -> Affected: ...


@query
def clear(user_id: int) -> Affected: ...


query.complete()
