"""A rehearsal runs pending migrations on rows, while callers work, and tells who waited."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from oadb.embedded import embedded_server
from oadb.engine.binding.packages import find
from oadb.errors import ConfigError, MigrationError
from oadb.tools.migrations import declared_calls, rehearsal_text
from oadb.tools.migrations.migration_rehearsal import (
    Aftermath,
    Rehearsal,
    RehearsedMigration,
    Stage,
)
from tests.support.command_line import oadb
from tests.support.migrations import MigrationDatabase
from tests.support.planted_migrations import ORDERS, PlantedShop, databases

pytestmark = pytest.mark.long("runs migrations on tables with rows, while callers work")

ROWS = 100_000

_STOCK_SQL = """
-- name: get
select word
from shop.few
where few_id = :few_id;

-- name: set_word
update shop.few
set word = :word
where few_id = :few_id;

-- name: divide
select few_id
from shop.few
where few_id / (few_id - few_id) = :few_id;
"""
_STOCK = """
from oadb.engine.binding.queries import queries

query = queries(__name__)


@query
def get(few_id: int) -> str | None: ...


@query
def set_word(few_id: int, word: str) -> None: ...


@query
def divide(few_id: int) -> list[int]: ...


query.complete()
"""


@pytest.fixture
def shop(tmp_path: Path) -> PlantedShop:
    return PlantedShop(tmp_path)


@pytest.fixture
def live(migration_server: str, shop: PlantedShop) -> Iterator[MigrationDatabase]:
    """Give a database with the shop's first migration; what a rehearsal makes is dropped."""
    with databases(migration_server, 1) as (made,):
        shop.migrate(made)
        yield made
        for name in ("oadb_rehearsal", "oadb_trial"):
            made.query(f"drop database if exists {name} with (force)")


def rehearse(
    live: MigrationDatabase,
    shop: PlantedShop,
    *,
    rows: int = 1000,
    dump: Path | None = None,
    seconds: float = 60.0,
) -> list[Stage | RehearsedMigration | Aftermath]:
    rehearsal = Rehearsal(live.dsn, shop.packages, rows=rows, dump=dump, seconds=seconds)
    return [*rehearsal.run_on(live.dsn)]


def test_who_waits_for_a_rewrite_is_told_with_the_longest_wait(
    live: MigrationDatabase, shop: PlantedShop
) -> None:
    shop.plant("widen_quantity", f"alter table {ORDERS} alter column quantity type bigint;")

    stage, widened, after = rehearse(live, shop, rows=ROWS)

    assert isinstance(stage, Stage)
    assert rehearsal_text.text(stage) == f"rows: {ORDERS} 100,000\ncallers: {ORDERS} by key"
    assert isinstance(widened, RehearsedMigration)
    assert len(widened.callers.waits) == 2, "each caller"
    assert " by key" in rehearsal_text.text(widened).partition("     waited: ")[2]
    assert 0.02 < widened.callers.longest < widened.seconds + 0.1
    assert not widened.callers.errors
    assert isinstance(after, Aftermath)
    assert (after.is_safe, after.unpinned) == (True, ("shop",))


def test_a_careful_migration_makes_nobody_wait(live: MigrationDatabase, shop: PlantedShop) -> None:
    shop.plant(
        "add_index",
        f"create index concurrently calm_idx on {ORDERS} (quantity);",
        "drop index concurrently shop.calm_idx;",
        transactional=False,
    )

    _, indexed, _ = rehearse(live, shop, rows=ROWS)

    assert isinstance(indexed, RehearsedMigration)
    assert indexed.callers.calls
    assert indexed.is_safe, rehearsal_text.text(indexed)


def test_errors_that_callers_see_are_told(live: MigrationDatabase, shop: PlantedShop) -> None:
    shop.plant("drop_note", f"alter table {ORDERS} drop column note;")

    _, dropped, _ = rehearse(live, shop)

    assert isinstance(dropped, RehearsedMigration)
    assert not dropped.is_safe
    text = rehearsal_text.text(dropped)
    assert f" times: read of {ORDERS} by key: column told.note does not exist" in text


def test_a_migration_that_fails_on_rows_is_told_and_ends_the_rehearsal(
    live: MigrationDatabase, shop: PlantedShop
) -> None:
    shop.plant("refuse_all", f"alter table {ORDERS} add check (quantity > 100000);")
    shop.plant("come_later", "create table shop.later (a integer);")

    *_, refused = rehearse(live, shop)

    assert isinstance(refused, RehearsedMigration)
    assert refused.trial.failure is None, "without rows it does not fail"
    assert "is violated by some row" in rehearsal_text.text(refused)


def test_a_rehearsal_ends_when_its_time_is_over(live: MigrationDatabase, shop: PlantedShop) -> None:
    shop.plant("wait_long", "select pg_sleep(60);")

    with pytest.raises(MigrationError, match="has not ended within 1 s"):
        rehearse(live, shop, seconds=1.0)
    assert not live.is_sleeping()


def test_values_are_found_that_checks_allow_and_the_others_are_named(
    live: MigrationDatabase, shop: PlantedShop
) -> None:
    shop.plant(
        "create_checked",
        "create type shop.side as enum ('buy', 'sell');\n"
        "create domain shop.short as varchar(5);\n"
        "create table shop.checked (checked_id uuid primary key, side shop.side not null, "
        "state text not null check (state in ('open', 'it''s done')), short shop.short, "
        "starts_at timestamptz not null, ends_at timestamptz, "
        "order_id bigint not null references " + ORDERS + ", "
        "check ((state = 'open') = (ends_at is null)));\n"
        "create table shop.odd (odd_id bigint primary key check (odd_id % 2 = 1), "
        "word text not null check (word ~ '^[a-z]{7}$'));",
    )
    shop.migrate(live)
    shop.plant("name_checks", "alter table shop.checked add a int; alter table shop.odd add a int;")

    stage, *_ = rehearse(live, shop)

    assert isinstance(stage, Stage)
    found = {each.generated.table_name: each for each in stage.filled}
    assert found["shop.checked"].rows == found[ORDERS].rows == 1000, "and what it refers to"
    assert "shop.odd stayed empty: new row for relation" in rehearsal_text.text(stage)


