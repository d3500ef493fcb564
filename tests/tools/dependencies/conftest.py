"""A package with things that nothing uses, and a database with its schema."""

import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from oadb import Database
from oadb.engine import dsn
from oadb.engine.binding.packages import Package, find
from oadb.testing.servers import Server
from oadb.tools.dependencies.examination import Examination
from tests.conftest import configured

MIGRATION = """
create schema planted;
create type planted.state as enum ('new', 'sold');
create table planted.people (
    person_id int primary key,
    email text not null constraint people_email_check check (email like '%@%'),
    email_key text generated always as (lower(email)) stored
);
create table planted.goods (
    good_id int primary key,
    owner_id int not null references planted.people,
    name text not null,
    state planted.state not null default 'new',
    forgotten text,
    printed text
);
create index goods_owner_id_idx on planted.goods (owner_id);
create index goods_name_idx on planted.goods (name);
create index goods_forgotten_idx on planted.goods (forgotten);
create function planted.touch() returns trigger language plpgsql as
$$ begin new.printed := new.printed; return new; end $$;
create trigger touches before insert on planted.goods
for each row execute function planted.touch();
create function planted.shout(text) returns text language sql immutable return upper($1);
create view planted.emails as select person_id, email from planted.people;
create table planted."odd (names" ("x.y+(" text, "it's" text);
grant select on planted.goods, planted.emails to oadb_app;
grant delete, update (name, forgotten) on planted.goods to oadb_app;
"""

QUERIES = """
-- name: find_by_name
-- Served by goods_name_idx, or goods_dropped_idx.
select good_id, planted.shout(name) as shouted from planted.goods where name = :name;

-- name: _rename
update planted.goods set name = :name where good_id = :good_id;

-- name: _sell
update planted.goods set state = 'sold'::planted.state where good_id = :good_id;

-- name: list_emails
select email from planted.emails order by email limit 10;

-- name: read_odd
select "x.y+(" as odd from planted."odd (names" order by 1 limit 1;

-- name: never_called
select state::text as state from planted.goods where good_id = :good_id;
"""

MODULE = """
from dataclasses import dataclass

from oadb import Affected, queries

query = queries(__name__)
__all__ = ["list_emails", "read_odd"]


@dataclass(frozen=True, slots=True)
class Good:
    good_id: int
    shouted: str | None


@query
def find_by_name(name: str) -> list[Good]: ...


@query
def _rename(good_id: int, name: str) -> Affected: ...


@query
def _sell(good_id: int) -> Affected: ...


@query
def list_emails() -> list[str | None]: ...


@query
def read_odd() -> list[str | None]: ...


@query
def never_called(good_id: int) -> str: ...


query.complete()


def rename(db, name, new):
    for good in find_by_name(db, name):
        _rename(db, good.good_id, new)
        _sell(db, good.good_id)
"""

USES = """
[roles.oadb_app]
runs = ["goods.*"]
not = ["goods.never_called", "goods.read_odd"]

[kept]
"""


def make_package(folder: Path, name: str) -> Package:
    files = {
        f"{name}/__init__.py": "",
        f"{name}/goods.py": MODULE,
        f"{name}/sql/queries/goods.sql": QUERIES,
        f"{name}/sql/migrations/0001_create_goods.sql": MIGRATION,
        f"{name}/sql/uses.toml": USES,
    }
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return find(name)


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Package]:
    folder = tmp_path_factory.mktemp("planted")
    sys.path.insert(0, str(folder))
    yield make_package(folder, "planted")
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def examination(oadb_server: Server, oadb_template: str, planted: Package) -> Iterator[Examination]:
    with oadb_server.clone(oadb_template) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(MIGRATION.encode())
        with Database(configured(url)) as db:
            yield Examination(dsn.parse(url), db, [planted])
