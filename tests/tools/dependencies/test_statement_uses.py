"""What statements use: PostgreSQL tells read columns from written ones, also behind views."""

from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from oadb.engine import dsn
from oadb.engine.binding.packages import find
from oadb.engine.binding.results import Affected
from oadb.testing.servers import Server
from oadb.tools.contract import comparison
from oadb.tools.dependencies import statement_uses
from oadb.tools.dependencies.uses import NotAsked, StatementUses
from tests.support.declaring import declared as declared_as

TABLES = """
create schema planted;
create table planted.goods (good_id int primary key, name text, price int, note text);
create table planted.sales (good_id int, sold int, note text);
create view planted.prices as select good_id, price from planted.goods where note is null;
create view planted.own_prices with (security_invoker = true) as
select prices.price, sales.sold from planted.prices join planted.sales using (good_id);
create function planted.doubled(int) returns int language sql return $1 * 2;
create procedure planted.stock() language sql as $$ select 1 $$;
create sequence planted.numbers;
"""

# Of each statement, what it does with each table: commands, reads, inserts, updates.
PLANTED = {
    "a condition and an order are reads": (
        "select name from planted.goods where price > :n order by note",
        {"goods": ("select", "name note price", "", "")},
    ),
    "what an update sets is not read": (
        "update planted.goods set name = 'x' where good_id = :n",
        {"goods": ("select update", "good_id", "", "name")},
    ),
    "what an update sets from itself is read too": (
        "update planted.goods set price = price + :n",
        {"goods": ("select update", "price", "", "price")},
    ),
    "RETURNING reads": (
        "update planted.goods set name = 'x', price = :n returning note",
        {"goods": ("select update", "note", "", "name price")},
    ),
    "an upsert reads the columns of its conflict, and EXCLUDED": (
        ("insert into planted.goods (good_id, name) values (:n, 'x') "
        "on conflict (good_id) do update set note = excluded.name where goods.price > 1"),
        {"goods": ("insert select update", "good_id name price", "good_id name", "note")},
    ),
    "an upsert on a constraint reads its columns": (
        ("insert into planted.goods (good_id) values (:n) "
        "on conflict on constraint goods_pkey do nothing"),
        {"goods": ("insert select", "good_id", "good_id", "")},
    ),
    "a delete reads its condition": (
        ("delete from planted.goods using planted.sales "
        "where goods.good_id = sales.good_id and sold = :n"),
        {
            "goods": ("delete select", "good_id", "", ""),
            "sales": ("select", "good_id sold", "", ""),
        },
    ),
    "a merge has several commands": (
        ("merge into planted.goods using planted.sales on goods.good_id = sales.good_id "
        "when matched and sold = :n then update set name = sales.note "
        "when not matched then insert (good_id, price) values (sales.good_id, 1)"),
        {
            "goods": ("insert select update", "good_id", "good_id price", "name"),
            "sales": ("select", "good_id note sold", "", ""),
        },
    ),
    "the writes of a CTE": (
        ("with gone as (delete from planted.sales where sold = :n returning note) "
        "insert into planted.goods (name) select note from gone"),
        {
            "goods": ("insert", "", "name", ""),
            "sales": ("delete select", "note sold", "", ""),
        },
    ),
    "a join by USING": (
        "select sold from planted.goods join planted.sales using (good_id) where price = :n",
        {
            "goods": ("select", "good_id price", "", ""),
            "sales": ("select", "good_id sold", "", ""),
        },
    ),
    "a lock of rows needs the privilege of an update": (
        "select name from planted.goods where good_id = :n for update",
        {"goods": ("select update", "good_id name", "", "")},
    ),
    "a whole row is all of its columns": (
        "select to_json(goods) from planted.goods where price = :n",
        {"goods": ("select", "good_id name note price", "", "")},
    ),
    "a system column is read by its name": (
        "select xmin::text from planted.sales where sold = :n",
        {"sales": ("select", "sold xmin", "", "")},
    ),
    "names and texts that look like PostgreSQL's notes": (
        ('select note as ":relid 1 :requiredPerms 2" from planted.sales where note <> '
        "'{RTEPERMISSIONINFO :relid 16384 :inh true :requiredPerms 2 :checkAsUser 0 "
        ":selectedCols (b 8) :insertedCols (b) :updatedCols (b)}' and sold = :n"),
        {"sales": ("select", "note sold", "", "")},
    ),
    "a view is followed to its table": (
        "select price from planted.prices where price = :n",
        {
            "prices": ("select", "price", "", ""),
            "goods through prices by owner": ("select", "good_id note price", "", ""),
        },
    ),
    "views of views keep who reads": (
        "select sold from planted.own_prices where sold = :n",
        {
            "own_prices": ("select", "sold", "", ""),
            "prices through own_prices": ("select", "good_id price", "", ""),
            "sales through own_prices": ("select", "good_id sold", "", ""),
            "goods through prices by owner": ("select", "good_id note price", "", ""),
        },
    ),
}  # fmt: skip  # a table


