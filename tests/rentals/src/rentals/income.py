"""Payments, and what they sum up to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from oadb import Affected, queries

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class NewPayment:
    loan_id: int
    amount: Decimal
    paid_at: datetime


class BestCustomer(NamedTuple):
    month: datetime
    name: str
    paid: Decimal
    place: int


class RunningTotal(NamedTuple):
    paid_at: datetime
    amount: Decimal
    total: Decimal
    recent: Decimal


class Day(NamedTuple):
    """The highest payment is None on a day without any."""

    day: date
    payments: int
    income: Decimal
    highest: Decimal | None


class LoanPayment(NamedTuple):
    loan_id: int
    payment_id: int | None
    amount: Decimal | None


class Sum(NamedTuple):
    """City and category are None where all are summed up; ``level`` is 0, 1 or 3 then."""

    city: str | None
    category: str | None
    income: Decimal
    level: int


class MonthChange(NamedTuple):
    month: datetime
    income: Decimal
    more: Decimal | None


class MonthIncome(NamedTuple):
    month: datetime
    store_id: int
    income: Decimal


class Payment(NamedTuple):
    payment_id: int
    amount: Decimal
    paid_at: datetime


@query
def load(rows: Iterable[NewPayment]) -> Affected: ...


@query
def list_best_customers(*, best: int = 3) -> list[BestCustomer]: ...


@query
def list_running_totals(customer_id: int) -> list[RunningTotal]: ...


@query
def list_days(first: date, last: date) -> list[Day]: ...


@query
def list_loans_with_payments(customer_id: int) -> list[LoanPayment]: ...


@query
def sum_by_city_and_category() -> list[Sum]: ...


@query
def compare_months() -> list[MonthChange]: ...


@query
def charge_late(at: datetime, fee: Decimal) -> int: ...


@query
def refresh() -> None: ...


@query
def list_by_month() -> list[MonthIncome]: ...


@query
def export() -> Iterator[Payment]: ...


query.complete()
