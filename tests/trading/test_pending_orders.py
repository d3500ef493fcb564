"""Pending orders: each is decided once and gets one answer from the broker."""

from collections.abc import Callable, Generator
from typing import Any

import pytest
from psycopg.errors import CheckViolation

from oadb import AsyncDatabase, Config, Database
from oadb.accounts import users
from oadb.changes.announcements import Change
from oadb.errors import ParameterError, TransactionError
from oadb.trading import pending_orders
from oadb.trading.pending_orders import PendingOrder, StatusCount
from tests.conftest import RING
from tests.support.notifications import heard
from tests.support.rig import Observer, threads
from tests.support.trading import db, user_id

__all__ = ["db", "user_id"]

ORDER: dict[str, object] = {"symbol": "SBIN", "exchange": "NSE", "quantity": 10, "price": 812.5}
BOSS = 999


@pytest.fixture(scope="module")
def many(url: str) -> Generator[Database]:
    """Give a database with a connection for each of 16 threads."""
    environ = {"DATABASE_URL": url, "DB_POOL_SIZE": "16", "OADB_KEYRING": RING.to_json()}
    with Database(Config.from_env(environ)) as many:
        yield many


def wait(db: Database, user_id: int) -> int:
    return pending_orders.create(db, user_id, "placeorder", ORDER).pending_order_id


def status(db: Database, user_id: int, order_id: int) -> str:
    order = pending_orders.get(db, user_id, order_id)
    assert order is not None
    return order.status


STEPS: dict[str, Callable[[Database, int, int], bool]] = {
    "approve": pending_orders.approve,
    "reject": lambda db, user, order: pending_orders.reject(db, user, order, decided_by=BOSS),
    "sent": lambda db, user, order: pending_orders.record_answer(db, user, order, "sent"),
    "failed": lambda db, user, order: pending_orders.record_answer(db, user, order, "failed"),
    "delete": pending_orders.delete,
}

