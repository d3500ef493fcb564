"""Copies of films, and who had them when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from psycopg.types.range import Range

from oadb import Affected, queries

query = queries(__name__)


class NewCopy(NamedTuple):
    film_id: int
    store_id: int


@dataclass(frozen=True, slots=True)
class NewLoan:
    copy_id: int
    customer_id: int
    period: Range[datetime]
    due_at: datetime


class Lent(NamedTuple):
    loan_id: int
    due_at: datetime


class Overdue(NamedTuple):
    title: str
    name: str
    overdue: timedelta


class Claimed(NamedTuple):
    loan_id: int
    customer_id: int


class Latest(NamedTuple):
    customer_id: int
    loan_id: int
    lent_at: datetime


class Lending(NamedTuple):
    loan_id: int
    period: Range[datetime]


class FreeCopy(NamedTuple):
    copy_id: int
    store_id: int


class IdleSpell(NamedTuple):
    copy_id: int
    film: str
    idle: timedelta


class Deleted(NamedTuple):
    loan_id: int
    film_id: int
    reminded_at: datetime | None


@query
def load_copies(rows: Iterable[NewCopy]) -> Affected: ...


@query
def load(rows: Iterable[NewLoan]) -> Affected: ...


@query
def lend(copy_id: int, customer_id: int, *, at: datetime, days: int) -> Lent: ...


@query
def take_back(loan_id: int, *, at: datetime) -> Range[datetime] | None: ...


@query
def list_overdue(*, at: datetime, store_id: int | None = None) -> list[Overdue]: ...


@query
def claim_overdue(*, at: datetime) -> Claimed | None: ...


@query
def list_latest() -> list[Latest]: ...


@query
def list_during(period: Range[datetime]) -> list[Lending]: ...


@query
def list_free_copies(film_id: int, *, at: datetime) -> list[FreeCopy]: ...


@query
def list_idle_spells() -> list[IdleSpell]: ...


@query
def delete_ended(*, before: datetime) -> list[Deleted]: ...


query.complete()
