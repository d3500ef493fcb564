"""Lists of pending orders: pages of all, and of one state."""

from collections.abc import Callable
from typing import Any

import pytest

from oadb import Database, Page
from oadb.errors import ParameterError
from oadb.trading import pending_orders
from oadb.trading.pending_orders import PendingOrder, StatusCount
from tests.support.trading import db, new_user, user_id

__all__ = ["db", "user_id"]


def wait(db: Database, user_id: int) -> int:
    return pending_orders.create(db, user_id, "placeorder", {}).pending_order_id


def everything(read: Callable[[str | None], Page[PendingOrder]]) -> list[int]:
    """Return the orders of all pages."""
    page = read(None)
    found = [each.pending_order_id for each in page]
    while page.next is not None:
        page = read(page.next)
        found += [each.pending_order_id for each in page]
        assert len(found) <= 20, "more than there are"
    return found


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 1000])
def test_each_order_is_on_one_page_newest_first(db: Database, user_id: int, limit: int) -> None:
    other = new_user(db)
    made: list[int] = []
    for _ in range(7):
        made.append(wait(db, user_id))
        wait(db, other)
    for order_id in made[::2]:
        pending_orders.approve(db, user_id, pending_order_id=order_id)

    def read_all(cursor: str | None) -> Page[PendingOrder]:
        return pending_orders.list_by_user(db, user_id, cursor=cursor, limit=limit)

    def read_pending(cursor: str | None) -> Page[PendingOrder]:
        return pending_orders.list_by_user(
            db, user_id, status="pending", cursor=cursor, limit=limit
        )

    assert everything(read_all) == made[::-1]
    assert everything(read_pending) == made[1::2][::-1]
    assert pending_orders.list_by_user(db, user_id, status="sent") == Page([], None)


def test_orders_that_are_decided_between_pages_hide_no_other(db: Database, user_id: int) -> None:
    made = [wait(db, user_id) for _ in range(6)][::-1]
    first = pending_orders.list_by_user(db, user_id, status="pending", limit=2)
    for order_id in (made[0], made[1], made[2]):
        pending_orders.approve(db, user_id, pending_order_id=order_id)
    wait(db, user_id)
    rest = pending_orders.list_by_user(db, user_id, status="pending", cursor=first.next)

    assert [each.pending_order_id for each in (*first, *rest)] == [*made[:2], *made[3:]]


def test_a_cursor_of_another_list_is_refused(db: Database, user_id: int) -> None:
    for _ in range(2):
        wait(db, user_id)
    cursor = pending_orders.list_by_user(db, user_id, status="pending", limit=1).next

    assert len(pending_orders.list_by_user(db, user_id, status="pending", cursor=cursor)) == 1
    for call in (
        lambda: pending_orders.list_by_user(db, user_id, status="approved", cursor=cursor),
        lambda: pending_orders.list_by_user(db, new_user(db), status="pending", cursor=cursor),
        lambda: pending_orders.list_by_user(db, user_id, cursor=cursor),
    ):
        with pytest.raises(
            ParameterError, match=r"^pending_orders\.list_by_\w+: cursor is not one"
        ):
            call()


def test_orders_are_counted_by_their_state(db: Database, user_id: int) -> None:
    rejected, approved, failed, sent, *_ = [wait(db, user_id) for _ in range(6)]
    for order_id in (sent, failed, approved):
        pending_orders.approve(db, user_id, pending_order_id=order_id)
    pending_orders.record_outcome(db, user_id, pending_order_id=sent, outcome="sent")
    pending_orders.record_outcome(db, user_id, pending_order_id=failed, outcome="failed")
    pending_orders.reject(db, user_id, pending_order_id=rejected, by=None)

    assert pending_orders.count_by_status(db, user_id) == [
        StatusCount("approved", 1),
        StatusCount("failed", 1),
        StatusCount("pending", 2),
        StatusCount("rejected", 1),
        StatusCount("sent", 1),
    ]
    assert pending_orders.count_by_status(db, new_user(db)) == []


@pytest.mark.parametrize("state", ["aproved", "", "PENDING"])
def test_a_list_of_an_invalid_state_is_refused(db: Database, user_id: int, state: Any) -> None:
    with pytest.raises(
        ParameterError,
        match=r"^pending_orders\.list_by_user: status must be one of pending, approved, "
        r"rejected, sent, failed$",
    ):
        pending_orders.list_by_user(db, user_id, status=state)
