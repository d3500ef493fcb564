"""Pending orders: each is decided once and gets one answer from the broker."""

from collections.abc import Callable, Generator
from datetime import timedelta
from typing import Any

import pytest
from psycopg.errors import CheckViolation

from oadb import AsyncDatabase, Config, Database, Executor
from oadb.accounts import users
from oadb.changes.announcements import Change
from oadb.errors import NoRowError, ParameterError, TransactionError
from oadb.trading import pending_orders
from oadb.trading.pending_orders import OrderOutcome, PendingOrder
from tests.conftest import RING
from tests.support.deleted_actors import refused_beside_a_deletion
from tests.support.log_rows import held
from tests.support.notifications import heard
from tests.support.rig import Observer, threads
from tests.support.trading import db, new_user, user_id

__all__ = ["db", "user_id"]

ORDER: dict[str, object] = {"symbol": "SBIN", "exchange": "NSE", "quantity": 10, "price": 812.5}


@pytest.fixture(scope="module")
def many(url: str) -> Generator[Database]:
    """Give a database with a connection for each of 16 threads."""
    environ = {"DATABASE_URL": url, "DB_POOL_SIZE": "16", "OADB_KEYRING": RING.to_json()}
    with Database(Config.from_env(environ)) as many:
        yield many


def wait(db: Database, user_id: int) -> int:
    return pending_orders.create(db, user_id, "placeorder", ORDER).pending_order_id


def status(db: Database, user_id: int, order_id: int) -> str:
    return read(db, user_id, order_id).status


def read(db: Database, user_id: int, order_id: int) -> PendingOrder:
    order = pending_orders.get(db, user_id, pending_order_id=order_id)
    assert order is not None
    return order


def answer(db: Database, user_id: int, order_id: int, outcome: OrderOutcome) -> bool:
    return pending_orders.record_outcome(db, user_id, pending_order_id=order_id, outcome=outcome)


def reject(db: Executor, user_id: int, order_id: int) -> bool:
    return pending_orders.reject(db, user_id, pending_order_id=order_id, by=user_id)


@pytest.fixture
def boss(db: Database) -> int:
    """Give a user who decides on the orders of others."""
    return new_user(db)


