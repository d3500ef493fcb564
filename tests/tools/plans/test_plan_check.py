"""The lock of plans: what it finds when an index, a statement or a comment changes."""

import re
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from oadb.engine import dsn
from oadb.engine.dsn import Dsn
from oadb.tools.plans import plan_lock, plan_text, sized_database
from oadb.tools.plans.growth_reasons import Unbounded
from oadb.tools.plans.plan_lock import LockedPlan
from oadb.tools.plans.planned_catalog import ExtendedStatistics
from oadb.tools.plans.planning import Unplanned
from oadb.tools.plans.scaled_plans import SCALES
from oadb.tools.plans.sized_database import Unsimulated
from tests.support.command_line import oadb
from tests.support.growing_shop import large_shop, small_shop
from tests.support.planned_shop import OF_USER, PlannedShop, shop

__all__ = ["large_shop", "shop", "small_shop"]

pytestmark = pytest.mark.long("fills tables with a hundred thousand rows")


def test_a_plan_that_is_written_agrees(shop: PlannedShop) -> None:
    shop.plan(OF_USER).write()

    assert shop.found(OF_USER) == []
    assert shop.lock.read_text().splitlines()[3] == "rows.go"
    assert "        orders.user_id = :user_id" in shop.lock.read_text().splitlines()


ADDED_STATISTICS = ExtendedStatistics("shop.orders_kinds", "shop.orders", ["ndistinct", "mcv"])
BY_TIME = "select order_id from shop.orders where placed_at = :placed"


@pytest.mark.planted("scan", "the index of a column is dropped")
def test_a_dropped_index_is_another_plan_and_a_growth(shop: PlannedShop) -> None:
    shop.plan(BY_TIME).write()
    with shop.without("orders_placed_at_idx", "shop.orders (placed_at, order_id)"):
        growth, changed = shop.found(BY_TIME)

    assert isinstance(growth, Unbounded)
    assert "rows.go grows like O(n): change it or its indexes" in str(growth)
    assert isinstance(changed, LockedPlan)
    text = str(changed)
    assert re.search(r"^    -\w.* orders_placed_at_idx\b", text, re.MULTILINE)
    assert "    +Seq Scan shop.orders" in text
    assert shop.found(BY_TIME) == []


@pytest.mark.planted("scan", "a setting of the database takes index scans away")
def test_a_plan_that_turns_into_a_scan_is_found(shop: PlannedShop) -> None:
    shop.plan(BY_TIME).write()
    for url in shop.urls:
        with psycopg.connect(url, autocommit=True) as connection:
            name = f'"{connection.info.dbname}"'
            for each in ("indexscan", "bitmapscan", "indexonlyscan"):
                connection.execute(f"alter database {name} set enable_{each} = off".encode())
    try:
        found = shop.found(BY_TIME)
    finally:
        for url in shop.urls:
            with psycopg.connect(url, autocommit=True) as connection:
                name = f'"{connection.info.dbname}"'
                connection.execute(f"alter database {name} reset all".encode())

    assert [type(each) for each in found] == [Unbounded, LockedPlan]


NEWEST = "select order_id from shop.orders order by placed_at desc limit :most"
OF_EMAIL = "select user_id from shop.users where email = 'user7'"
SCANS = {
    "an indexed column is calculated with":
        (OF_USER, "select order_id from shop.orders where user_id + 0 = :user_id"),
    "an indexed column is cast":
        (OF_USER, "select order_id from shop.orders where user_id::numeric = :user_id"),
    "another column serves as well, which has no index":
        (OF_USER, "select order_id from shop.orders where user_id = :user_id or note = 'x'"),
    "all but one are asked for":
        (OF_USER, "select order_id from shop.orders where user_id <> :user_id"),
    "a condition is lost":
        (OF_USER, "select order_id from shop.orders"),
    "a pattern begins with anything":
        (OF_EMAIL, "select user_id from shop.users where email like '%7'"),
    "a limit is lost":
        (NEWEST, "select order_id from shop.orders order by placed_at desc"),
    "rows are ordered by a column that has no index":
        (NEWEST, "select order_id from shop.orders order by note limit :most"),
}  # fmt: skip  # a table


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param(*each, id=what, marks=pytest.mark.planted("scan", what))
        for what, each in SCANS.items()
    ],
)
def test_a_statement_that_is_changed_into_a_scan_is_found(
    shop: PlannedShop, before: str, now: str
) -> None:
    shop.plan(before).write()
    growth, changed = shop.found(now)

    assert isinstance(growth, Unbounded)
    assert isinstance(changed, LockedPlan)


