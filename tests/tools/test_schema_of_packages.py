"""``oadb schema`` of services: the schemas that a package's own migrations create."""

from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import psycopg
import pytest

from oadb.engine import dsn
from oadb.engine.single_connection import SingleConnection
from oadb.testing.servers import Server
from oadb.tools import package_list, schema, schema_text
from oadb.tools.migrations import runner
from tests.support.command_line import oadb
from tests.support.schema_texts import comparable

SHOP = Path(__file__).parents[1] / "shop"

HEAD = """\
-- The schema of shop, with the comment on each object above it. Generated:
--
--     oadb migrate && oadb schema --package shop
--
"""

STOCK = """\
-- table shop.stock --------------------------------------------------------------------------------

create table shop.stock (
    product_id bigint not null,
    warehouse  text not null,
    on_hand    bigint not null,
    counted_at timestamp with time zone not null default now(),

    constraint stock_pkey primary key (product_id, warehouse),
    constraint stock_on_hand_check check (on_hand >= 0),
    constraint stock_product_id_fkey foreign key (product_id) references shop.products(product_id)
);
"""

TYPES = """\
-- type shop.address -------------------------------------------------------------------------------

create type shop.address as (
    street text,
    city text
);

-- type shop.parcel_state --------------------------------------------------------------------------

create type shop.parcel_state as enum (
    'packed',
    'sent',
    'lost'
);
"""


@pytest.fixture(autouse=True)
def _in_the_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make its folder the current one, whose project file names it and oadb."""
    monkeypatch.chdir(SHOP)
    monkeypatch.delenv("OADB_PACKAGES", raising=False)
    monkeypatch.syspath_prepend("")  # restores what a project file adds to sys.path


@pytest.fixture(scope="module")
def url(oadb_server: Server, oadb_template: str) -> Iterator[str]:
    """Give a database of oadb and the shop."""
    with oadb_server.clone(oadb_template) as url, pytest.MonkeyPatch.context() as patch:
        patch.chdir(SHOP)
        patch.syspath_prepend("")
        runner.migrate(dsn.parse(url), packages=package_list.chosen(["shop"]))
        yield url


def printed(done: CompletedProcess[str]) -> str:
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def titles(text: str) -> list[str]:
    return [line.strip("- ") for line in text.splitlines() if line.endswith("--") and line != "--"]


def test_a_package_has_the_objects_of_the_schemas_that_it_creates(url: str) -> None:
    text = printed(oadb("schema", "--package", "shop", url=url))

    assert text.startswith(HEAD)
    assert TYPES in text
    assert STOCK in text
    assert titles(text) == [
        "schema shop",
        "type shop.address",
        "type shop.parcel_state",
        *(f"table shop.{name}" for name in ("customers", "order_lines", "orders", "parcels")),
        *(f"table shop.{name}" for name in ("products", "stock", "wishes")),
        "view shop.order_totals",
    ]


def test_without_a_name_it_is_every_package_that_is_found(url: str) -> None:
    both = printed(oadb("schema", url=url))
    alone = printed(oadb("schema", url=url, OADB_PACKAGES="oadb"))
    shop = printed(oadb("schema", url=url, OADB_PACKAGES="shop"))

    written = (SHOP.parents[1] / "sql" / "schema.sql").read_text()
    with psycopg.connect(url) as connection:
        version = connection.info.server_version
    assert comparable(alone, version) == comparable(written, version)
    assert shop == printed(oadb("schema", "--package", "shop", url=url))
    assert "    oadb migrate && oadb schema --package oadb --package shop\n" in both
    assert titles(both)[:2] == ["schema oadb", "schema shop"]
    assert {*titles(both)} == {*titles(alone), *titles(shop)}


def test_another_owner_is_another_one_than_that_of_most_of_the_schema(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        session = SingleConnection(connection)
        with connection.transaction(force_rollback=True):
            connection.execute("create role keeper")
            connection.execute("alter schema shop owner to keeper")
            connection.execute("alter table shop.stock owner to keeper")
            objects = schema.read(session, ["oadb", "shop"])

    assert {each.name for each in objects if each.kind == "owner"} == {"shop", "shop.stock"}


DOMAIN = "create domain shop.cents as bigint not null default 1 check (value > 0)"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("alter type shop.parcel_state add value 'back'", "shop.parcel_state"),
        ("alter type shop.parcel_state rename value 'lost' to 'gone'", "shop.parcel_state"),
        ("alter type shop.address add attribute zip text", "shop.address"),
        ("alter domain shop.cents set default 2", "shop.cents"),
        ("alter domain shop.cents drop not null", "shop.cents"),
        ("alter domain shop.cents drop constraint cents_check", "shop.cents"),
        ("comment on domain shop.cents is 'Of a rupee.'", "shop.cents"),
        ("create type shop.nothing as ()", "shop.nothing"),
    ],
)
def test_a_change_of_a_type_is_a_change_of_one_object(url: str, change: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        session = SingleConnection(connection)
        with connection.transaction(force_rollback=True):
            connection.execute(DOMAIN)
            before = schema.read(session, ["shop"])
            connection.execute(change.encode())
            after = schema.read(session, ["shop"])

    assert {(each.kind, each.name) for each in {*before} ^ {*after}} == {("type", name)}


def test_a_materialized_view_is_shown_with_its_query_and_its_indexes(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        session = SingleConnection(connection)
        with connection.transaction(force_rollback=True):
            connection.execute("create materialized view shop.summary as select 1 as orders")
            connection.execute("create index summary_idx on shop.summary (orders)")
            text = schema_text.render(schema.read(session, ["shop"]), ["shop"])

    assert (
        "--     orders integer\n"
        "create materialized view shop.summary as\n"
        " select 1 as orders;\n\n"
        "create index summary_idx on shop.summary using btree (orders);\n"
    ) in text


def test_a_package_without_a_schema_is_refused(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "queries_only" / "sql" / "queries").mkdir(parents=True)
    (tmp_path / "queries_only" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))

    done = oadb("schema", "--package", "queries_only", url=url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("oadb: the migrations of queries_only create no schema")

    found = printed(oadb("schema", url=url, OADB_PACKAGES="queries_only,shop"))
    assert found == printed(oadb("schema", "--package", "shop", url=url))


def test_a_database_without_the_schema_is_not_migrated(oadb_server: Server) -> None:
    with oadb_server.clone("template1") as url:
        done = oadb("schema", url=url)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("is not migrated; run oadb migrate\n")