STEPS: dict[str, Callable[[Database, int, int], bool]] = {
    "approve": lambda db, user, order: pending_orders.approve(db, user, pending_order_id=order),
    "reject": reject,
    "sent": lambda db, user, order: answer(db, user, order, "sent"),
    "failed": lambda db, user, order: answer(db, user, order, "failed"),
    "delete": lambda db, user, order: pending_orders.delete(db, user, pending_order_id=order),
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
    before = read(db, user_id, order_id)
    assert before.status == state

    assert STEPS[step](db, user_id, order_id) is (step in allowed)
    after = pending_orders.get(db, user_id, pending_order_id=order_id)
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
    assert pending_orders.get(db, other, pending_order_id=mine) is None
    assert status(db, user_id, mine) == "pending"


def test_an_order_is_stored_as_given(db: Database, user_id: int) -> None:
    order = pending_orders.create(db, user_id, "smartorder", ORDER)

    assert order == read(db, user_id, order.pending_order_id)
    assert (order.api_type, order.order_data, order.status) == ("smartorder", ORDER, "pending")
    assert order.created_at.tzinfo
    assert order.decided_at is order.decided_by is order.reason is order.answered_at is None


def test_the_decision_and_the_outcome_are_stored(db: Database, user_id: int, boss: int) -> None:
    sent, rejected, failed = (wait(db, user_id) for _ in range(3))
    assert pending_orders.approve(db, user_id, pending_order_id=sent)
    assert pending_orders.record_outcome(
        db,
        user_id,
        pending_order_id=sent,
        outcome="sent",
        broker_order_id="240101",
        broker_status="open",
    )
    assert pending_orders.reject(
        db, user_id, pending_order_id=rejected, by=boss, reason="too large"
    )
    assert pending_orders.approve(db, user_id, pending_order_id=failed)
    assert pending_orders.record_outcome(
        db, user_id, pending_order_id=failed, outcome="failed", reason="no margin"
    )

    one, two, three = (read(db, user_id, each) for each in (sent, rejected, failed))
    assert (one.status, one.decided_by, one.broker_order_id, one.broker_status) == (
        "sent",
        user_id,
        "240101",
        "open",
    )
    assert (two.status, two.decided_by, two.reason, two.answered_at) == (
        "rejected",
        boss,
        "too large",
        None,
    )
    assert (three.status, three.reason) == ("failed", "no margin")
    assert one.decided_at is not None
    assert one.answered_at is not None
    assert one.created_at <= one.decided_at <= one.answered_at


def test_the_platform_may_reject_an_order(db: Database, user_id: int) -> None:
    order_id = wait(db, user_id)
    assert pending_orders.reject(
        db, user_id, pending_order_id=order_id, by=None, reason="end of day"
    )

    order = read(db, user_id, order_id)
    assert (order.status, order.decided_by) == ("rejected", None)


def test_nobody_who_is_no_user_can_reject_an_order(db: Database, user_id: int) -> None:
    order_id, gone = wait(db, user_id), new_user(db)
    assert users.delete(db, gone)
    for by in (gone, 2**62, 0, -1):
        with pytest.raises(NoRowError, match=rf"^pending_orders\.reject: there is no user {by}$"):
            pending_orders.reject(db, user_id, pending_order_id=order_id, by=by)

    assert status(db, user_id, order_id) == "pending"


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
            done = list(pool.map(lambda _: STEPS["approve"](many, user_id, order_id), range(21)))  # noqa: B023  # called within the iteration
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


def test_of_concurrent_outcomes_one_is_stored(many: Database, user_id: int) -> None:
    order_id = wait(many, user_id)
    pending_orders.approve(many, user_id, pending_order_id=order_id)

    def record(number: int) -> bool:
        return pending_orders.record_outcome(
            many,
            user_id,
            pending_order_id=order_id,
            outcome="sent",
            broker_order_id=str(number),
        )

    with threads(16) as pool:
        done = list(pool.map(record, range(16)))
    assert done.count(True) == 1
    assert read(many, user_id, order_id).broker_order_id == str(done.index(True))


# What is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["get", "approve", "delete"])
def test_two_ids_cannot_be_swapped(db: Database, user_id: int, step: str) -> None:
    call: Any = getattr(pending_orders, step)
    order_id = wait(db, user_id)
    with pytest.raises(TypeError, match="positional"):
        call(db, order_id, user_id)

    assert status(db, user_id, order_id) == "pending"


def test_who_rejects_an_order_must_be_said(db: Database, user_id: int) -> None:
    call: Any = pending_orders.reject
    with pytest.raises(TypeError, match="'by'"):
        call(db, user_id, pending_order_id=wait(db, user_id))


def test_an_approval_in_a_transaction_is_refused(db: Database, user_id: int) -> None:
    order_id = wait(db, user_id)
    for asking in (db, db.as_user(user_id)):
        with asking.transaction() as tx, pytest.raises(TransactionError, match="must not run in a"):
            pending_orders.approve(tx, user_id, pending_order_id=order_id)

    assert status(db, user_id, order_id) == "pending"


def test_other_steps_are_part_of_a_transaction(db: Database, user_id: int) -> None:
    rejected, answered = wait(db, user_id), wait(db, user_id)
    assert pending_orders.approve(db, user_id, pending_order_id=answered)
    with db.transaction() as tx:
        assert reject(tx, user_id, rejected)
        assert pending_orders.record_outcome(tx, user_id, pending_order_id=answered, outcome="sent")
        assert pending_orders.delete(tx, user_id, pending_order_id=rejected)

    assert status(db, user_id, answered) == "sent"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        *((each, "must be one of sent, failed") for each in ("", "approved", "pending", "SENT")),
        (None, "must be str, not NoneType"),
        ([], "must be str, not list"),
        (["sent"], "must be str, not list"),
    ],
)
def test_an_invalid_outcome_is_refused(db: Database, user_id: int, given: Any, said: str) -> None:
    order_id = wait(db, user_id)
    pending_orders.approve(db, user_id, pending_order_id=order_id)
    with pytest.raises(ParameterError, match=rf"^pending_orders\.record_outcome: outcome {said}$"):
        answer(db, user_id, order_id, given)

    assert status(db, user_id, order_id) == "approved"


