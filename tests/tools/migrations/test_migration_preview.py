"""A dry run of migrations says what waits for each, from what PostgreSQL does and tables' sizes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from oadb.errors import UnavailableError
from oadb.tools.migrations import preview_text
from oadb.tools.migrations.migration_preview import MigrationPreview
from tests.support.migrations import MigrationDatabase
from tests.support.planted_migrations import ORDERS, ROWS, PlantedShop, databases

pytestmark = pytest.mark.long("runs migrations on databases of their own")

PLANTED = {
    "add_random_code": f"alter table {ORDERS} add column code uuid default gen_random_uuid();",
    "add_constant_code": f"alter table {ORDERS} add column constant integer default 1;",
    "refuse_nulls": f"alter table {ORDERS} alter column note set not null;",
    "add_check": f"alter table {ORDERS} add constraint few_check check (quantity > 0) not valid;",
    "validate_check": f"alter table {ORDERS} validate constraint few_check;",
    "widen_quantity": f"alter table {ORDERS} alter column quantity type bigint;",
    "add_index": f"create index plain_idx on {ORDERS} (customer_id);",
    "refer_to_customers": f"alter table {ORDERS} add foreign key (customer_id) "
    "references shop.customers (customer_id);",
    "fill_in_notes": f"update {ORDERS} set note = 'filled';",
    "fill_one_note": f"update {ORDERS} set note = 'filled' where order_id = 7;",
    "fill_in_a_block": f"do $$ begin update {ORDERS} set note = 'filled'; end $$;",
    "drop_note": f"alter table {ORDERS} drop column note;",
    "empty_orders": f"truncate {ORDERS};",
    "hold_few_meanwhile": f"alter table shop.few add column more text;\n"
    f"create index held_idx on {ORDERS} (quantity);",
    "scan_few": "alter table shop.few alter column word set not null;",
    "create_another": "create table shop.another (a integer); create index on shop.another (a);",
}
OUTSIDE = {
    "add_index_concurrently": (
        f"create index concurrently calm_idx on {ORDERS} (quantity);",
        "drop index concurrently shop.calm_idx;",
    ),
    "drop_index_concurrently": (
        "drop index concurrently shop.calm_idx;",
        f"create index concurrently calm_idx on {ORDERS} (quantity);",
    ),
    "fill_outside": (f"update {ORDERS} set quantity = 1;", "select 1;"),
}


@pytest.fixture(scope="module")
def found(
    migration_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, MigrationPreview]]:
    """Give what a dry run of all planted migrations finds, for tables with rows."""
    shop = PlantedShop(tmp_path_factory.mktemp("planted"))
    with databases(migration_server, 2) as (live, scratch):
        shop.migrate(live)
        shop.fill(live)
        for name, body in PLANTED.items():
            shop.plant(name, body)
        for name, (body, rollback) in OUTSIDE.items():
            shop.plant(name, body, rollback, transactional=False)
        yield shop.preview(live, scratch)


@pytest.fixture
def pair(migration_server: str) -> Iterator[Sequence[MigrationDatabase]]:
    """Give two empty databases: the live one, and one to run migrations on."""
    with databases(migration_server, 2) as made:
        yield made


@pytest.fixture
def shop(tmp_path: Path) -> PlantedShop:
    return PlantedShop(tmp_path)


def held(found: MigrationPreview) -> set[tuple[str, str, str, bool]]:
    return {
        (each.table_name.removeprefix("shop."), each.mode, each.stopped, each.is_long)
        for each in found.locks
    }


def done(found: MigrationPreview) -> set[tuple[str, str, int | None]]:
    return {
        (each.work.kind, each.work.table_name.removeprefix("shop."), each.rows)
        for each in found.works
    }


NAME = ORDERS.removeprefix("shop.")
EVERYBODY = (NAME, "access exclusive", "reads and writes", True)
AN_INSTANT = (NAME, "access exclusive", "reads and writes", False)
OF_ROWS = (NAME, "row exclusive", "writes of the same rows", True)


EXPECTED: list[tuple[str, set[tuple[str, str, str, bool]], set[tuple[str, str, int]]]] = [
    ("add_random_code", {EVERYBODY}, {("rewrite", NAME, ROWS)}),
    ("add_constant_code", {AN_INSTANT}, set()),
    ("refuse_nulls", {EVERYBODY}, {("scan", NAME, ROWS)}),
    ("add_check", {AN_INSTANT}, set()),
    (
        "validate_check",
        {(NAME, "share update exclusive", "", False)},
        {("scan", NAME, ROWS)},
    ),
    ("widen_quantity", {EVERYBODY}, {("rewrite", NAME, ROWS)}),
    ("add_index", {(NAME, "share", "writes", True)}, {("index", NAME, ROWS)}),
    (
        "refer_to_customers",
        {
            (NAME, "share row exclusive", "writes", True),
            ("customers", "share row exclusive", "writes", True),
        },
        {("scan", NAME, ROWS)},
    ),
    ("fill_in_notes", {OF_ROWS}, {("scan", NAME, ROWS), ("update", NAME, ROWS)}),
    (
        "fill_one_note",
        {(NAME, "row exclusive", "writes of the same rows", False)},
        {("update", NAME, 1)},
    ),
    ("fill_in_a_block", {OF_ROWS}, {("scan", NAME, ROWS), ("update", NAME, ROWS)}),
    ("drop_note", {AN_INSTANT}, set()),
    ("empty_orders", {EVERYBODY}, {("replace", NAME, ROWS)}),
    (
        "hold_few_meanwhile",
        {
            ("few", "access exclusive", "reads and writes", True),
            (NAME, "share", "writes", True),
        },
        {("index", NAME, ROWS)},
    ),
    (
        "scan_few",
        {("few", "access exclusive", "reads and writes", False)},
        {("scan", "few", 1)},
    ),
    ("create_another", set(), set()),
    (
        "add_index_concurrently",
        {(NAME, "share update exclusive", "", False)},
        {("index", NAME, ROWS)},
    ),
    ("drop_index_concurrently", {(NAME, "share update exclusive", "", False)}, set()),
    ("fill_outside", {OF_ROWS}, {("scan", NAME, ROWS), ("update", NAME, ROWS)}),
]


UNSAFE = {
    "add_random_code": "each row gets a value of its own in a new column",
    "refuse_nulls": "a column of a large table may not be null any more",
    "widen_quantity": "a type is changed, which writes a large table again",
    "add_index": "an index is built while writers wait",
    "refer_to_customers": "a foreign key is checked while writers of two tables wait",
    "fill_in_notes": "an update of all rows",
    "fill_in_a_block": "an update of all rows in a block of code",
    "empty_orders": "a large table is emptied",
    "hold_few_meanwhile": "a table is locked while an index is built on another one",
    "fill_outside": "an update of all rows without a transaction",
}


def _marks(name: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.planted("migration", UNSAFE[name])] if name in UNSAFE else []


@pytest.mark.parametrize(
    ("name", "locks", "works"), [pytest.param(*each, marks=_marks(each[0])) for each in EXPECTED]
)
def test_each_kind_of_change_is_told_by_what_it_locks_and_does(
    found: dict[str, MigrationPreview],
    name: str,
    locks: set[tuple[str, str, str, bool]],
    works: set[tuple[str, str, int]],
) -> None:
    each = found[name]

    assert each.trial.failure is None
    assert (held(each), done(each)) == (locks, works)
    assert each.is_safe == (name not in UNSAFE)


def test_the_worst_lock_comes_first_and_says_what_waits(
    found: dict[str, MigrationPreview],
) -> None:
    lines = preview_text.block(found["hold_few_meanwhile"]).splitlines()

    assert lines[0].startswith(
        "FAIL shop 0015_hold_few_meanwhile: reads and writes of shop.few wait while it builds "
        f"index held_idx on {ORDERS}: about 20,000 rows, 1."
    )
    assert lines[1].startswith(
        "     line 3 access exclusive lock on shop.few, until line 4 is done"
    )
    assert lines[2].startswith(f"     line 4 share lock on {ORDERS}, until line 4 is done")
    assert lines[-1] == ("     in one transaction; waits at most 4s for a lock; its rollback runs")


def test_a_backfill_has_the_plan_of_the_live_database(found: dict[str, MigrationPreview]) -> None:
    text = preview_text.block(found["fill_one_note"])

    assert "line 3 has this plan in the live database" in text
    assert 'Index Cond: ("or""ders".order_id = 7)' in text
    assert "it is in a function or a block" in preview_text.block(found["fill_in_a_block"])


def test_what_a_rollback_does_not_bring_back_is_named(found: dict[str, MigrationPreview]) -> None:
    assert preview_text.block(found["drop_note"]).endswith(
        f"its rollback runs, without what was in column {ORDERS}.note"
    )


@pytest.mark.planted("migration", "a statement fails")
def test_a_migration_that_fails_is_told_and_ends_the_dry_run(
    pair: Sequence[MigrationDatabase], shop: PlantedShop
) -> None:
    live, scratch = pair
    shop.migrate(live)
    shop.plant("read_nothing", "select 1 from shop.nothing;")
    shop.plant("come_later", "select 1;")

    found = shop.preview(live, scratch)

    assert [*found] == ["read_nothing"]
    assert not found["read_nothing"].is_safe
    assert 'relation "shop.nothing" does not exist' in preview_text.block(found["read_nothing"])


@pytest.mark.planted("migration", "a statement never ends")
def test_a_migration_that_never_ends_is_stopped(
    pair: Sequence[MigrationDatabase], shop: PlantedShop
) -> None:
    live, scratch = pair
    shop.migrate(live)
    shop.plant("wait_forever", "do $$ begin loop perform 1; end loop; end $$;")

    found = shop.preview(live, scratch, patience=0.1)

    assert "SQLSTATE 57014" in preview_text.block(found["wait_forever"])


@pytest.mark.planted("migration", "a rollback fails")
def test_a_rollback_that_fails_is_told(
    pair: Sequence[MigrationDatabase], shop: PlantedShop
) -> None:
    live, scratch = pair
    shop.migrate(live)
    shop.plant("add_word", "alter table shop.few add column w text;", "drop table shop.nothing;")

    found = shop.preview(live, scratch)["add_word"]

    assert not found.is_safe
    assert "its rollback FAILS" in preview_text.block(found)
    assert preview_text.block(found).startswith(
        "FAIL shop 0002_add_word: reads and writes of shop.few wait for an instant, and its "
        "rollback fails\n"
    )


def test_rows_that_nobody_has_counted_are_not_taken_for_few(
    pair: Sequence[MigrationDatabase], shop: PlantedShop
) -> None:
    live, scratch = pair
    shop.migrate(live)
    live.query("insert into shop.few values (1, 'one'); select pg_stat_reset()")
    shop.plant("refuse_nulls", "alter table shop.few alter column word set not null;")

    found = shop.preview(live, scratch)["refuse_nulls"]

    assert not found.is_safe
    assert "nobody knows how many rows: run analyze shop.few" in preview_text.block(found)


def test_a_table_that_the_live_database_lacks_is_not_taken_for_an_empty_one(
    pair: Sequence[MigrationDatabase], shop: PlantedShop
) -> None:
    live, scratch = pair
    shop.migrate(live)
    live.query("drop table shop.few")
    shop.plant("refuse_nulls", "alter table shop.few alter column word set not null;")

    found = shop.preview(live, scratch)["refuse_nulls"]

    assert not found.is_safe
    assert "it is not in the live database" in preview_text.block(found)


def test_a_renamed_table_has_the_size_of_the_live_one(
    pair: Sequence[MigrationDatabase], shop: PlantedShop
) -> None:
    live, scratch = pair
    shop.migrate(live)
    shop.fill(live)
    shop.plant("rename_orders", f"alter table {ORDERS} rename to sales;")
    shop.plant("add_index", "create index on shop.sales (quantity);")

    assert done(shop.preview(live, scratch)["add_index"]) == {("index", NAME, ROWS)}


def test_a_role_that_may_only_read_sees_what_it_may(
    pair: Sequence[MigrationDatabase], shop: PlantedShop
) -> None:
    live, scratch = pair
    shop.migrate(live)
    shop.fill(live)
    shop.plant("fill_in_notes", f"update {ORDERS} set note = 'filled';")
    live.query("create role planted_reader login")
    live.query("grant select on all tables in schema public to planted_reader")

    found = shop.preview(replace(live, user="planted_reader"), scratch)["fill_in_notes"]

    live.query("drop owned by planted_reader; drop role planted_reader")
    assert done(found) == {("scan", NAME, ROWS), ("update", NAME, ROWS)}
    assert "the live one says: permission denied for schema shop" in preview_text.block(found)


def test_a_table_that_somebody_has_locked_is_not_waited_for(
    pair: Sequence[MigrationDatabase], shop: PlantedShop
) -> None:
    live, scratch = pair
    shop.migrate(live)
    shop.plant("add_word", "alter table shop.few add column w text;")
    with live.connect() as other, other.transaction():
        other.execute("lock table shop.few in access exclusive mode")
        with pytest.raises(UnavailableError, match=r"has locked shop\.few"):
            shop.preview(live, scratch)