@pytest.fixture(scope="module")
def target(oadb_server: Server, oadb_template: str) -> Iterator[dsn.Dsn]:
    with oadb_server.clone(oadb_template) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(TABLES)
        yield dsn.parse(url)


def asked(
    target: dsn.Dsn, sql: str, returns: object = None, **takes: Any
) -> StatementUses | NotAsked:
    declared = declared_as(sql, returns, **takes)
    (found,) = statement_uses.ask_about(target, "planted", [declared])
    return found.uses


def shown(uses: StatementUses | NotAsked) -> dict[str, tuple[str, str, str, str]]:
    assert isinstance(uses, StatementUses)
    found = dict[str, tuple[str, str, str, str]]()
    for use in uses.tables:
        through = f" through {use.through}" if use.through else ""
        name = f"{use.table}{through}{' by owner' if use.by_owner else ''}"
        sets = (use.commands, use.reads, use.inserts, use.updates)
        a, b, c, d = (" ".join(sorted(each)) for each in sets)
        found[name.replace("planted.", "")] = (a, b, c, d)
    return found


@pytest.mark.parametrize("case", PLANTED)
def test_reads_are_told_from_writes(target: dsn.Dsn, case: str) -> None:
    sql, expected = PLANTED[case]

    assert shown(asked(target, sql, n=int)) == expected


def test_functions_types_sequences_and_constraints_are_named(target: dsn.Dsn) -> None:
    sql = (
        "insert into planted.goods (good_id) "
        "values (planted.doubled(nextval('planted.numbers')::int)) "
        "on conflict on constraint goods_pkey do nothing"
    )
    uses = asked(target, sql)

    assert isinstance(uses, StatementUses)
    assert uses.functions == ["planted.doubled(integer)"]
    assert uses.objects == {
        "function planted.doubled(integer)",
        "sequence planted.numbers",
        "table constraint goods_pkey on planted.goods",
    }


@pytest.mark.parametrize(
    ("sql", "takes", "expected"),
    [
        (
            "copy planted.goods (name, note) from stdin",
            {"rows": Iterable[bytes]},
            {"goods": ("insert", "", "name note", "")},
        ),
        (
            "copy planted.goods (name, price) to stdout",
            {},
            {"goods": ("select", "name price", "", "")},
        ),
        (
            "copy (select (name) from planted.goods) to stdout with (format csv, header true)",
            {},
            {"goods": ("select", "name", "", "")},
        ),
    ],
)
def test_a_copy_is_its_table_or_its_query(
    target: dsn.Dsn, sql: str, takes: dict[str, Any], expected: dict[str, object]
) -> None:
    uses = asked(target, sql, Affected if takes else Iterator[bytes], **takes)

    assert shown(uses) == expected


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("lock table planted.goods", "lock is no query"),
        ("call planted.stock()", "call is no query"),
        ("select nothing from planted.goods", 'column "nothing" does not exist'),
        ("insert into planted.prices (price) values (1)", "it writes to the view planted.prices"),
        ("table planted.gods", 'relation "planted.gods" does not exist'),
    ],
)
def test_what_cannot_be_asked_says_why_and_which_names_it_has(
    target: dsn.Dsn, sql: str, reason: str
) -> None:
    uses = asked(target, sql)

    assert isinstance(uses, NotAsked)
    assert reason in uses.reason
    assert {each.partition(".")[0] for each in uses.names} == {"planted"}


def test_nothing_is_left_in_the_database(target: dsn.Dsn) -> None:
    assert shown(asked(target, "select sold from planted.sales"))
    with psycopg.connect(make_conninfo(**target.keywords)) as connection:
        left = connection.execute("select 1 from pg_proc where proname ~ '^oadb_asked_'").fetchall()

    assert left == []


@pytest.mark.long("asks about every statement")
def test_every_query_of_oadb_is_asked(shared_url: str) -> None:
    found = statement_uses.ask(dsn.parse(shared_url), [find("oadb")])
    unasked = {
        each.declared.statement.words[0] for each in found if isinstance(each.uses, NotAsked)
    }

    assert unasked & {"select", "with", "insert", "update", "delete", "merge", "copy"} == set()
    assert len(found) == sum(1 for each in comparison.declarations(find("oadb")) for _ in each)