# Listeners, users, asyncio ---------------------------------------------------------------------


def test_each_step_is_announced_and_refusals_are_not(db: Database, url: str, user_id: int) -> None:
    made: list[int] = []

    def work() -> None:
        made.append(wait(db, user_id))
        for step in ("delete", "approve", "approve", "reject", "sent", "failed", "delete"):
            STEPS[step](db, user_id, made[0])

    assert heard(url, work) == [Change("pending_orders", user_id, str(made[0]))] * 4


def test_an_order_is_not_rejected_by_a_user_who_is_deleted_meanwhile(
    db: Database, url: str, user_id: int
) -> None:
    order = wait(db, user_id)

    refused_beside_a_deletion(
        db,
        url,
        lambda other, by: pending_orders.reject(other, user_id, pending_order_id=order, by=by),
    )
    assert status(db, user_id, order) == "pending"


def test_orders_that_are_too_old_are_deleted_the_oldest_first(
    db: Database, url: str, user_id: int
) -> None:
    oldest, older, new = (wait(db, user_id) for _ in range(3))
    for order, days in ((oldest, 900), (older, 800)):
        Observer(url).rows(
            "update oadb.pending_orders set created_at = now() - make_interval(days => %s) "
            "where user_id = %s and pending_order_id = %s",
            days,
            user_id,
            order,
        )
    year = timedelta(days=365)

    with held(url, "select from oadb.claims for update"):
        assert pending_orders.delete_old(db, older_than=year) == 0, "another sweep has begun"
    assert pending_orders.delete_old(db, older_than=year, batch=1) == 1
    assert pending_orders.get(db, user_id, pending_order_id=oldest) is None
    assert pending_orders.delete_old(db, older_than=year) == 1
    assert pending_orders.delete_old(db, older_than=year) == 0
    assert status(db, user_id, new) == "pending"


def test_orders_are_deleted_with_their_user(db: Database, user_id: int) -> None:
    order_id = wait(db, user_id)
    assert users.delete(db, user_id)

    assert pending_orders.get(db, user_id, pending_order_id=order_id) is None


def test_under_an_identity_a_user_decides_on_own_orders(db: Database, user_id: int) -> None:
    mine = db.as_user(user_id)
    order_id = pending_orders.create(mine, user_id, "placeorder", ORDER).pending_order_id

    other = db.as_user(user_id + 10_000)
    assert pending_orders.approve(other, user_id, pending_order_id=order_id) is False
    assert pending_orders.approve(mine, user_id, pending_order_id=order_id)
    assert pending_orders.record_outcome(mine, user_id, pending_order_id=order_id, outcome="sent")
    assert pending_orders.delete(mine, user_id, pending_order_id=order_id)


async def test_pending_orders_work_with_asyncio(adb: AsyncDatabase) -> None:
    asha = (await users.create(adb, "asha", "asha@example.in")).user_id
    order = await pending_orders.create(adb, asha, "placeorder", ORDER)
    order_id = order.pending_order_id

    assert await pending_orders.approve(adb, asha, pending_order_id=order_id)
    assert await pending_orders.record_outcome(adb, asha, pending_order_id=order_id, outcome="sent")
    assert (await pending_orders.list_by_user(adb, asha, status="sent")).rows[0].order_data == ORDER
    assert await pending_orders.delete(adb, asha, pending_order_id=order_id)