def test_a_statement_that_is_changed_and_needs_no_scan_is_another_plan_alone(
    shop: PlannedShop,
) -> None:
    shop.plan(OF_USER).write()
    (found,) = shop.found(f"{OF_USER} order by order_id limit 10")

    assert isinstance(found, LockedPlan)


UNBOUNDED = {
    "select order_id from shop.orders order by note": "sorts rows without a bound by orders.note",
    "select count(*) as n from shop.orders group by note": "hashes rows without a bound",
    "select visit_id from shop.visits where visit_id = :user_id":
        "reads all partitions of shop.visits",
    "select count(*) as n from shop.orders": "grows like O(n)",
    "select order_id from shop.orders where status = 'done' order by placed_at limit :most":
        "reads shop.orders until enough rows pass a filter",
}  # fmt: skip  # a table


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param(sql, marks=pytest.mark.planted("scan", f"a new statement {told}"))
        for sql, told in UNBOUNDED.items()
    ],
)
def test_what_has_no_bound_needs_a_reason(shop: PlannedShop, sql: str) -> None:
    shop.plan(sql).write()
    (found,) = shop.found(sql)

    assert isinstance(found, Unbounded)
    assert UNBOUNDED[sql] in str(found)
    assert str(found).startswith("rows.sql:")
    assert shop.found(sql, "grows: an administrator runs it.") == []


def test_a_reason_without_growth_is_superfluous(shop: PlannedShop) -> None:
    shop.plan(OF_USER).write()
    (found,) = shop.found(OF_USER, "grows: no more.")

    assert "rows.go does not grow: delete its line -- grows:" in str(found)


def test_a_statement_without_a_block_and_a_block_without_a_statement_are_found(
    shop: PlannedShop,
) -> None:
    (missing,) = shop.found(OF_USER)
    shop.plan(OF_USER).write()
    shop.lock.write_text(shop.lock.read_text() + "\nrows.gone\n    O(1)\n")
    (superfluous,) = shop.found(OF_USER)

    assert "is not in sql/plans/rows.plan; its plan is:\n    O(k)" in str(missing)
    assert str(superfluous).startswith("sql/plans/rows.plan: rows.gone: there is no such statement")


def test_a_file_without_its_queries_is_found_and_deleted(shop: PlannedShop) -> None:
    shop.plan(OF_USER).write()
    stray = plan_lock.path_of(shop.package, "gone")
    stray.write_text("gone.it\n    O(1)\n")
    (found,) = shop.found(OF_USER)
    shop.plan(OF_USER).write()

    assert "gone.it: there is no such statement" in str(found)
    assert not stray.exists()


def test_what_cannot_be_planned_is_found(shop: PlannedShop) -> None:
    (found,) = shop.found("select gone_id from shop.gone")

    assert isinstance(found, Unplanned)
    assert str(found) == 'rows.go: relation "shop.gone" does not exist'


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        (OF_USER, "orders_pkey"),
        ("select 1 as one from shop.markets where name = 'nse'", "markets_pkey"),
        ("select 1 as one from shop.markets where name > 'nse' limit 9", "markets_pkey"),
        ("select 1 as one from shop.orders where status = 'open'", "orders_status_too_key"),
    ],
)
def test_an_index_that_a_comment_names_is_proven_by_a_plan(
    shop: PlannedShop, sql: str, index: str
) -> None:
    """Also that of a small table, which is read whole, and one of two that are alike."""
    shop.execute("create index orders_status_too_key on shop.orders (status, note)")
    try:
        assert shop.plan(sql, f"Served by {index}.").unproven == ()
    finally:
        shop.execute("drop index shop.orders_status_too_key")


