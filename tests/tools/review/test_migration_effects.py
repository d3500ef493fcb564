"""What migrations do to tables, with how long that takes at sizes of tables."""

from collections.abc import Iterator

import pytest

from oadb.tools.migrations import live_tables
from oadb.tools.migrations.live_tables import TableSize
from oadb.tools.review import migration_effects
from oadb.tools.review.migration_model import MeasuredMigration
from tests.support.planted_migrations import ORDERS, PlantedShop, databases

pytestmark = pytest.mark.long("runs migrations on databases of their own")

PLANTED = {
    "add_random_code": f"alter table {ORDERS} add column code uuid default gen_random_uuid();",
    "hold_few_meanwhile": f"alter table shop.few add column more text;\n"
    f"create index held_idx on {ORDERS} (quantity);",
    "drop_note": f"alter table {ORDERS} drop column note;",
    "lose_word": "alter table shop.few drop column word;",
}


@pytest.fixture(scope="module")
def found(
    migration_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, MeasuredMigration]]:
    """Give what the planted migrations do where orders have a billion and a thousand rows."""
    shop = PlantedShop(tmp_path_factory.mktemp("effects"))
    for name, body in PLANTED.items():
        shop.plant(name, body, "select nothing;" if name == "lose_word" else "select 1;")
    with (
        databases(migration_server, 1) as (scratch,),
        live_tables.reading(scratch.dsn) as live,
    ):
        tried = migration_effects.try_out(scratch.dsn, shop.packages, lambda each: each.id > "0001")
        sized = {
            rows: (
                {name: TableSize(name, rows, rows * 100, 1) for name in (ORDERS, "shop.few")},
                live,
            )
            for rows in (10**9, 1000)
        }
        measured = migration_effects.measure(tried, sized)
        yield {id_[5:]: each for (_, id_), each in measured.items()}


def test_a_table_that_is_written_again_is_locked_for_a_time_that_grows_with_its_rows(
    found: dict[str, MeasuredMigration],
) -> None:
    (lock,) = found["add_random_code"].locks

    assert (lock.table, lock.mode, lock.waits) == (ORDERS, "access exclusive", "reads and writes")
    assert lock.held == ("hours", "an instant")
    assert lock.meanwhile == (f"writes {ORDERS} again, with its indexes",)


def test_a_lock_lasts_for_what_is_done_to_other_tables_behind_it(
    found: dict[str, MeasuredMigration],
) -> None:
    few, orders = found["hold_few_meanwhile"].locks

    assert (few.table, few.mode, few.held) == (
        "shop.few",
        "access exclusive",
        ("minutes", "an instant"),
    )
    assert (orders.table, orders.mode, orders.held) == (ORDERS, "share", ("minutes", "an instant"))


def test_what_no_rollback_brings_back_and_a_rollback_that_fails_are_told(
    found: dict[str, MeasuredMigration],
) -> None:
    assert found["drop_note"].dropped == (f"column {ORDERS}.note",)
    assert found["drop_note"].undoing_failure == ""
    assert 'column "nothing" does not exist' in found["lose_word"].undoing_failure
