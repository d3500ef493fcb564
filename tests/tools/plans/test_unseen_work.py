"""What runs beside a plan: triggers and foreign keys, as the catalog has them."""

from collections.abc import Generator

import psycopg
import pytest

from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import parse
from oadb.tools.plans import unseen_work
from oadb.tools.plans.unseen_work import UnseenWork, WriteEvent

TABLES = """
create schema bakery;
create function bakery.note() returns trigger language plpgsql as 'begin return null; end';
create table bakery.shops (country text, shop_id int, primary key (country, shop_id));
create table bakery.loaves (
    loaf_id int primary key, country text, shop_id int, baker int, oven text collate "C",
    foreign key (country, shop_id) references bakery.shops on delete cascade
);
create index loaves_shop_idx on bakery.loaves (shop_id, country, baker);
create table bakery.sales (
    sold_at timestamptz not null, loaf_id int,
    constraint sales_loaf_id_fkey foreign key (loaf_id) references bakery.loaves on delete set null
) partition by range (sold_at);
create table bakery.sales_1 partition of bakery.sales
for values from ('2026-01-01') to ('2026-02-01');
create table bakery.crumbs (
    label text primary key, loaf_id int generated always as (length(label)) stored
    references bakery.loaves
);
comment on constraint sales_loaf_id_fkey on bakery.sales is 'what it is for';
create trigger notes_a_sale after insert on bakery.sales
for each row when (new.loaf_id is null) execute function bakery.note();
create trigger notes_a_baker before update of baker or truncate on bakery.loaves
execute function bakery.note();
create constraint trigger notes_late after delete on bakery.loaves
initially deferred for each row execute function bakery.note();
create trigger sleeps after insert on bakery.loaves execute function bakery.note();
alter table bakery.loaves disable trigger sleeps;
"""


@pytest.fixture(scope="module")
def owner(url: str) -> Generator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLES)
        yield connection


@pytest.fixture(scope="module")
def bakery(url: str, owner: psycopg.Connection) -> Generator[Database]:
    del owner  # has made the tables
    with Database(Config(parse(url))) as db:
        yield db


@pytest.fixture
def found(bakery: Database) -> UnseenWork:
    return unseen_work.read(bakery)


def test_a_trigger_of_a_partitioned_table_is_there_once(found: UnseenWork) -> None:
    (trigger,) = found.fired("bakery.sales", "insert")

    assert (trigger.name, trigger.timing) == ("notes_a_sale", "after")
    assert trigger.is_for_each_row
    assert trigger.is_conditional
    assert trigger.function_name == "bakery.note"


def test_a_trigger_is_there_for_what_fires_it(found: UnseenWork) -> None:
    events: list[WriteEvent] = ["insert", "update", "delete", "truncate"]
    names = {event: [each.name for each in found.fired("bakery.loaves", event)] for event in events}

    assert names == {
        "insert": [],  # one is disabled
        "update": ["notes_a_baker"],
        "delete": ["notes_late"],
        "truncate": ["notes_a_baker"],
    }


def test_a_trigger_says_of_which_columns_and_when(found: UnseenWork) -> None:
    (of_columns,) = found.fired("bakery.loaves", "update")
    (deferred,) = found.fired("bakery.loaves", "delete")

    assert of_columns.columns == ["baker"]
    assert (of_columns.timing, deferred.timing) == ("before", "at commit")


def test_a_foreign_key_is_looked_up_on_one_side_and_searched_on_the_other(
    found: UnseenWork,
) -> None:
    (looked_up,) = found.looked_up("bakery.loaves", "insert")
    (searched,) = found.searched("bakery.shops", "delete")

    assert looked_up is searched
    assert (looked_up.target_index, looked_up.on_delete) == ("shops_pkey", "cascade")
    assert looked_up.index_name == "loaves_shop_idx"  # in another order
    assert not [*found.looked_up("bakery.loaves", "delete")]
    assert not [*found.searched("bakery.shops", "insert")]


def test_a_foreign_key_of_a_partitioned_table_is_there_once(found: UnseenWork) -> None:
    _, key = found.searched("bakery.loaves", "delete")

    assert (key.table_name, key.index_name) == ("bakery.sales", None)
    assert key.comment == "what it is for"


def test_an_update_of_other_columns_concerns_no_foreign_key(found: UnseenWork) -> None:
    def of(*columns: str) -> list[str]:
        keys = found.looked_up("bakery.loaves", "update", {*columns})
        return [
            each.name for each in (*keys, *found.searched("bakery.loaves", "update", {*columns}))
        ]

    assert of("baker") == []
    assert of("country") == ["loaves_country_shop_id_fkey"]
    assert of("loaf_id") == ["crumbs_loaf_id_fkey", "sales_loaf_id_fkey"]
    assert not [*found.fired("bakery.loaves", "update", {"country"})]


def test_an_update_changes_a_generated_reference_by_what_it_is_made_of(found: UnseenWork) -> None:
    (key,) = found.looked_up("bakery.crumbs", "update", {"label"})

    assert key.columns == ["loaf_id"]
    assert key.set_columns == ["label", "loaf_id"]


def test_the_rows_of_a_foreign_key_are_those_of_all_partitions(
    bakery: Database, owner: psycopg.Connection
) -> None:
    owner.execute("insert into bakery.sales select '2026-01-03' from generate_series(1, 70)")
    owner.execute("analyze bakery.sales_1")

    keys = {each.name: each for each in unseen_work.read(bakery).references["bakery.loaves"]}

    assert keys["sales_loaf_id_fkey"].rows == 70
    assert keys["crumbs_loaf_id_fkey"].rows == 0


INDEXES = {
    "on bakery.sales (loaf_id)": True,
    "on bakery.sales using hash (loaf_id)": True,
    "on bakery.sales (loaf_id, sold_at)": True,
    "on bakery.sales (loaf_id) where loaf_id is not null": True,
    "on bakery.sales (sold_at, loaf_id)": False,
    "on bakery.sales (loaf_id) where loaf_id > 0": False,
    "on bakery.sales ((loaf_id + 0))": False,
    "on bakery.sales using brin (loaf_id)": False,
    "on only bakery.sales (loaf_id)": False,  # not of its partitions
}


@pytest.mark.parametrize("index", INDEXES)
def test_a_foreign_key_needs_an_index_that_begins_with_its_columns(
    bakery: Database, owner: psycopg.Connection, index: str
) -> None:
    owner.execute(f"create index planted_idx {index}".encode())
    _, key = unseen_work.read(bakery).searched("bakery.loaves", "delete")
    owner.execute("drop index bakery.planted_idx")

    assert key.index_name == ("planted_idx" if INDEXES[index] else None)


def test_an_index_in_another_collation_serves_no_foreign_key(
    bakery: Database, owner: psycopg.Connection
) -> None:
    owner.execute('create table bakery.ovens (name text collate "C" primary key)')
    owner.execute("alter table bakery.loaves add foreign key (oven) references bakery.ovens")
    owner.execute('create index ovens_idx on bakery.loaves (oven collate "POSIX")')

    (key,) = unseen_work.read(bakery).searched("bakery.ovens", "delete")

    assert key.index_name is None
