"""The recipes of docs/online-changes.md, while callers read and write: nobody waits for long."""

import os
import re

import pytest
from psycopg.conninfo import make_conninfo

from tests.support.callers import Waits, callers
from tests.support.migrations import REPOSITORY, MigrationDatabase, MigrationFolder, Run

pytestmark = pytest.mark.long("changes tables of 200,000 rows under load")

PAGE = REPOSITORY / "docs" / "online-changes.md"
ALLOWED = 0.1
"""Seconds that a caller may wait for a lock where processes need not wait for a processor."""

ROWS = 200_000
TABLES = f"""
create table oadb.orders (
    order_id bigint generated always as identity primary key,
    broker text, quantity integer not null, note text
);
insert into oadb.orders (broker, quantity, note)
select 'zerodha', n, case when n % 2 = 0 then 'note ' || n end from generate_series(1, {ROWS}) as n;
create table oadb.trades (trade_id bigint not null, symbol text not null)
partition by range (trade_id);
create table oadb.trades_1 partition of oadb.trades for values from (1) to (100001);
create table oadb.trades_2 partition of oadb.trades for values from (100001) to (maxvalue);
insert into oadb.trades select n, 'S' || n from generate_series(1, {ROWS}) as n;
"""

CALLS = (
    "insert into oadb.orders (broker, quantity, note) values ('zerodha', 1, 'new')",
    f"update oadb.orders set quantity = quantity + 1 where order_id = 1 + ({ROWS} * random())::int",
    "select count(*) from (select from oadb.orders limit 100) as few",
    f"insert into oadb.trades values ({ROWS} + 1, 'new')",
)
"""What works before, during and after each of the changes."""


def recipe(title: str) -> list[str]:
    """Return the files of a section of the page, for the schema of the package in tests."""
    section = PAGE.read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    found = re.findall(r"^```sql\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return [block.replace("shop.", "oadb.") for block in found]


@pytest.fixture
def write(folder: MigrationFolder, run: Run) -> "Writer":
    return Writer(folder, run)


class Writer:
    """Writes migrations, one after the other, and applies each."""

    def __init__(self, folder: MigrationFolder, run: Run) -> None:
        self._folder, self._run = folder, run
        self._previous, self._number = "0001_create_schema", 1

    def apply(self, body: str) -> None:
        self._number += 1
        stem = f"{self._number:04d}_change_something"
        alone = body.startswith("-- transactional: false\n")
        body = body.removeprefix("-- transactional: false\n")
        self._folder.write(stem, body, "select 1;", transactional=not alone)
        self._run()


def changed(write: Writer, database: MigrationDatabase, files: list[str]) -> Waits:
    """Apply files while callers go on; return how long these waited."""
    write.apply(TABLES)
    with callers(make_conninfo(**database.dsn.keywords), CALLS) as waits:
        before = waits.calls
        for body in files:
            write.apply(body)
    assert waits.calls > before
    return waits


def allowed() -> float:
    """Return how long a caller may wait while this machine is as busy as it is now."""
    return ALLOWED * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def test_an_index_of_a_partitioned_table(write: Writer, database: MigrationDatabase) -> None:
    waits = changed(write, database, recipe("An index of a partitioned table"))

    assert waits.longest < allowed()
    index = "'oadb.trades_symbol_idx'::regclass"
    assert database.query(f"select indisvalid from pg_index where indexrelid = {index}") == [
        (True,)
    ]


def test_a_column_that_may_not_be_null(write: Writer, database: MigrationDatabase) -> None:
    waits = changed(write, database, recipe("A column that may not be null"))

    assert waits.longest < allowed()
    column = "attrelid = 'oadb.orders'::regclass and attname = 'broker'"
    assert database.query(f"select attnotnull from pg_attribute where {column}") == [(True,)]


@pytest.mark.slow  # rewrites a table of 200,000 rows under load, ten seconds
def test_another_type(write: Writer, database: MigrationDatabase) -> None:
    *files, drop = recipe("Another type")
    waits = changed(write, database, files)

    assert waits.longest < allowed()
    # Callers only added, and after the columns had changed places to the new one alone.
    assert database.query(
        "select bool_and(quantity >= quantity_old), bool_or(quantity = quantity_old) "
        "from oadb.orders where quantity_old is not null"
    ) == [(True, True)]
    write.apply(drop)
    assert database.query(
        "select format_type(atttypid, null), attnotnull from pg_attribute "
        "where attrelid = 'oadb.orders'::regclass and attname = 'quantity'"
    ) == [("bigint", True)]


@pytest.mark.slow  # copies a table of 200,000 rows under load, eight seconds
def test_a_table_that_is_split(write: Writer, database: MigrationDatabase) -> None:
    *files, drop = recipe("A table that is split")
    waits = changed(write, database, files)

    assert waits.longest < allowed()
    assert database.query(
        "select count(*) from oadb.orders full join oadb.order_notes using (order_id) "
        "where orders.note is distinct from order_notes.note"
    ) == [(0,)]
    write.apply(drop)


@pytest.mark.parametrize(
    "careless",
    [
        "create index on oadb.trades (symbol);",
        "alter table oadb.orders alter quantity type bigint;",
    ],
)
def test_the_careless_way_is_noticed(
    write: Writer, database: MigrationDatabase, careless: str
) -> None:
    assert changed(write, database, [careless]).longest > ALLOWED
