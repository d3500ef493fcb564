"""An index of a partitioned table: a migration creates it on the table, a run on each partition."""

import pytest

from oadb.errors import MigrationError
from oadb.tools.migrations.runner import Report, plan
from tests.support.migrations import MigrationDatabase, MigrationFolder, Run

PARTITIONED = """
create table oadb.ticks (at bigint not null, price bigint not null) partition by range (at);
create table oadb.ticks_1 partition of oadb.ticks for values from (1) to (2);
create table oadb.ticks_2 partition of oadb.ticks for values from (2) to (3);
insert into oadb.ticks values (1, 7), (2, 7);
"""
TABLE, INDEX = "0002_create_ticks", "0003_index_prices"
PARTS = tuple(f"index oadb.ticks_price_idx on oadb.ticks_{number}" for number in (1, 2))

VALID = "select indisvalid from pg_index where indexrelid = 'oadb.ticks_price_idx'::regclass"
UNIQUE = """
select relname::text from pg_index inner join pg_class on indexrelid = pg_class.oid
where relname ~ 'by_price$' and indisunique and indisvalid order by 1
"""
ATTACHED = """
select inhrelid::regclass::text, pg_get_indexdef(inhrelid) from pg_inherits
where inhparent = 'oadb.ticks_price_idx'::regclass order by 1
"""


@pytest.fixture(autouse=True)
def _ticks(folder: MigrationFolder, run: Run) -> None:
    folder.write(TABLE, PARTITIONED, "drop table oadb.ticks;")
    run()


def index(folder: MigrationFolder, on: str = "(price) where price > 1", kind: str = "") -> None:
    folder.write(
        INDEX,
        f"create {kind} index ticks_price_idx on only oadb.ticks {on};",
        "drop index oadb.ticks_price_idx;",
    )


def test_it_is_built_on_each_partition_and_attached(
    folder: MigrationFolder, run: Run, database: MigrationDatabase
) -> None:
    index(folder)
    lines = list[str]()

    assert run(tell=lines.append) == Report((INDEX,), (), PARTS)
    assert [line.partition(" in ")[0] for line in lines[2:]] == [
        line for part in PARTS for line in (f"building {part}", f"built {part}")
    ]
    assert database.query(VALID) == [(True,)]
    made = "CREATE INDEX {0}_price_idx ON oadb.{0} USING btree (price) WHERE (price > 1)"
    assert database.query(ATTACHED) == [
        (f"oadb.{name}_price_idx", made.format(name)) for name in ("ticks_1", "ticks_2")
    ]
    assert run() == Report((), ())


def test_it_may_be_unique_and_of_any_name(
    folder: MigrationFolder, run: Run, database: MigrationDatabase
) -> None:
    folder.write(
        INDEX,
        "create unique index by_price on only oadb.ticks (price, at);",
        "drop index oadb.by_price;",
    )
    run()

    assert database.query(UNIQUE) == [("by_price",), ("ticks_1_by_price",), ("ticks_2_by_price",)]


def test_a_plan_names_what_a_run_would_build(
    folder: MigrationFolder, run: Run, database: MigrationDatabase
) -> None:
    database.query("create index ticks_price_idx on only oadb.ticks (price)")

    planned = plan(database.dsn, packages=folder.packages)
    assert planned == Report((), (), PARTS)
    assert run() == planned


def test_a_partition_that_is_made_meanwhile_has_it_already(
    run: Run, database: MigrationDatabase
) -> None:
    database.query("create index ticks_price_idx on only oadb.ticks (price)")
    database.query("create table oadb.ticks_3 (like oadb.ticks including all)")
    database.query(
        "alter table oadb.ticks attach partition oadb.ticks_3 for values from (3) to (4)"
    )

    assert run() == Report((), (), PARTS)
    assert len(database.query(ATTACHED)) == 3


def test_a_run_drops_what_one_that_failed_left_and_goes_on(
    folder: MigrationFolder, run: Run, database: MigrationDatabase
) -> None:
    index(folder, "(price, at)", "unique")
    database.query("insert into oadb.ticks values (2, 7)")
    with pytest.raises(MigrationError, match=r"on oadb\.ticks_2: .*could not create unique"):
        run()
    assert database.query(VALID) == [(False,)]
    assert database.query("select count(*) from pg_index where not indisvalid") == [(2,)]

    database.query("delete from oadb.ticks where at = 2")
    assert run() == Report((), (), PARTS[1:])
    assert database.query(VALID) == [(True,)]


def test_an_index_of_the_name_that_is_another_one_is_refused(
    folder: MigrationFolder, run: Run, database: MigrationDatabase
) -> None:
    database.query("create index ticks_2_price_idx on oadb.ticks_2 (at)")
    index(folder)
    with pytest.raises(MigrationError, match="cannot attach index"):
        run()

    assert len(database.query(ATTACHED)) == 1
