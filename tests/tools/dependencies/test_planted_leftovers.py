"""Indexes that no plan uses and grants that no statement needs, planted, are each found."""

import sys
from collections.abc import Iterator

import psycopg
import pytest

from oadb import Database
from oadb.engine import dsn
from oadb.engine.binding.packages import find
from oadb.testing.servers import Server
from oadb.tools.dependencies import unused
from oadb.tools.dependencies.examination import Examination
from tests.conftest import configured

SCHEMA = """
create schema leftovers;
create table leftovers.orders (
    order_id bigint primary key, customer text not null, placed_at timestamptz not null,
    state text not null, note text not null, tags jsonb not null
);
create index orders_customer_idx on leftovers.orders (customer, placed_at);
create index orders_placed_idx on leftovers.orders (placed_at);
create index orders_note_idx on leftovers.orders (lower(note));
create table leftovers.visits (visited_at timestamptz not null, path text not null)
partition by range (visited_at);
create table leftovers.visits_rest partition of leftovers.visits default;
create index visits_visited_idx on leftovers.visits (visited_at);
create table leftovers.secrets (secret_id bigint primary key, name text not null, value text);
create view leftovers.recent as
select order_id, note from leftovers.orders where placed_at > now() - interval '1 day';
create view leftovers.names as select secret_id, name from leftovers.secrets;
create function leftovers.is_kept() returns trigger language plpgsql as
$$ begin return case when old.value is null and old.name <> '' then old end; end $$;
create trigger keeps before delete on leftovers.secrets
for each row execute function leftovers.is_kept();
grant select on leftovers.orders, leftovers.recent, leftovers.visits to oadb_app;
grant insert on leftovers.visits to oadb_log;
grant update (state, customer), delete on leftovers.orders to oadb_app;
grant select (secret_id, name) on leftovers.secrets to oadb_app;
"""

INDEXES = {
    "orders_state_idx on leftovers.orders (state)": "whose column no statement looks for",
    "orders_wider_idx on leftovers.orders (note, customer)": "that begins with another column",
    "orders_open_idx on leftovers.orders (order_id) where state = 'open'":
        "of a part that no statement asks for",
    "orders_upper_idx on leftovers.orders (upper(note))": "of another expression",
    "orders_tags_idx on leftovers.orders using gin (tags)": "of keys that are asked one by one",
    "orders_hash_idx on leftovers.orders using hash (placed_at)": "that serves no range",
    'orders_collated_idx on leftovers.orders (lower(note) collate "C")':
        "in another collation",
    "visits_path_idx on leftovers.visits (path)": "of all partitions",
}  # fmt: skip  # a table

GRANTS = {
    "insert on leftovers.orders to oadb_app": "oadb_app: insert leftovers.orders",
    "update (note) on leftovers.orders to oadb_app": "oadb_app: update leftovers.orders (note)",
    "truncate on leftovers.orders to oadb_app": "oadb_app: truncate leftovers.orders",
    "delete on leftovers.visits to oadb_log": "oadb_log: delete leftovers.visits",
    "update on leftovers.visits to oadb_log": "oadb_log: update leftovers.visits",
    "select on leftovers.secrets to oadb_log": "oadb_log: select leftovers.secrets",
    "select (value) on leftovers.secrets to oadb_app": "oadb_app: select leftovers.secrets (value)",
    "select on leftovers.names to oadb_log": "oadb_log: select leftovers.names",
}

QUERIES = """
-- name: list_of_customer
select order_id, note from leftovers.orders
where customer = :customer order by placed_at desc limit 10;

-- name: list_placed
select order_id, note from leftovers.orders where placed_at > :since order by placed_at limit 10;

-- name: find_noted
select order_id, note from leftovers.orders where lower(note) = lower(:note);

-- name: find_tagged
select order_id, note from leftovers.orders where tags ->> 'desk' = :desk and order_id = :order_id;

-- name: list_recent
select order_id, note from leftovers.recent order by order_id limit 10;

-- name: move
update leftovers.orders set state = :state, customer = :customer where order_id = :order_id;

-- name: forget
delete from leftovers.orders where order_id = :order_id;

-- name: count_visits
select count(*) from leftovers.visits where visited_at > :since;

-- name: visit
insert into leftovers.visits (visited_at, path) values (now(), :path);

-- name: list_secrets
select secret_id as order_id, name as note from leftovers.secrets order by secret_id limit 10;
"""

MODULE = '''"""Declarations."""

from dataclasses import dataclass
from datetime import datetime

from oadb import Affected, queries

query = queries(__name__)
__all__ = [
    "count_visits", "find_noted", "find_tagged", "forget", "list_of_customer", "list_placed",
    "list_recent", "list_secrets", "move", "visit",
]


@dataclass(frozen=True, slots=True)
class Row:
    order_id: int | None
    note: str | None


@query
def list_of_customer(customer: str) -> list[Row]: ...


@query
def list_placed(since: datetime) -> list[Row]: ...


@query
def find_noted(note: str) -> list[Row]: ...


@query
def find_tagged(desk: str, order_id: int) -> list[Row]: ...


@query
def list_recent() -> list[Row]: ...


@query
def move(state: str, customer: str, order_id: int) -> Affected: ...


@query
def forget(order_id: int) -> Affected: ...


@query
def count_visits(since: datetime) -> int: ...


@query
def visit(path: str) -> None: ...


@query
def list_secrets() -> list[Row]: ...


query.complete()
'''

USES = """
[roles.oadb_app]
runs = ["orders.*"]
not = ["orders.visit"]

[roles.oadb_log]
runs = ["orders.visit"]
"""


@pytest.fixture(scope="module")
def found(
    oadb_server: Server, oadb_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[set[str]]:
    """Give what nothing uses of a package and a database with all that is planted."""
    folder = tmp_path_factory.mktemp("leftovers")
    indexes = "".join(f"create index {each};\n" for each in INDEXES)
    schema = SCHEMA + indexes + "".join(f"grant {each};\n" for each in GRANTS)
    files = {
        "leftovers/__init__.py": "",
        "leftovers/orders.py": MODULE,
        "leftovers/sql/queries/orders.sql": QUERIES,
        "leftovers/sql/migrations/0001_create_orders.sql": schema,
        "leftovers/sql/uses.toml": USES,
    }
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    with pytest.MonkeyPatch.context() as patch, oadb_server.clone(oadb_template) as url:
        patch.setattr("sys.path", [str(folder), *sys.path])
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(schema.encode())
        with Database(configured(url)) as db:
            examination = Examination(dsn.parse(url), db, [find("leftovers")])
            yield {each.subject for each in unused.find(examination) if not each.ok}


@pytest.mark.parametrize(
    "index",
    [
        pytest.param(name, id=what, marks=pytest.mark.planted("index", f"an index {what}"))
        for name, what in INDEXES.items()
    ],
)
def test_an_index_that_no_plan_uses_is_found(found: set[str], index: str) -> None:
    assert f"index leftovers.{index.partition(' ')[0]}" in found


@pytest.mark.parametrize(
    "grant",
    [pytest.param(each, marks=pytest.mark.planted("grant", f"grant {each}")) for each in GRANTS],
)
def test_a_grant_that_no_statement_needs_is_found(found: set[str], grant: str) -> None:
    assert f"grant {GRANTS[grant]}" in found


def test_nothing_else_is_found(found: set[str]) -> None:
    planted = {f"index leftovers.{each.partition(' ')[0]}" for each in INDEXES}
    other = {each for each in found if not each.startswith("column ")}

    assert other == planted | {f"grant {each}" for each in GRANTS.values()}
