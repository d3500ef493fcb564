"""Rows of users in the tables of a service: what they see, and walls that do not stand."""

from decimal import Decimal

import pytest
from psycopg.errors import InsufficientPrivilege
from shop import customers, orders, parcels, products, wishes

from oadb import Database
from oadb.accounts import users
from oadb.engine import dsn
from oadb.engine.binding.packages import find
from oadb.errors import MigrationError
from oadb.testing import checks
from oadb.testing.servers import Server
from oadb.tools.migrations import package_order, runner
from tests.support.rig import Observer

OADB = find("oadb")


@pytest.fixture
def pen(db: Database) -> int:
    """Have three users, each with the same wish; return what they wish for."""
    for number in range(1, 4):
        users.create(db, f"user{number}", f"user{number}@example.in")
    pen = products.put(db, "P-1", "Blue pen", Decimal("1.50"), tags=[], details={})
    assert wishes.put.many(db, [(number, pen, None) for number in range(1, 4)]) == [1, 1, 1]
    return pen


def test_the_walls_of_the_shop_stand(shop_url: str) -> None:
    assert checks.contract_faults(shop_url, "shop") == []
    assert checks.row_security_faults(shop_url) == []
    assert checks.privilege_faults(shop_url) == []


def test_a_user_sees_and_changes_the_own_wishes_alone(db: Database, pen: int) -> None:
    mine = db.as_user(2)

    assert [each.user_id for each in wishes.list_everything(mine)] == [2]
    assert wishes.list_wishes(mine, 1) == []
    assert [each.title for each in wishes.list_wishes(mine, 2, to_price=Decimal(2))] == ["Blue pen"]
    assert wishes.get(mine, 3, pen) is None
    assert wishes.remove(mine, 3, pen) == wishes.clear(mine, 1) == 0
    with pytest.raises(InsufficientPrivilege):
        wishes.put(mine, 3, pen, "for somebody else")
    assert wishes.put(mine, 2, pen, "the blue one") == 1
    assert wishes.clear(mine, 2) == 1
    assert [(each.user_id, each.note) for each in wishes.list_everything(db)] == [
        (1, None),
        (3, None),
    ]
    assert wishes.count_by_product(db) == [(pen, 2)]


def test_a_user_may_do_nothing_that_is_not_listed(db: Database, pen: int) -> None:
    assert pen
    for call in (customers.count, orders.count_by_status, parcels.count_by_state):
        with pytest.raises(InsufficientPrivilege):
            call(db.as_user(2))


def test_wishes_go_with_their_user(db: Database, pen: int) -> None:
    assert users.delete(db, 1)
    assert wishes.count_by_product(db) == [(pen, 2)]


@pytest.mark.long("damages a database of its own each time")
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("alter table shop.wishes no force row level security", "not forced on shop.wishes: "),
        ("drop policy user_policy on shop.wishes", "no policy user_policy on shop.wishes: "),
        (
            "alter policy user_policy on shop.wishes using (true)",
            "user_policy on shop.wishes shows users rows of others: drop the policy,",
        ),
        (
            "create policy open on shop.wishes for select using (true)",
            "open on shop.wishes shows users rows of others: drop the policy,",
        ),
        (
            "alter policy service_policy on shop.wishes to public",
            "service_policy on shop.wishes shows users rows of others: drop the policy,",
        ),
        (
            "alter policy user_policy on shop.wishes with check (true)",
            "user_policy on shop.wishes shows users rows of others: drop the policy,",
        ),
        (
            (
                "alter policy user_policy on shop.wishes with check (user_id = nullif("
                "current_setting('oadb.user_id', true), '')::bigint and note is null or true)"
            ),
            "user_policy on shop.wishes shows users rows of others: drop the policy,",
        ),
        (
            "alter policy service_policy on shop.wishes with check (true)",
            "service_policy on shop.wishes shows users rows of others: drop the policy,",
        ),
        (
            (
                "drop policy user_policy on shop.wishes; "
                "create policy user_policy on shop.wishes for insert with check (true)"
            ),
            "user_policy on shop.wishes shows users rows of others: drop the policy,",
        ),
        (
            "create table shop.favourites (user_id bigint)",
            "shop.favourites has a column user_id and is not in oadb.user_tables: insert it there,",
        ),
        (
            "insert into oadb.user_tables (schema_name, table_name) values ('shop', 'gone')",
            "shop.gone is in oadb.user_tables and does not exist: delete that row",
        ),
    ],
)
def test_a_wall_that_does_not_stand_is_named(
    oadb_server: Server, template: str, damage: str, said: str
) -> None:
    with oadb_server.clone(template) as url:
        Observer(url).rows(damage)
        faults = checks.row_security_faults(url)
    assert any(fault.startswith(said) for fault in faults)
    assert len(faults) <= 2, "that it is missing, and that there is another"


def test_policies_that_a_restore_lost_are_made_again(oadb_server: Server, template: str) -> None:
    policies = (
        "select schemaname, tablename, policyname, roles, qual, with_check "
        "from pg_policies order by 1, 2, 3"
    )
    with oadb_server.clone(template) as url:
        observer = Observer(url)
        before = observer.rows(policies)
        for schema, table, policy, *_ in before:
            observer.rows(f"drop policy {policy} on {schema}.{table}")
        observer.rows("alter table oadb.settings disable row level security")
        observer.rows("call oadb.grant_privileges()")

        assert observer.rows(policies) == before
        assert checks.row_security_faults(url) == []


def test_privileges_that_nothing_lists_are_named(oadb_server: Server, template: str) -> None:
    with oadb_server.clone(template) as url:
        Observer(url).rows("grant select on shop.orders to oadb_user")
        Observer(url).rows("grant select, insert on shop.stock to public")
        assert [fault.partition(":")[0] for fault in checks.privilege_faults(url)] == [
            "oadb_user may select on shop.orders",
            "public may insert, select on shop.stock",
        ]
        Observer(url).rows("call oadb.grant_privileges()")
        assert [fault.partition(":")[0] for fault in checks.privilege_faults(url)] == [
            "public may insert, select on shop.stock",
        ]


@pytest.mark.long("migrates down and up")
def test_what_services_list_is_not_rolled_back_under_them(
    oadb_server: Server, template: str
) -> None:
    with oadb_server.clone(template) as url:
        last = [each.id for each in package_order.read([OADB])]
        count = len(last) - last.index("0029_list_user_tables")
        with pytest.raises(MigrationError, match="services have listed tables"):
            runner.rollback(dsn.parse(url), packages=[OADB], count=count)
        runner.migrate(dsn.parse(url), packages=[OADB])
        assert checks.row_security_faults(url) == []
