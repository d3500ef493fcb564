"""Queries of loans: ranges that exclude each other, locks, gaps, deletions that return rows."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from psycopg.errors import ExclusionViolation
from psycopg.types.range import Range
from rentals import income, loans
from rentals.seed import noon

from oadb import Database, Transaction

TODAY = noon(3, 10)


class _UndoError(Exception):
    """Ends the transaction of a worker."""


def test_a_copy_that_is_out_cannot_be_lent(changing: Transaction) -> None:
    with pytest.raises(ExclusionViolation), changing.transaction() as inner:
        loans.lend(inner, 6, 2, at=TODAY, days=3)

    returned = loans.take_back(changing, 6, at=TODAY)
    assert returned == Range(noon(2, 10), TODAY)
    lent = loans.lend(changing, 6, 2, at=TODAY, days=3)
    assert lent.due_at == noon(3, 13)


def test_a_copy_cannot_be_lent_into_an_earlier_loan(changing: Transaction) -> None:
    with pytest.raises(ExclusionViolation):
        loans.lend(changing, 1, 2, at=noon(1, 4), days=3)


def test_what_is_not_out_cannot_be_taken_back(changing: Transaction) -> None:
    assert loans.take_back(changing, 1, at=TODAY) is None


def test_overdue_loans_are_listed_longest_first(planted: Database) -> None:
    overdue = loans.list_overdue(planted, at=TODAY)

    assert overdue == [
        ("Two Umbrellas", "Meera", timedelta(days=25)),
        ("The Paper Tiger", "Priya", timedelta(days=4)),
    ]
    assert loans.list_overdue(planted, at=TODAY, store_id=1) == overdue[1:]
    assert loans.list_overdue(planted, at=noon(2, 13)) == []


def test_two_workers_claim_different_loans(planted: Database) -> None:
    claimed: list[loans.Claimed | None] = []
    both = Barrier(2, timeout=30)

    def work() -> None:
        with suppress(_UndoError), planted.transaction() as tx:
            claimed.append(loans.claim_overdue(tx, at=TODAY))
            both.wait()  # neither has committed
            raise _UndoError

    workers = [Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(filter(None, claimed)) == [(6, 1), (8, 4)]


def test_a_loan_is_claimed_once(changing: Transaction) -> None:
    found = [loans.claim_overdue(changing, at=TODAY) for _ in range(3)]

    assert found == [(6, 1), (8, 4), None]


def test_the_latest_loan_of_each_customer_is_listed(planted: Database) -> None:
    assert loans.list_latest(planted) == [
        (1, 6, noon(2, 10)),
        (2, 9, noon(3, 5)),
        (3, 7, noon(3, 1)),
        (4, 8, noon(3, 3)),
    ]


def test_loans_are_found_by_a_time_that_they_overlap(planted: Database) -> None:
    january = Range(datetime(2015, 1, 11, tzinfo=UTC), datetime(2015, 1, 16, tzinfo=UTC))

    assert loans.list_during(planted, january) == [
        (2, Range(noon(1, 10), noon(1, 12))),
        (3, Range(noon(1, 15), noon(1, 20))),
    ]
    out = loans.list_during(planted, Range(noon(3, 8), None))
    assert [(loan.loan_id, loan.period.upper_inf) for loan in out] == [(6, True), (8, True)]


def test_copies_that_are_in_their_store_are_found(planted: Database) -> None:
    assert loans.list_free_copies(planted, 1, at=noon(1, 3)) == [(2, 2)]
    assert loans.list_free_copies(planted, 1, at=noon(1, 5)) == [(1, 1), (2, 2)]
    assert loans.list_free_copies(planted, 3, at=TODAY) == []


def test_the_time_between_two_loans_of_a_copy_is_measured(planted: Database) -> None:
    assert loans.list_idle_spells(planted) == [
        (1, "Monsoon Letters", timedelta(days=27)),
        (3, "Salt Harbour", timedelta(days=52)),
        (4, "The Paper Tiger", timedelta(days=42)),
    ]


def test_deleted_loans_are_returned_and_take_their_payments(changing: Transaction) -> None:
    deleted = loans.delete_ended(changing, before=noon(2, 1))

    assert sorted(deleted) == [(1, 1, None), (2, 2, None), (3, 3, None)]
    assert [payment.payment_id for payment in income.export(changing)] == [5, 6, 7, 8, 9]


def test_a_copy_names_the_loan_that_overlaps_another(changing: Transaction) -> None:
    period = Range(noon(4, 1), noon(4, 5))
    rows = [loans.NewLoan(1, customer, period, noon(4, 5)) for customer in (1, 2)]

    with pytest.raises(ExclusionViolation, match=r"loans\.load: line 2: period must be free"):
        loans.load(changing, rows)
