"""``layout.toml``: what it may say, what an error names, and that oadb's own is complete."""

from pathlib import Path

import pytest

from oadb import Database
from oadb.engine.binding.packages import Package, find
from oadb.errors import ConfigError
from oadb.tools.scale import layout_file, placed_tables
from oadb.tools.scale.layout_file import Layout, TablePlacement
from oadb.tools.scale.placed_tables import LaidTable, PlacedTables, UniqueColumns


def read(folder: Path, text: str) -> Layout:
    (folder / "layout.toml").write_text(text)
    return layout_file.read(Package("shop", folder, "shop/sql"))


def placed(table: str, *more: str) -> str:
    return "\n".join((f"[shop.{table}]", *more, 'why = "for the test"', ""))


ORDERS = placed("orders", 'placement = "distributed"', 'by = "customer_id"')


def test_a_package_without_the_file_says_nothing_of_its_tables(tmp_path: Path) -> None:
    assert layout_file.read(Package("shop", tmp_path, "shop/sql")) == {}


def test_a_table_that_is_kept_back_is_on_the_coordinator_for_now(tmp_path: Path) -> None:
    text = placed("carts", 'placement = "reference"', 'kept_back = "its trigger writes a log"')
    layout = read(tmp_path, ORDERS + text)

    assert layout["shop.carts"].placement == "reference"
    assert layout["shop.carts"].now == "coordinator"
    assert layout["shop.orders"].now == "distributed"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[shop", "shop/sql/layout.toml: "),
        ("shop = 1", "shop must be in a table: [schema.table]"),
        ("[shop]\norders = 1", "[shop.orders]: a table must be in a table"),
        (placed("a", 'placement = "everywhere"'), "one of distributed, reference, coordinator"),
        ('[shop.a]\nplacement = "coordinator"', "[shop.a] has no why"),
        ('[shop.a]\nplacement = "coordinator"\nwhy = " "', "[shop.a] why must be a text"),
        (placed("a", "placement = 1"), "[shop.a] placement must be a text"),
        (placed("a", 'placement = "distributed"'), "[shop.a] has no by"),
        (placed("a", 'placement = "reference"', 'by = "b"'), "by means nothing for the placement"),
        (placed("a", 'placement = "coordinator"', 'kept_back = "b"'), "kept_back means nothing"),
        (placed("a", 'placement = "coordinator"', 'shard = "b"'), "shard is unknown; there is"),
        (
            ORDERS + placed("a", 'placement = "distributed"', 'by = "b"', 'beside = "shop.b"'),
            "[shop.a] beside: shop.b must be a distributed table of this file",
        ),
        (
            ORDERS.replace("why", 'kept_back = "later"\nwhy')
            + placed("a", 'placement = "distributed"', 'by = "b"', 'beside = "shop.orders"'),
            "[shop.a] beside: shop.orders is kept back",
        ),
    ],
)
def test_an_invalid_layout_is_refused_and_the_fault_is_named(
    tmp_path: Path, text: str, named: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        read(tmp_path, text)

    assert str(raised.value).startswith("shop/sql/layout.toml")
    assert named in str(raised.value)


def test_the_layout_of_oadb_has_every_table_of_its_schema_and_fits_them(
    shared_db: Database,
) -> None:
    layout = layout_file.read(find("oadb"))
    found = placed_tables.look(shared_db, layout)

    assert {*layout} == {each.name for each in found.tables}
    assert [*placed_tables.faults(layout, found)] == []


def test_no_table_of_oadb_leaves_the_coordinator_while_its_triggers_write_the_audit(
    shared_db: Database,
) -> None:
    layout = layout_file.read(find("oadb"))
    triggered = {
        each.name for each in placed_tables.look(shared_db, layout).tables if each.triggers
    }

    assert "oadb.users" in triggered
    assert {layout[name].now for name in triggered} == {"coordinator"}


DISTRIBUTED = TablePlacement("shop.a", "distributed", "for the test", by="id")
HERE = TablePlacement("shop.b", "coordinator", "for the test")


@pytest.mark.parametrize(
    ("table", "uniques", "named"),
    [
        (LaidTable("shop.a", [], [], []), [], "by names id, which is no column"),
        (LaidTable("shop.a", ["id"], ["records"], []), [], "has triggers (records)"),
        (LaidTable("shop.a", ["id"], [], ["shop.b"]), [], "refers to shop.b"),
        (LaidTable("shop.a", ["id"], [], []), [["code"]], "a_key is unique without id"),
        (LaidTable("shop.c", ["id"], [], []), [], "shop.c is not in the layout"),
    ],
)
def test_what_cannot_be_placed_is_named(
    table: LaidTable, uniques: list[list[str]], named: str
) -> None:
    found = PlacedTables(
        [table, LaidTable("shop.b", [], [], [])],
        [UniqueColumns("shop.a", "a_key", columns) for columns in uniques],
    )
    layout = {"shop.a": DISTRIBUTED, "shop.b": HERE}

    assert any(named in fault for fault in placed_tables.faults(layout, found))


def test_what_fits_has_no_fault() -> None:
    found = PlacedTables(
        [LaidTable("shop.a", ["id"], [], []), LaidTable("shop.b", [], ["records"], ["shop.a"])],
        [UniqueColumns("shop.a", "a_pkey", ["id", "at"])],
    )

    assert [*placed_tables.faults({"shop.a": DISTRIBUTED, "shop.b": HERE}, found)] == []