@pytest.mark.parametrize("index", ["orders_status_idx", "orders_gone_idx"])
def test_an_index_that_a_comment_names_and_no_plan_has_is_found(
    shop: PlannedShop, index: str
) -> None:
    shop.plan(OF_USER).write()
    (found,) = shop.found(OF_USER, f"Few rows. Served by orders_pkey or {index}. Quick.")

    assert f'rows.go: the comment says "Served by {index}", which is in none' in str(found)


def test_rows_that_differ_little_are_the_same_plan() -> None:
    block = ("O(k), for any values", "Index Scan a_idx of a [rows ~20, cost ~8, O(k)]")

    def other(number: str) -> tuple[str, ...]:
        return block[0], block[1].replace("~20", number)

    assert plan_text.is_same(block, other("~60"))
    assert not plan_text.is_same(block, other("~2000"))
    assert not plan_text.is_same(block, (block[0], block[1].replace("a_idx", "b_idx")))
    assert not plan_text.is_same(block, ("O(n), for any values", block[1]))


def test_variants_with_the_same_plan_share_a_block(tmp_path: Path) -> None:
    path = tmp_path / "a.plan"
    blocks = {"a.b": ("O(1)", "Result"), "a.c": ("O(k)", "Limit"), "a.b +c": ("O(1)", "Result")}
    plan_lock.write(path, "sql/queries/a.sql", blocks)

    assert plan_lock.read(path) == blocks
    assert path.read_text().count("Result") == 1


def test_numbers_that_differ_little_are_written_as_they_were() -> None:
    before, now = (("O(k)", f"Limit [rows ~{rows}, cost ~8, O(k)]") for rows in (20, 30))

    assert plan_lock.kept({"a.b": before}, {"a.b": now}) == {"a.b": before}


def test_the_command_shows_writes_and_checks(
    tmp_path: Path, large_shop: str, small_shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sql" / "queries").mkdir(parents=True)
    statement = f"-- name: list_orders\n{OF_USER};\n"
    (tmp_path / "sql" / "queries" / "planned_shop.sql").write_text(statement)
    (tmp_path / "planned_shop.py").write_text(
        "from oadb.engine.binding.queries import queries\n\nquery = queries(__name__)\n\n\n"
        "@query\ndef list_orders(user_id: int) -> list[int]: ...\n\n\nquery.complete()\n"
    )
    monkeypatch.setattr("sys.path", [str(tmp_path), *sys.path])

    def database(scale: int) -> Dsn:
        return dsn.parse(large_shop if scale == SCALES[0] else small_shop)

    def sizing(_: object) -> nullcontext[SimpleNamespace]:
        return nullcontext(
            SimpleNamespace(
                database=database, left_out=lambda: Unsimulated(["shop.orders"], [ADDED_STATISTICS])
            )
        )

    monkeypatch.setattr(sized_database, "sizing", sizing)
    package = ("--package", "planned_shop")

    shown = oadb("plan", "planned_shop.list_orders", *package)
    missing = oadb("plan", "--check", *package)
    written = oadb("plan", "--write", *package)
    checked = oadb("plan", "--check", *package)
    nothing = oadb("plan", *package)

    assert shown.stdout.startswith("planned_shop.list_orders\n    O(k), for any values")
    assert (missing.returncode, written.returncode, checked.returncode) == (3, 0, 0)
    assert "is not in sql/plans/planned_shop.plan" in missing.stdout
    assert "no file of sql/statistics has them: shop.orders" in checked.stderr
    for each in (shown, written, checked):
        assert "planned without what create statistics says" in each.stderr
        assert "otherwise in production: shop.orders_kinds (ndistinct, mcv) of shop.orders" in (
            each.stderr
        )
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert "one of NAME, --write and --check is needed" in nothing.stderr
