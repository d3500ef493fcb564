"""Queries of payments: ranks, running totals, gaps, grouping sets, partitions, functions."""

from datetime import UTC, date, datetime
from decimal import Decimal

from rentals import income
from rentals.seed import noon

from oadb import Database, Transaction

JANUARY, FEBRUARY, MARCH = (datetime(2015, month, 1, tzinfo=UTC) for month in (1, 2, 3))


def test_the_best_customers_of_each_month_share_a_place(planted: Database) -> None:
    assert income.list_best_customers(planted, best=1) == [
        (JANUARY, "Noah", Decimal("6.00"), 1),
        (FEBRUARY, "Omar", Decimal("5.00"), 1),
        (MARCH, "Priya", Decimal("4.00"), 1),
    ]
    places = [(best.month.month, best.place) for best in income.list_best_customers(planted)]
    assert places == [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2), (3, 3)]


def test_payments_run_up_to_a_total(planted: Database) -> None:
    totals = income.list_running_totals(planted, 2)

    assert [each.amount for each in totals] == [*map(Decimal, ("4.00", "2.00", "2.50", "3.00"))]
    assert [each.total for each in totals] == [*map(Decimal, ("4.00", "6.00", "8.50", "11.50"))]
    assert totals[-1].recent == Decimal("2.50")


def test_days_without_payments_are_there(planted: Database) -> None:
    days = income.list_days(planted, date(2015, 1, 31), date(2015, 2, 2))

    assert days == [
        (date(2015, 1, 31), 0, Decimal(0), None),
        (date(2015, 2, 1), 1, Decimal("2.50"), Decimal("2.50")),
        (date(2015, 2, 2), 0, Decimal(0), None),
    ]


def test_loans_without_payments_are_there(planted: Database) -> None:
    assert income.list_loans_with_payments(planted, 1) == [
        (1, 1, Decimal("2.50")),
        (2, 2, Decimal("3.00")),
        (6, None, None),
    ]


def test_sums_of_parts_stand_beside_the_sum_of_all(planted: Database) -> None:
    sums = income.sum_by_city_and_category(planted)

    assert sums == [
        ("Delhi", "Drama", Decimal("2.50"), 0),
        ("Delhi", "Horror", Decimal("5.00"), 0),
        ("Delhi", None, Decimal("7.50"), 1),
        ("Pune", "Comedy", Decimal("10.00"), 0),
        ("Pune", "Drama", Decimal("11.00"), 0),
        ("Pune", None, Decimal("21.00"), 1),
        (None, None, Decimal("28.50"), 3),
    ]


def test_months_are_compared_with_the_one_before(planted: Database) -> None:
    assert income.compare_months(planted) == [
        (JANUARY, Decimal("11.50"), None),
        (FEBRUARY, Decimal("7.50"), Decimal("-4.00")),
        (MARCH, Decimal("9.50"), Decimal("2.00")),
    ]


def test_a_function_that_writes_is_a_write(changing: Transaction) -> None:
    described = income.charge_late.describe()
    assert (described.is_read, described.is_repeatable) == (False, False)

    assert income.charge_late(changing, noon(3, 10), Decimal("1.50")) == 2
    fees = [payment for payment in income.export(changing) if payment.paid_at == noon(3, 10)]
    assert [fee.amount for fee in fees] == [Decimal("1.50"), Decimal("1.50")]


def test_a_materialized_view_shows_what_was_refreshed(changing: Transaction) -> None:
    assert income.list_by_month(changing) == []

    income.refresh(changing)

    assert income.list_by_month(changing) == [
        (JANUARY, 1, Decimal("11.50")),
        (FEBRUARY, 1, Decimal("2.50")),
        (FEBRUARY, 2, Decimal("5.00")),
        (MARCH, 1, Decimal("3.00")),
        (MARCH, 2, Decimal("6.50")),
    ]


def test_payments_are_exported_from_all_partitions(planted: Database) -> None:
    exported = [*income.export(planted)]

    assert len(exported) == 9
    assert exported[0] == (1, Decimal("2.50"), noon(1, 2))
    assert {payment.paid_at.month for payment in exported} == {1, 2, 3}