def test_rows_are_in_proportion_to_those_of_the_live_tables(
    live: MigrationDatabase, shop: PlantedShop
) -> None:
    shop.fill(live)
    shop.plant("add_words", f"alter table {ORDERS} add w int; alter table shop.few add w int;")

    stage, *_ = rehearse(live, shop)

    assert isinstance(stage, Stage)
    assert {each.generated.table_name: each.rows for each in stage.filled} == {
        ORDERS: 1000,
        "shop.few": 1,
    }


@pytest.mark.parametrize("form", ["plain", "custom"])
def test_a_dump_makes_the_schema_and_keeps_its_rows(
    live: MigrationDatabase, shop: PlantedShop, tmp_path: Path, form: str
) -> None:
    shop.fill(live)
    shop.plant("refuse_nulls", "alter table shop.few alter column word set not null;")
    dump = tmp_path / "dump"
    command = [embedded_server.binaries() / "pg_dump", f"--format={form}", "-f", dump]
    subprocess.run([*command, "-d", make_conninfo(**live.dsn.keywords)], check=True)

    stage, *_, after = rehearse(live, shop, dump=dump)

    assert isinstance(stage, Stage)
    assert (stage.refused, [each.rows for each in stage.filled]) == ((), [0])
    assert isinstance(after, Aftermath)
    with psycopg.connect(**{**live.dsn.keywords, "dbname": "oadb_rehearsal"}) as rehearsed:
        assert rehearsed.execute("select count(*) from shop.few").fetchone() == (1,)


def test_the_declared_statements_are_called_and_those_that_wait_are_named(
    live: MigrationDatabase, shop: PlantedShop
) -> None:
    shop.declare("stock", _STOCK_SQL, _STOCK)
    shop.plant("hold_few", "alter table shop.few add note text; select pg_sleep(0.3);")
    shop.plant("drop_word", "alter table shop.few drop column word;")

    with shop.importable():
        packages = [find("shop")]
        rehearsal = Rehearsal(live.dsn, packages, rows=100, dump=None, seconds=60.0)
        stage, held, dropped, _ = map(rehearsal_text.text, rehearsal.run_on(live.dsn))
        counted = declared_calls.find(live.dsn, packages, ["shop.few"], {"stock.get": 5})

    assert stage.splitlines()[1:] == [
        "callers: 2 statements on shop.few, each as often",
        "     not called, as it fails before: stock.divide: division by zero",
    ]
    assert re.match(r"FAIL shop 0002_hold_few: .*; 2 of [\d,]+ calls waited, the longest ", held)
    assert re.search(r"     waited: \d{3,} ms at most, \d times: stock\.(get|set_word)\n?", held)
    for name in ("stock.get", "stock.set_word"):
        assert f' times: {name}: column "word" ' in dropped
    assert counted.is_weighted
    weights = {each.name: each.weight for each in counted.statements}
    assert (weights["stock.get"], weights["stock.set_word"]) == (6, 1)


def test_rows_are_in_proportion_to_what_files_of_statistics_say(
    live: MigrationDatabase, shop: PlantedShop
) -> None:
    shop.say('{"shop.few": {"rows": {"share": 0.25}}}')
    shop.plant("add_words", f"alter table {ORDERS} add w int; alter table shop.few add w int;")

    stage, *_ = rehearse(live, shop)

    assert isinstance(stage, Stage)
    assert {each.generated.table_name: each.rows for each in stage.filled} == {
        ORDERS: 1000,
        "shop.few": 250,
    }


def test_a_dump_that_cannot_be_read_is_refused(live: MigrationDatabase, shop: PlantedShop) -> None:
    shop.plant("create_more", "create table shop.more (a integer);")

    with pytest.raises(ConfigError, match=r"--dump nowhere\.sql: No such file"):
        rehearse(live, shop, dump=Path("nowhere.sql"))


def test_a_database_ahead_of_the_code_is_refused(
    live: MigrationDatabase, shop: PlantedShop
) -> None:
    later = shop.plant("create_more", "create table shop.more (a integer);")
    shop.migrate(live)
    shop.remove(later)

    with pytest.raises(MigrationError, match=f"{later}.sql does not exist, but was applied"):
        rehearse(live, shop)


def test_the_command_tells_each_part_and_changes_nothing(
    live: MigrationDatabase, shop: PlantedShop
) -> None:
    shop.plant("drop_note", f"alter table {ORDERS} drop column note;")
    before = live.names_elsewhere()

    with shop.importable():
        done = oadb("migrate", "rehearse", "--rows", "100", "--package", "shop", url=live.yoyo_url)

    assert (done.returncode, done.stderr) == (3, "")
    lines = done.stdout.splitlines()
    assert lines[:2] == [f"rows: {ORDERS} 100", f"callers: {ORDERS} by key"]
    assert lines[2].startswith("FAIL shop 0002_drop_note: ")
    assert "afterwards: nobody says what the schema of shop should be" in done.stdout
    assert live.names_elsewhere() == before
    assert live.has(ORDERS)
