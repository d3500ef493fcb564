"""Plans as the roles that run a statement, and under an identity: policies need an index too."""

import re
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from oadb.tools.plans.growth_reasons import Unbounded
from oadb.tools.plans.plan_lock import LockedPlan
from oadb.tools.plans.planning import Unplanned
from tests.support.growing_shop import large_shop, small_shop
from tests.support.planned_shop import OF_USER, PlannedShop, shop

__all__ = ["large_shop", "shop", "small_shop"]

pytestmark = [
    pytest.mark.long("fills tables with a hundred thousand rows"),
    pytest.mark.usefixtures("oadb_template"),  # its migrations make the roles
]

NEWEST = "select order_id from shop.orders order by placed_at desc, order_id desc limit :most"
OWN = "user_id = nullif(current_setting('oadb.user_id', true), '')::bigint"
BY_NOTE = "note = nullif(current_setting('oadb.user_id', true), '')"


@contextmanager
def walled(shop: PlannedShop, policy: str, role: str = "oadb_user") -> Generator[None]:
    """Let services read all orders, and a role those for which a policy holds."""
    shop.execute(
        "alter table shop.orders enable row level security; "
        f"grant usage on schema shop to oadb_app, {role}; "
        f"grant select on shop.orders to oadb_app, {role}; "
        "create policy service on shop.orders to oadb_app using (true); "
        f"create policy planted on shop.orders to {role} using ({policy})"
    )
    try:
        yield
    finally:
        shop.execute(
            "drop policy planted on shop.orders; drop policy service on shop.orders; "
            "alter table shop.orders disable row level security; "
            f"revoke all on shop.orders from oadb_app, {role}; "
            f"revoke all on schema shop from oadb_app, {role}"
        )


def headings(shop: PlannedShop, sql: str) -> list[str]:
    (file,) = shop.plan(sql).files
    return [line for line in file.blocks["rows.go"] if line.startswith("O(")]


def test_the_plan_under_an_identity_is_in_the_lock_where_it_differs(shop: PlannedShop) -> None:
    with walled(shop, OWN):
        shop.plan(NEWEST).write()
        again = shop.found(NEWEST)
    lines = [line.strip() for line in shop.lock.read_text().splitlines()]
    service, identity = (n for n, line in enumerate(lines) if line.startswith("O("))

    assert again == []
    assert lines[service].endswith("as oadb_app")
    assert lines[identity].endswith("as oadb_user")
    assert "Scan Backward orders_placed_at_idx" in lines[service + 2]
    assert "orders.user_id = the identity" in lines[identity:]


def test_a_role_with_the_same_plan_is_named_beside_the_other(shop: PlannedShop) -> None:
    with walled(shop, OWN):
        found = headings(shop, OF_USER)

    assert found == ["O(k), for any values, as oadb_app, oadb_user"]


def test_a_role_that_may_not_run_a_statement_is_not_named(shop: PlannedShop) -> None:
    assert headings(shop, OF_USER) == ["O(k), for any values, as the owner of the server"]


def test_a_policy_that_no_index_serves_is_refused(shop: PlannedShop) -> None:
    with walled(shop, BY_NOTE):
        shop.plan(NEWEST).write()
        (found,) = shop.found(NEWEST)
        reasoned = shop.found(NEWEST, "grows (as oadb_user): few have an identity.")

    assert isinstance(found, Unbounded)
    assert "rows.go as oadb_user grows like O(n)" in str(found)
    assert "say in its comment why it may: -- grows (as oadb_user): why" in str(found)
    assert reasoned == []


def test_a_reason_for_a_role_without_such_a_plan_is_refused(shop: PlannedShop) -> None:
    shop.plan(OF_USER).write()
    found = shop.found(OF_USER, "grows (as oadb_ro, oadb_user): no more.")

    assert sorted(str(each).partition(": delete")[0].partition(": ")[2] for each in found) == [
        "rows.go as oadb_ro does not grow",
        "rows.go as oadb_user does not grow",
    ]


def test_a_policy_is_refused_that_an_unchanged_plan_filters_by(shop: PlannedShop) -> None:
    """The index leads to the newest, of all users: it reads on until it has some of one."""
    with walled(shop, f"{BY_NOTE} or status = 'done'"):
        shop.plan(NEWEST).write()
        (found,) = shop.found(NEWEST)

    assert "as oadb_user" in str(found)
    assert "reads shop.orders until enough rows pass a filter" in str(found)


def test_an_index_that_serves_the_policy_no_more_is_another_plan(shop: PlannedShop) -> None:
    with walled(shop, "status = nullif(current_setting('oadb.user_id', true), '')"):
        shop.plan(NEWEST).write()
        served = shop.found(NEWEST)
        with shop.without("orders_status_idx", "shop.orders (status)"):
            growth, changed = shop.found(NEWEST)

    assert served == []
    assert "as oadb_user grows like O(n)" in str(growth)
    assert isinstance(changed, LockedPlan)
    assert re.search(r"^    -.*Index Scan orders_status_idx", str(changed), re.MULTILINE)


def test_other_roles_of_the_file_of_uses_are_planned_with_their_policies(
    shop: PlannedShop,
) -> None:
    (shop.folder / "uses.toml").write_text('[roles.oadb_ro]\nruns = ["rows.*"]\n')
    with walled(shop, "note = 'shown'", role="oadb_ro"):
        shop.plan(NEWEST).write()
        (found,) = shop.found(NEWEST)
        excluded = headings(shop, OF_USER.replace("order_id", "length(note)"))

    assert "as oadb_ro" in str(found)
    assert excluded == ["O(k), for any values, as oadb_app, oadb_ro"]


def test_what_a_role_cannot_plan_for_another_reason_is_found(shop: PlannedShop) -> None:
    with walled(shop, "1 / length('') = 1"):
        (found,) = [*shop.plan(OF_USER).unplanned]

    assert isinstance(found, Unplanned)
    assert "division by zero" in str(found)
