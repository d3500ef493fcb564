"""Customers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from oadb import UNSET, Affected, Limit, Page, Unset, queries

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class Customer:
    customer_id: int
    email: str
    name: str
    phone: str | None
    created_at: datetime


@query
def create(email: str, name: str, *, phone: str | None = None) -> Customer: ...


@query
def get(customer_id: int) -> Customer | None: ...


@query
def find_by_email(email: str) -> Customer | None: ...


@query
def list_all(
    *,
    begins: str | None = None,
    order: Literal["created", "name"] = "created",
    cursor: str | None = None,
    limit: Limit = 100,
) -> Page[Customer]: ...


@query
def update(
    customer_id: int,
    *,
    email: str | Unset = UNSET,
    name: str | Unset = UNSET,
    phone: str | Unset | None = UNSET,
) -> Customer | None: ...


@query
def delete(customer_id: int) -> Affected: ...


@query
def is_known(email: str) -> bool: ...


@query
def count() -> int: ...


query.complete()
