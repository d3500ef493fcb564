"""A service with tables of its own: built with public names, checked by oadb's commands."""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from shop import customers, orders, parcels, products, stock

from oadb import Database
from oadb.engine import dsn
from oadb.engine.binding.packages import Package, find
from oadb.engine.config import Config
from oadb.testing.servers import Server
from oadb.tools.contract import comparison
from oadb.tools.migrations import runner
from tests.support.rig import Observer

HERE = Path(__file__).parent
CACHE = str(HERE.parents[1] / ".mypy_cache")

OADB = find("oadb")


def command(*arguments: str, url: str = "postgresql://nowhere") -> subprocess.CompletedProcess[str]:
    """Run oadb in the folder of the shop, as its developer does."""
    return subprocess.run(
        [sys.executable, "-m", "oadb", *arguments],
        cwd=HERE,
        env={**os.environ, "DATABASE_URL": url, "PYTHONPATH": str(HERE.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )


def put(db: Database, sku: str, title: str, price: str, *tags: str) -> int:
    return products.put(db, sku, title, Decimal(price), tags=[*tags], details={})


# Tools -----------------------------------------------------------------------------------------


def test_every_declaration_of_the_shop_agrees_with_its_database(
    shop_url: str, shop: Package
) -> None:
    config = Config(dsn=dsn.parse(shop_url))

    assert [*comparison.check(config, [shop])] == []
    assert sum(len([*found]) for found in comparison.declarations(shop)) >= 40


@pytest.mark.long("starts many commands")
def test_commands_find_the_shop_by_its_project_file(shop_url: str) -> None:
    done = command("check", url=shop_url)
    assert (done.returncode, done.stdout) == (0, "all declarations agree with the database\n")

    done = command("migrate", "status", url=shop_url)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert {(state, package) for state, package, *_ in lines} == {
        ("applied", "oadb"),
        ("applied", "shop"),
    }
    assert lines[-1][:3] == ["applied", "shop", "0010_create_wishes"]
    assert command("check", "--package", "shop", url=shop_url).returncode == 0


def test_a_fault_of_a_service_is_found_by_check(shop_url: str, shop: Package) -> None:
    config = Config(dsn=dsn.parse(shop_url))
    Observer(shop_url).rows("alter table shop.orders rename column note to remark")
    try:
        found = [*comparison.check(config, [shop])]
    finally:
        Observer(shop_url).rows("alter table shop.orders rename column remark to note")

    assert any(line.startswith("shop.orders:") and "_create" in line for line in found)
    [listing] = [line for line in found if ": orders.list_orders " in line]
    assert "orders.list_orders (and 64 of its variants): the server rejects" in listing
    assert all("the server rejects the statement: column" in line for line in found)


@pytest.mark.long("migrates three times")
def test_the_schema_goes_down_and_up_again(
    oadb_server: Server, oadb_template: str, shop: Package
) -> None:
    with oadb_server.clone(oadb_template) as url:
        place, packages = dsn.parse(url), [OADB, shop]
        applied = runner.migrate(place, packages=packages).applied
        assert len(applied) == 10
        assert runner.rollback(place, packages=packages, count=10) == applied[::-1]
        left = Observer(url).rows(
            "select 1 from pg_namespace where nspname = 'shop' "
            "union all select 1 from oadb.user_tables where schema_name = 'shop' "
            "union all select 1 from oadb.role_privileges where schema_name = 'shop'"
        )
        assert left == []
        assert runner.migrate(place, packages=packages).applied == applied


@pytest.mark.long("starts type checkers")
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_type_checkers_accept_the_shop(checker: str) -> None:
    arguments = {
        "mypy": ("mypy", "--cache-dir", CACHE, "src"),
        "pyright": ("pyright", "--pythonpath", sys.executable, "--outputjson", "src"),
    }[checker]
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=HERE,
        env={
            **os.environ,
            "PYRIGHT_PYTHON_GLOBAL_NODE": "false",
            "MYPYPATH": str(HERE.parents[1]),
            "PYTHONPATH": str(HERE.parents[1]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    if checker == "pyright":
        assert json.loads(done.stdout)["summary"]["errorCount"] == 0


# Alone -----------------------------------------------------------------------------------------


def test_a_service_without_secrets_loads_no_cryptography(shop_url: str) -> None:
    code = (
        "import sys; from oadb import Database; from shop import customers\n"
        "with Database.from_env() as db: customers.count(db)\n"
        "print(sorted({n.partition('.')[0] for n in sys.modules}"
        " & {'argon2', 'cryptography', 'pyotp', 'yoyo', 'typer'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "DATABASE_URL": shop_url,
            "PYTHONPATH": f"{HERE / 'src'}:{HERE.parents[1]}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "[]\n", done.stderr


# Use -------------------------------------------------------------------------------------------


def test_customers(db: Database) -> None:
    asha = customers.create(db, "Asha@example.in", "Asha")
    ben = customers.create(db, "ben@example.in", "Ben", phone="123")

    assert customers.get(db, asha.customer_id) == customers.find_by_email(db, "ASHA@example.in")
    assert customers.is_known(db, "Ben@example.in")
    assert customers.count(db) == 2
    changed = customers.update(db, ben.customer_id, phone=None)
    assert changed is not None
    assert (changed.name, changed.phone) == ("Ben", None)
    assert customers.list_all(db, begins="A").rows == [asha]
    first = customers.list_all(db, order="name", limit=1)
    assert first.rows == [asha]
    assert customers.list_all(db, order="name", limit=1, cursor=first.next).rows == [changed]
    assert customers.delete(db, ben.customer_id) == 1


def test_products(db: Database) -> None:
    pen = put(db, "P-1", "Blue pen", "1.50", "office", "blue")
    pad = put(db, "P-2", "Pad", "3.00", "office")
    put(db, "P-3", "Chair", "80.00")

    assert [each.sku for each in products.search(db, order="price_desc")] == ["P-3", "P-2", "P-1"]
    found = products.search(db, words="P", to_price=Decimal(2))
    assert [each.product_id for each in found] == [pen]
    assert len(products.search(db, tags=["office"])) == 2
    assert products.set_listed(db, pad, is_listed=False) == 1
    assert len(products.search(db)) == 2
    assert len([*products.stream_all(db)]) == 3
    assert products.load(db, [("P-4", "Lamp", Decimal(20))]) == 1
    assert b"".join(products.export(db)).splitlines()[-1] == b"P-4,Lamp,20.00"
    lamp = products.find_by_sku(db, "P-4")
    assert lamp == (lamp and products.get(db, lamp.product_id))


def test_orders(db: Database) -> None:
    asha = customers.create(db, "asha@example.in", "Asha").customer_id
    pen = put(db, "P-1", "Blue pen", "1.50")
    items = [orders.Item(product_id=pen, quantity=4)]

    first = orders.place(db, asha, items)
    second = orders.place(db, asha, items, note="soon")
    with pytest.raises(orders.OutOfStockError):
        orders.place(db, asha, [orders.Item(product_id=999, quantity=1)])

    assert orders.get_total(db, first) == Decimal("6.00")
    assert [line.quantity for line in orders.list_lines(db, first)] == [4]
    assert orders.pay(db, first)
    assert not orders.pay(db, first)
    assert [each.order_id for each in orders.list_orders(db)] == [second, first]
    assert [each.order_id for each in orders.list_orders(db, status="paid")] == [first]
    assert [each.order_id for each in orders.list_orders(db, with_note=True)] == [second]
    page = orders.list_orders(db, customer_id=asha, limit=1)
    [older] = orders.list_orders(db, customer_id=asha, limit=1, cursor=page.next)
    assert older == orders.get(db, first)
    counts = orders.count_by_status(db, customer_id=asha)
    assert [(each.status, each.orders) for each in counts] == [("open", 1), ("paid", 1)]
    assert orders.delete_cancelled(db, before=older.placed_at) == 0


def test_stock(db: Database) -> None:
    pen = put(db, "P-1", "Blue pen", "1.50")
    stock.count(db, pen, "north", 5)

    assert stock.take(db, pen, "north", quantity=3) == 2
    assert stock.take(db, pen, "north", quantity=3) is None
    assert stock.get(db, pen, "north") == 2
    assert stock.list_low(db, 2) == stock.list_low(db, 2, warehouse="north") != []
    with db.transaction() as tx:
        assert stock.lock(tx, pen, "north") == 2


def test_parcels(db: Database) -> None:
    address = parcels.Address('1, "High" Street', None)
    items = [parcels.Item("chair", 2), parcels.Item("lamp", 1)]
    postage = parcels.Money(Decimal("4.20"))
    parcel = parcels.create(db, address, items, postage)
    assert parcel == parcels.Parcel(1, parcels.State.PACKED, address, items, postage)

    more = parcels.create.many(db, [(address, [], postage), (address, items, postage)])
    assert [each.contents for each in more] == [[], items]
    assert parcels.set_state(db, 1, parcels.State.LOST) == 1
    assert parcels.count_by_state(db) == [
        (parcels.State.PACKED, 2),
        (parcels.State.LOST, 1),
    ]
