"""Queries of people: a recursive walk, a merge, rows for months without any."""

from datetime import date

import pytest
from rentals import people

from oadb import Database, Transaction


def test_actors_are_connected_by_films_that_they_share(planted: Database) -> None:
    assert people.list_connected(planted, 1) == [
        (2, 1, ["Asha Rao", "Ben Carver"]),
        (3, 2, ["Asha Rao", "Ben Carver", "Chen Li"]),
        (4, 3, ["Asha Rao", "Ben Carver", "Chen Li", "Dina Roy"]),
    ]


@pytest.mark.parametrize(
    ("steps", "reached"), [(0, []), (1, [5]), (2, [4, 5]), (5, [1, 2, 3, 4, 5])]
)
def test_the_walk_ends_after_its_steps(planted: Database, steps: int, reached: list[int]) -> None:
    found = people.list_connected(planted, 6, steps=steps)

    assert [connection.actor_id for connection in found] == reached


def test_a_merge_changes_known_customers_and_adds_others(changing: Transaction) -> None:
    written = people.merge(
        changing,
        ["meera@example.in", "noah@example.in", "ravi@example.in"],
        ["Meera Nair", "Noah", "Ravi"],
        store_id=2,
        joined_on=date(2015, 4, 1),
    )

    assert written == 2
    assert [customer.name for customer in people.list_all(changing)] == [
        "Meera Nair",
        "Noah",
        "Omar",
        "Priya",
        "Quinn",
        "Ravi",
    ]


def test_many_customers_are_created_in_their_order(changing: Transaction) -> None:
    rows = [(1, f"{name}@example.in", name, date(2015, 4, 1)) for name in ("b", "a", "c")]

    created = people.create.many(changing, rows)

    known = {customer.customer_id: customer.name for customer in people.list_all(changing)}
    assert [known[customer_id] for customer_id in created] == ["b", "a", "c"]


def test_months_in_which_nobody_joined_are_listed(planted: Database) -> None:
    months = people.list_joined(planted, 2015)

    assert [(month.joined, month.total) for month in months[:4]] == [(2, 2), (0, 2), (1, 3), (0, 3)]
    assert months[-1] == (date(2015, 12, 1), 0, 3)
