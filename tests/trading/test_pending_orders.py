"""Pending orders: each is decided once, by whoever may, and has one answer of its broker."""

import re
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from math import inf, nan
from typing import Any

import psycopg
import pytest
from psycopg.errors import CheckViolation, ForeignKeyViolation

from oadb import AsyncDatabase, Config, Database
from oadb.accounts import users
from oadb.changes.announcements import Change
from oadb.errors import ParameterError, TransactionError
from oadb.trading import pending_orders
from oadb.trading.pending_orders import PendingOrder, StatusCount
from tests.conftest import RING, configured
from tests.support.notifications import heard
from tests.support.rig import Observer, threads

ORDER: dict[str, object] = {"symbol": "SBIN", "exchange": "NSE", "quantity": 10, "price": 812.5}
BOSS = 999

numbers = count(1)


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with Database(configured(url)) as db:
        yield db


@pytest.fixture(scope="module")
def many(url: str) -> Generator[Database]:
    """Give a database with a connection for each of 16 threads."""
    environ = {"DATABASE_URL": url, "DB_POOL_SIZE": "16", "OADB_KEYRING": RING.to_json()}
    with Database(Config.from_env(environ)) as many:
        yield many


@pytest.fixture
def user_id(db: Database) -> int:
    number = next(numbers)
    return users.create(db, f"user{number}", f"user{number}@example.in").user_id


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

# The way to each state, and what may be done there.
STATES: dict[str, tuple[list[str], set[str]]] = {
    "pending": ([], {"approve", "reject"}),
    "approved": (["approve"], {"sent", "failed"}),
    "rejected": (["reject"], {"delete"}),
    "sent": (["approve", "sent"], {"delete"}),
    "failed": (["approve", "failed"], {"delete"}),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("state", STATES)
def test_a_step_is_taken_from_the_state_that_it_leaves_alone(
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
def test_an_order_of_another_user_and_one_that_is_not_there_are_left_alone(
    db: Database, user_id: int, step: str
) -> None:
    mine = wait(db, user_id)
    other = users.create(db, f"other{mine}", f"other{mine}@example.in").user_id

    assert STEPS[step](db, other, mine) is False
    assert STEPS[step](db, user_id, 2**62) is False
    assert pending_orders.get(db, other, mine) is None
    assert status(db, user_id, mine) == "pending"


def test_an_order_waits_as_it_was_asked_for(db: Database, user_id: int) -> None:
    order = pending_orders.create(db, user_id, "smartorder", ORDER)

    assert order == pending_orders.get(db, user_id, order.pending_order_id)
    assert (order.api_type, order.order_data, order.status) == ("smartorder", ORDER, "pending")
    assert order.created_at.tzinfo
    assert order.decided_at is order.decided_by is order.reason is order.answered_at is None


def test_who_decided_when_and_why_and_what_the_broker_said_is_kept(
    db: Database, user_id: int
) -> None:
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
        "sent", user_id, "240101", "open",
    )  # fmt: skip
    assert (two.status, two.decided_by, two.reason, two.answered_at) == (
        "rejected", BOSS, "too large", None,
    )  # fmt: skip
    assert (three.status, three.reason) == ("failed", "no margin")
    assert one.created_at <= (one.decided_at or one.created_at) <= (one.answered_at or BOSS)  # type: ignore[operator]


def test_the_platform_rejects_what_nobody_decided(db: Database, user_id: int) -> None:
    order_id = wait(db, user_id)
    assert pending_orders.reject(db, user_id, order_id, decided_by=None, reason="end of day")

    order = pending_orders.get(db, user_id, order_id)
    assert order
    assert (order.status, order.decided_by) == ("rejected", None)


def test_the_database_lets_no_order_be_approved_but_by_its_owner(
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


def test_of_16_approvals_at_once_one_is_told_true(many: Database, user_id: int) -> None:
    for _ in range(10):
        order_id = wait(many, user_id)
        with threads(16) as pool:
            done = list(pool.map(lambda _: pending_orders.approve(many, user_id, order_id), STATES))  # noqa: B023
            done += list(
                pool.map(lambda _: pending_orders.approve(many, user_id, order_id), range(16))  # noqa: B023
            )
        assert sorted(done)[-2:] == [False, True]


def test_an_order_that_is_approved_and_rejected_at_once_is_one_of_both(
    many: Database, user_id: int
) -> None:
    for _ in range(10):
        order_id = wait(many, user_id)
        steps = ["approve", "reject"] * 8
        with threads(16) as pool:
            done = list(pool.map(lambda step: STEPS[step](many, user_id, order_id), steps))  # noqa: B023
        (winner,) = [step for step, told in zip(steps, done, strict=True) if told]
        expected = {"approve": "approved", "reject": "rejected"}
        assert status(many, user_id, order_id) == expected[winner]


def test_an_order_gets_one_answer_however_many_are_recorded(many: Database, user_id: int) -> None:
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


def test_lists_go_on_behind_what_was_seen_the_last_first(db: Database, user_id: int) -> None:
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
        StatusCount("approved", 4), StatusCount("pending", 3),
    ]  # fmt: skip
    assert pending_orders.count_by_status(db, BOSS) == []


# What is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "order",
    [
        {"apikey": "x"}, {"ApiKey": "x"}, {"api_key": "x"}, {"api-key": "x"}, {"API KEY": ""},
        {"a": {"apikey": None}}, {"a": [{"b": [{"apiKey": 1}]}]}, {"x-api-key": "x"},
        {"X-API-Key": "x"}, {"openalgo_apikey": "x"}, {"a": [{"broker_api_key": "x"}]},
    ],
    ids=str,
)  # fmt: skip
def test_an_api_key_in_an_order_is_refused_before_anything_is_sent(
    db: Database, url: str, user_id: int, order: dict[str, object]
) -> None:
    with pytest.raises(ParameterError, match="holds an API key; take it out"):
        pending_orders.create(db, user_id, "placeorder", order)
    with pytest.raises(CheckViolation) as refused, psycopg.connect(url) as connection:
        connection.execute(
            "insert into oadb.pending_orders (user_id, api_type, order_data) "
            "values (%s, 'placeorder', %s)",
            [user_id, psycopg.types.json.Jsonb(order)],
        )

    assert refused.value.diag.constraint_name == "pending_orders_order_data_secret_check"
    assert pending_orders.list_recent(db, user_id) == []


