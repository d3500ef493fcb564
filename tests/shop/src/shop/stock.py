"""Stock of each warehouse."""

from dataclasses import dataclass

from oadb import Affected, queries

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class Low:
    product_id: int
    warehouse: str
    on_hand: int


@query
def count(product_id: int, warehouse: str, on_hand: int) -> Affected: ...


@query
def take(product_id: int, warehouse: str, *, quantity: int) -> int | None: ...


@query
def get(product_id: int, warehouse: str) -> int | None: ...


@query
def list_low(at_most: int, *, warehouse: str | None = None, rows: int = 100) -> list[Low]: ...


@query
def lock(product_id: int, warehouse: str) -> int | None: ...


query.complete()
