"""Labels of statements are in pg_stat_statements, which keeps what is behind the first word."""

from collections.abc import Callable, Generator
from typing import Any

import psycopg
import pytest

from oadb.engine.binding.queries import Queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.statements import parse
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.testing.control import controlled
from tests.support.declaring import declared

pytestmark = pytest.mark.fault  # it needs a server that loads the extension when it starts

MERGE = (
    "merge into public.items using (select :n::integer as m) as new on n = m "
    "when not matched then insert values (m)"
)
BEGINNINGS = {
    "select": ("select :n::integer as n", int),
    "parenthesis": ("(select :n::integer as n) union all (select 2) limit 1", int),
    "with": ("with a as (select :n::integer as n) select a.n from a", int),
    "values": ("values (:n::integer)", int),
    "insert": ("insert into public.items (n) values (:n)", Affected),
    "update": ("update public.items set n = 3 where n = :n", Affected),
    "delete": ("delete from public.items where n = :n::bigint", Affected),
    "merge": (MERGE, Affected),
    "call": ("call public.count_items(:n)", None),
    "comment": ("/* why */ -- it\nselect :n::integer + 1 as n", int),
}


@pytest.fixture(scope="module")
def url() -> Generator[str]:
    with controlled({"shared_preload_libraries": "pg_stat_statements"}) as server:
        with psycopg.connect(server.url, autocommit=True) as admin:
            admin.execute("create extension pg_stat_statements")
            admin.execute("create table public.items (n integer)")
            admin.execute(
                "create procedure public.count_items(n integer) language sql "
                "begin atomic select pg_catalog.sum(n); end"
            )
        yield server.url


@pytest.mark.parametrize("name", BEGINNINGS)
def test_a_statement_is_named_however_it_begins(url: str, name: str) -> None:
    sql, returns = BEGINNINGS[name]
    queries = Queries("labels", parse(f"-- name: go_{name}\n{sql};", "labels", "labels.sql"))
    go = queries(_function(f"go_{name}", returns))
    queries.complete()
    seen = declared(
        "select query from public.pg_stat_statements where query like :pattern",
        list[str],
        pattern=str,
    )

    with Database(Config.from_env({"DATABASE_URL": url})) as db:
        go(db, 1)
        found = seen(db, f"%/* labels.go_{name} */%")

    assert len(found) == 1, found


def _function(name: str, returns: object) -> Callable[..., Any]:
    made: dict[str, Callable[..., Any]] = {}
    exec(f"def {name}(n): ...", made)  # a function of that name
    made[name].__annotations__ = {"n": int, "return": returns}
    return made[name]