def test_what_only_sounds_like_an_api_key_is_none(db: Database, user_id: int) -> None:
    order: dict[str, object] = {"apikeys": 1, "note": "apikey", "key": "api_key", "api": {"key": 1}}

    assert pending_orders.create(db, user_id, "placeorder", order).order_data == order


@pytest.mark.parametrize(
    ("given", "constraint"),
    [
        ({"order_data": {"a": "\xe9" * 40_000}}, "pending_orders_order_data_size_check"),
        ({"api_type": ""}, "pending_orders_api_type_check"),
        ({"api_type": "place order"}, "pending_orders_api_type_check"),
    ],
)
def test_an_order_that_the_table_does_not_take_is_refused(
    db: Database, user_id: int, given: dict[str, Any], constraint: str
) -> None:
    with pytest.raises(CheckViolation) as refused:
        pending_orders.create(db, user_id, **{"api_type": "x", "order_data": ORDER, **given})

    assert refused.value.diag.constraint_name == constraint


CYCLE: dict[str, object] = {}
CYCLE["a"] = CYCLE
BUSH: object = 1
for _ in range(30):
    BUSH = [BUSH, BUSH]


@pytest.mark.parametrize(
    ("order", "problem"),
    [
        ({"price": nan}, "[price] is a float that would not come back as one"),
        ({"price": inf}, "[price] is a float that would not come back as one"),
        ({"price": 1e23}, "[price] is a float that would not come back as one"),
        ({"price": Decimal("1.5")}, "[price] is of type Decimal, which JSON lacks"),
        ({"at": datetime(2026, 1, 1, tzinfo=UTC)}, "[at] is of type datetime"),
        ({"legs": [(1, 2)]}, "[legs][0] is of type tuple"),
        ({"legs": ({"apikey": "x"},)}, "[legs] is of type tuple"),
        ({1: 2}, " has a name that is no text"), ({"a": {None: 1}}, "[a] has a name that is no"),
        ({"note": "a\0b"}, "[note] holds a NUL character"),
        ({"note": "\ud800"}, "[note] holds a lone surrogate"),
        ({"quantity": 2**70}, "[quantity] is a whole number of more than 64 bits"),
        ({"a": "x" * 66_000}, " is larger than 65,536"),
        (CYCLE, "[a]" * 32 + " is deeper than 32"), ({"legs": BUSH}, " is larger than 65,536"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",  # the repr of one is without end
)  # fmt: skip
def test_an_order_that_would_not_come_back_as_it_is_is_refused_before_anything_is_sent(
    db: Database, order: Any, problem: str
) -> None:
    with pytest.raises(
        ParameterError, match=re.escape(f"pending_orders.create: order_data{problem}")
    ):
        pending_orders.create(db, 1, "placeorder", order)


def test_a_list_of_a_state_that_is_none_is_refused(db: Database, user_id: int) -> None:
    state: Any = "aproved"
    with pytest.raises(ParameterError, match="status must be one of pending, approved, rejected"):
        pending_orders.list_by_status(db, user_id, state)


def test_an_approval_that_could_be_taken_back_after_it_was_told_is_refused(
    db: Database, user_id: int
) -> None:
    order_id = wait(db, user_id)
    for asking in (db, db.as_user(user_id)):
        with asking.transaction() as tx, pytest.raises(TransactionError, match="not in a transact"):
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


@pytest.mark.parametrize("order", [[], "x", None, 7, [("a", 1)]])
def test_an_order_is_an_object(db: Database, user_id: int, order: Any) -> None:
    with pytest.raises(ParameterError):
        pending_orders.create(db, user_id, "placeorder", order)


def test_an_order_of_nobody_is_refused(db: Database) -> None:
    with pytest.raises(ForeignKeyViolation) as refused:
        pending_orders.create(db, 2**62, "placeorder", ORDER)

    assert refused.value.diag.constraint_name == "pending_orders_user_id_fkey"


@pytest.mark.parametrize("outcome", ["", "approved", "pending", "SENT", None, [], ["sent"]])
def test_an_answer_that_is_none_is_refused(db: Database, user_id: int, outcome: Any) -> None:
    order_id = wait(db, user_id)
    pending_orders.approve(db, user_id, order_id)
    with pytest.raises(ParameterError, match=r"status must be (sent or failed|str, not )"):
        pending_orders.record_answer(db, user_id, order_id, outcome)

    assert status(db, user_id, order_id) == "approved"


# Listeners, users, asyncio ---------------------------------------------------------------------


def test_who_shows_orders_hears_of_each_step_and_of_no_refusal(
    db: Database, url: str, user_id: int
) -> None:
    made: list[int] = []

    def work() -> None:
        made.append(wait(db, user_id))
        for step in ("delete", "approve", "approve", "reject", "sent", "failed", "delete"):
            STEPS[step](db, user_id, made[0])

    assert heard(url, work) == [Change("pending_orders", user_id, str(made[0]))] * 4


def test_orders_go_with_their_user(db: Database, user_id: int) -> None:
    order_id = wait(db, user_id)
    assert users.delete(db, user_id)

    assert pending_orders.get(db, user_id, order_id) is None


def test_a_user_decides_on_orders_of_his_own(db: Database, user_id: int) -> None:
    mine = db.as_user(user_id)
    order_id = pending_orders.create(mine, user_id, "placeorder", ORDER).pending_order_id

    assert pending_orders.approve(db.as_user(user_id + 10_000), user_id, order_id) is False
    assert pending_orders.approve(mine, user_id, order_id)
    assert pending_orders.record_answer(mine, user_id, order_id, "sent")
    assert pending_orders.delete(mine, user_id, order_id)


async def test_orders_are_awaited(adb: AsyncDatabase) -> None:
    asha = (await users.create(adb, "asha", "asha@example.in")).user_id
    order = await pending_orders.create(adb, asha, "placeorder", ORDER)

    assert await pending_orders.approve(adb, asha, order.pending_order_id)
    assert await pending_orders.record_answer(adb, asha, order.pending_order_id, "sent")
    assert (await pending_orders.list_by_status(adb, asha, "sent"))[0].order_data == ORDER
    assert await pending_orders.delete(adb, asha, order.pending_order_id)
