"""Statements of known growth, on tables of a thousand and of a hundred thousand rows."""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from oadb.engine import dsn
from oadb.tools.plans.growth import Growth, JudgedNode
from oadb.tools.plans.growth_judge import judge
from oadb.tools.plans.planning import Planned, Planner
from tests.support.declaring import declared
from tests.support.growing_shop import SCALES, large_shop, small_shop

__all__ = ["large_shop", "small_shop"]

pytestmark = pytest.mark.long("fills tables with a hundred thousand rows")


@dataclass(frozen=True, slots=True)
class Judging:
    """Judges statements on two databases."""

    small: Planner
    large: Planner

    def __call__(self, sql: str, **takes: tuple[Any, str]) -> JudgedNode:
        statement = declared(sql, list[int], **{name: kind for name, (kind, _) in takes.items()})
        values = {name: value for name, (_, value) in takes.items()}
        large, small = (each.plan(statement, values) for each in (self.large, self.small))
        assert isinstance(large, Planned), large
        assert isinstance(small, Planned)
        return judge(large.tree, small.tree, SCALES)


@pytest.fixture(scope="module")
def small(small_shop: str) -> Generator[Planner]:
    with Planner.to(dsn.parse(small_shop)) as planner:
        yield planner


@pytest.fixture(scope="module")
def large(large_shop: str) -> Generator[Planner]:
    with Planner.to(dsn.parse(large_shop)) as planner:
        yield planner


@pytest.fixture(scope="module")
def judged(small: Planner, large: Planner) -> Judging:
    return Judging(small, large)


ID, WHEN, MOST = (int, "7"), (datetime, "2026-02-01 00:00:00.000001+00"), (int, "10")
ORDERS = "select order_id from shop.orders"

KNOWN = {
    "select 1 as one": Growth.CONSTANT,
    "select 1 as one from shop.markets": Growth.CONSTANT,
    "select user_id from shop.users where user_id = :user_id": Growth.LOGARITHMIC,
    "select user_id from shop.users where email = 'user7'": Growth.LOGARITHMIC,
    "delete from shop.users where user_id = :user_id returning user_id": Growth.LOGARITHMIC,
    "insert into shop.users (user_id, email) values (:user_id, 'x') returning user_id":
        Growth.LOGARITHMIC,
    "select max(placed_at)::text::int from shop.orders": Growth.LOGARITHMIC,
    f"{ORDERS} where user_id = :user_id": Growth.ASKED,
    f"{ORDERS} where user_id = :user_id order by placed_at": Growth.ASKED,
    f"{ORDERS} where user_id = any(array[1, 2, :user_id])": Growth.ASKED,
    f"{ORDERS} order by placed_at desc limit :most": Growth.ASKED,
    f"{ORDERS} where placed_at < :placed order by placed_at desc limit :most": Growth.ASKED,
    f"select count(*) from ({ORDERS} order by placed_at limit :most) as few": Growth.ASKED,
    f"with few as materialized ({ORDERS} order by placed_at limit :most) "
    "select users.user_id from few inner join shop.users on few.order_id = users.user_id":
        Growth.ASKED,
    "select user_id from shop.users where user_id in "
    "(select user_id from shop.orders where user_id = :user_id)": Growth.LOGARITHMIC,
    "select 1 as one where exists (select from shop.orders)": Growth.CONSTANT,
    "select count(*) from shop.orders": Growth.LINEAR,
    f"{ORDERS} where note = 'x'": Growth.LINEAR,
    f"{ORDERS} where status = 'open'": Growth.LINEAR,
    f"{ORDERS} where placed_at > :placed": Growth.LINEAR,
    f"{ORDERS} where note = 'x' order by placed_at limit :most": Growth.LINEAR,
    f"{ORDERS} order by note limit :most": Growth.SORTED,
    f"{ORDERS} order by note": Growth.SORTED,
    "select user_id from shop.orders group by user_id": Growth.LINEAR,
    "update shop.orders set note = 'x' returning order_id": Growth.LINEAR,
    "select a.order_id from shop.orders as a inner join shop.orders as b on a.note = b.note":
        Growth.LINEAR,
    "select a.order_id from shop.orders as a, shop.orders as b where a.note > b.note":
        Growth.SQUARE,
    "select visit_id from shop.visits where visited_at = :placed": Growth.LOGARITHMIC,
    "select visit_id from shop.visits where visit_id = :user_id": Growth.LINEAR,
}  # fmt: skip  # a table

ARGUMENTS = {"user_id": ID, "placed": WHEN, "most": MOST}


@pytest.mark.parametrize("sql", KNOWN)
def test_a_statement_grows_as_it_is_known_to(judged: Judging, sql: str) -> None:
    found = judged(sql, **{name: it for name, it in ARGUMENTS.items() if f":{name}" in sql})

    assert str(found.growth) == str(KNOWN[sql])


HAZARDS = {
    f"{ORDERS} order by note": ["sorts rows without a bound by orders.note"],
    f"{ORDERS} where user_id = :user_id order by note": [],
    "select a.order_id from shop.orders as a inner join shop.orders as b on a.note = b.note":
        ["hashes rows without a bound, which may not fit in memory"],
    "select count(*) from shop.orders group by note":
        ["hashes rows without a bound, which may not fit in memory"],
    "select count(*) from shop.orders group by status": [],
    f"{ORDERS} where status = 'done' order by placed_at limit :most":
        ["reads shop.orders until enough rows pass a filter"],
    "select visit_id from shop.visits where visit_id = :user_id":
        ["reads all partitions of shop.visits"],
    "select visit_id from shop.visits where visited_at > '2026-02-01' and visit_id = :user_id": [],
    "select visit_id from shop.visits order by visited_at limit :most": [],
}  # fmt: skip  # a table


@pytest.mark.parametrize("sql", HAZARDS)
def test_what_has_no_bound_is_named(judged: Judging, sql: str) -> None:
    found = judged(sql, **{name: it for name, it in ARGUMENTS.items() if f":{name}" in sql})

    assert [*dict.fromkeys(text for each in found.walk() for text in each.hazards)] == HAZARDS[sql]


def test_a_lookup_whose_plan_differs_at_the_smaller_scale_is_judged_by_its_cost(
    large: Planner,
) -> None:
    statement = declared(f"{ORDERS} where user_id = :user_id", list[int], user_id=int)
    one = declared("select 1 as one", list[int])
    found, other = large.plan(statement, {"user_id": "7"}), large.plan(one)
    assert isinstance(found, Planned)
    assert isinstance(other, Planned)

    assert judge(found.tree, other.tree, SCALES).growth is Growth.ASKED