# The steps to each state, and those that are allowed there.
STATES: dict[str, tuple[list[str], set[str]]] = {
    "pending": ([], {"approve", "reject"}),
    "approved": (["approve"], {"sent", "failed"}),
    "rejected": (["reject"], {"delete"}),
    "sent": (["approve", "sent"], {"delete"}),
    "failed": (["approve", "failed"], {"delete"}),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("state", STATES)
def test_each_step_is_allowed_in_its_states_only(
    db: Database, user_id: int, state: str, step: str
) -> None:
    way, allowed = STATES[state]
    order_id = wait(db, user_id)
    assert all(STEPS[each](db, user_id, order_id) for each in way)
    before = pending_orders.get(db, user_id, order_id)
    assert before is not None
    assert before.status == state

    assert STEPS[step](db, user_id, order_id) is (step in allowed)
    after = pending_orders.get(db, user_id, order_id)
    assert (after == before) is (step not in allowed)
    assert (after is None) is (step == "delete" and step in allowed)


@pytest.mark.parametrize("step", STEPS)
def test_orders_of_another_user_and_missing_orders_are_not_changed(
    db: Database, user_id: int, step: str
) -> None:
    mine = wait(db, user_id)
    other = users.create(db, f"other{mine}", f"other{mine}@example.in").user_id

    assert STEPS[step](db, other, mine) is False
    assert STEPS[step](db, user_id, 2**62) is False
    assert pending_orders.get(db, other, mine) is None
    assert status(db, user_id, mine) == "pending"


def test_an_order_is_stored_as_given(db: Database, user_id: int) -> None:
    order = pending_orders.create(db, user_id, "smartorder", ORDER)

    assert order == pending_orders.get(db, user_id, order.pending_order_id)
    assert (order.api_type, order.order_data, order.status) == ("smartorder", ORDER, "pending")
    assert order.created_at.tzinfo
    assert order.decided_at is order.decided_by is order.reason is order.answered_at is None


def test_the_decision_and_the_answer_of_the_broker_are_stored(db: Database, user_id: int) -> None:
    sent, rejected, failed = (wait(db, user_id) for _ in range(3))
    assert pending_orders.approve(db, user_id, sent)
    assert pending_orders.record_answer(
        db, user_id, sent, "sent", broker_order_id="240101", broker_status="open"
    )
    assert pending_orders.reject(db, user_id, rejected, decided_by=BOSS, reason="too large")
    assert pending_orders.approve(db, user_id, failed)
    assert pending_orders.record_answer(db, user_id, failed, "failed", reason="no margin")

    one, two, three = (pending_orders.get(db, user_id, each) for each in (sent, rejected, failed))
    assert one
    assert two
    assert three
    assert (one.status, one.decided_by, one.broker_order_id, one.broker_status) == (
        "sent",
        user_id,
        "240101",
        "open",
    )
    assert (two.status, two.decided_by, two.reason, two.answered_at) == (
        "rejected",
        BOSS,
        "too large",
        None,
    )
    assert (three.status, three.reason) == ("failed", "no margin")
    assert one.decided_at is not None
    assert one.answered_at is not None
    assert one.created_at <= one.decided_at <= one.answered_at


def test_the_platform_may_reject_an_order(db: Database, user_id: int) -> None:
    order_id = wait(db, user_id)
    assert pending_orders.reject(db, user_id, order_id, decided_by=None, reason="end of day")

    order = pending_orders.get(db, user_id, order_id)
    assert order
    assert (order.status, order.decided_by) == ("rejected", None)


def test_the_database_allows_approval_by_the_owner_only(
    db: Database, url: str, user_id: int
) -> None:
    order_id = wait(db, user_id)
    for by in ("999", "null"):
        with pytest.raises(CheckViolation) as refused:
            Observer(url).rows(
                "update oadb.pending_orders set status = 'approved', decided_at = now(), "
                f"decided_by = {by} where pending_order_id = {order_id}"
            )
        assert refused.value.diag.constraint_name == "pending_orders_decided_by_check"


# At once ---------------------------------------------------------------------------------------


def test_of_16_concurrent_approvals_one_returns_true(many: Database, user_id: int) -> None:
    for _ in range(10):
        order_id = wait(many, user_id)
        with threads(16) as pool:
            done = list(pool.map(lambda _: pending_orders.approve(many, user_id, order_id), STATES))  # noqa: B023  # called within the iteration
            done += list(
                pool.map(lambda _: pending_orders.approve(many, user_id, order_id), range(16))  # noqa: B023  # called within the iteration
            )
        assert sorted(done)[-2:] == [False, True]


def test_an_order_approved_and_rejected_at_once_is_one_of_both(
    many: Database, user_id: int
) -> None:
    for _ in range(10):
        order_id = wait(many, user_id)
        steps = ["approve", "reject"] * 8
        with threads(16) as pool:
            done = list(pool.map(lambda step: STEPS[step](many, user_id, order_id), steps))  # noqa: B023  # called within the iteration
        (winner,) = [step for step, told in zip(steps, done, strict=True) if told]
        expected = {"approve": "approved", "reject": "rejected"}
        assert status(many, user_id, order_id) == expected[winner]


def test_of_concurrent_answers_one_is_stored(many: Database, user_id: int) -> None:
    order_id = wait(many, user_id)
    pending_orders.approve(many, user_id, order_id)

    def answer(number: int) -> bool:
        return pending_orders.record_answer(
            many, user_id, order_id, "sent", broker_order_id=str(number)
        )

    with threads(16) as pool:
        done = list(pool.map(answer, range(16)))
    order = pending_orders.get(many, user_id, order_id)
    assert order
    assert done.count(True) == 1
    assert order.broker_order_id == str(done.index(True))


# Lists -----------------------------------------------------------------------------------------


def everything(page: Callable[[int | None], list[PendingOrder]]) -> list[int]:
    found: list[int] = []
    while some := page(found[-1] if found else None):
        found += [each.pending_order_id for each in some]
    return found


def test_lists_are_paged_newest_first(db: Database, user_id: int) -> None:
    made = [wait(db, user_id) for _ in range(7)]
    for order_id in made[::2]:
        pending_orders.approve(db, user_id, order_id)

    assert everything(lambda seen: pending_orders.list_recent(db, user_id, seen, 2)) == made[::-1]
    assert (
        everything(lambda seen: pending_orders.list_by_status(db, user_id, "pending", seen, 2))
        == made[1::2][::-1]
    )
    assert pending_orders.list_by_status(db, user_id, "sent") == []
    assert pending_orders.count_by_status(db, user_id) == [
        StatusCount("approved", 4),
        StatusCount("pending", 3),
    ]
    assert pending_orders.count_by_status(db, BOSS) == []


# What is refused -------------------------------------------------------------------------------


def test_a_list_of_an_invalid_state_is_refused(db: Database, user_id: int) -> None:
    state: Any = "aproved"
    with pytest.raises(ParameterError, match="status must be one of pending, approved, rejected"):
        pending_orders.list_by_status(db, user_id, state)


def test_an_approval_in_a_transaction_is_refused(db: Database, user_id: int) -> None:
    order_id = wait(db, user_id)
    for asking in (db, db.as_user(user_id)):
        with asking.transaction() as tx, pytest.raises(TransactionError, match="must not run in a"):
            pending_orders.approve(tx, user_id, order_id)

    assert status(db, user_id, order_id) == "pending"


def test_other_steps_are_part_of_a_transaction(db: Database, user_id: int) -> None:
    rejected, answered = wait(db, user_id), wait(db, user_id)
    assert pending_orders.approve(db, user_id, answered)
    with db.transaction() as tx:
        assert pending_orders.reject(tx, user_id, rejected, decided_by=BOSS)
        assert pending_orders.record_answer(tx, user_id, answered, "sent")
        assert pending_orders.delete(tx, user_id, rejected)

    assert status(db, user_id, answered) == "sent"


@pytest.mark.parametrize("outcome", ["", "approved", "pending", "SENT", None, [], ["sent"]])
def test_an_invalid_answer_is_refused(db: Database, user_id: int, outcome: Any) -> None:
    order_id = wait(db, user_id)
    pending_orders.approve(db, user_id, order_id)
    with pytest.raises(ParameterError, match=r"status must be (sent or failed|str, not )"):
        pending_orders.record_answer(db, user_id, order_id, outcome)

    assert status(db, user_id, order_id) == "approved"


# Listeners, users, asyncio ---------------------------------------------------------------------


def test_each_step_is_announced_and_refusals_are_not(db: Database, url: str, user_id: int) -> None:
    made: list[int] = []

    def work() -> None:
        made.append(wait(db, user_id))
        for step in ("delete", "approve", "approve", "reject", "sent", "failed", "delete"):
            STEPS[step](db, user_id, made[0])

    assert heard(url, work) == [Change("pending_orders", user_id, str(made[0]))] * 4


def test_orders_are_deleted_with_their_user(db: Database, user_id: int) -> None:
    order_id = wait(db, user_id)
    assert users.delete(db, user_id)

    assert pending_orders.get(db, user_id, order_id) is None


def test_under_an_identity_a_user_decides_on_own_orders(db: Database, user_id: int) -> None:
    mine = db.as_user(user_id)
    order_id = pending_orders.create(mine, user_id, "placeorder", ORDER).pending_order_id

    assert pending_orders.approve(db.as_user(user_id + 10_000), user_id, order_id) is False
    assert pending_orders.approve(mine, user_id, order_id)
    assert pending_orders.record_answer(mine, user_id, order_id, "sent")
    assert pending_orders.delete(mine, user_id, order_id)


async def test_pending_orders_work_with_asyncio(adb: AsyncDatabase) -> None:
    asha = (await users.create(adb, "asha", "asha@example.in")).user_id
    order = await pending_orders.create(adb, asha, "placeorder", ORDER)

    assert await pending_orders.approve(adb, asha, order.pending_order_id)
    assert await pending_orders.record_answer(adb, asha, order.pending_order_id, "sent")
    assert (await pending_orders.list_by_status(adb, asha, "sent"))[0].order_data == ORDER
    assert await pending_orders.delete(adb, asha, order.pending_order_id)
