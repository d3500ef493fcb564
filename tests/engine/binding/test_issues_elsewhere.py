"""What users of other tools reported, each with the number of the issue, holds here."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Literal

import psycopg
import pytest

from oadb import AsyncDatabase, Database
from oadb.engine.binding.results import Affected
from oadb.engine.binding.statements import parse
from oadb.errors import DeclarationError
from oadb.tools.contract import comparison
from tests.support import pool_probes as probes
from tests.support.declaring import declared
from tests.support.rig import Connect, Db, Observer, config


@pytest.fixture
def db(connect: Connect) -> Db:
    db = connect(pool_size=2)
    probes.put.many(db, [(1, "one"), (2, "two"), (3, "three")])
    return db


class Side(Enum):
    BUY = "buy"
    SELL = "sell"


READ: dict[str, tuple[str, Any, dict[str, Any], object]] = {
    "aiosql 102, percent signs": ("select 'a%b' like 'a\\%%' as it", bool, {}, True),
    "aiosql, an apostrophe in a comment": (
        "select :a::int -- it's a number\n+ :b::int as it", int, {"a": 1, "b": 2}, 3,
    ),
    "aiosql, a parameter in a comment": ("select :a::int as it -- not :b\n", int, {"a": 1}, 1),
    "aiosql, dollar quotes": ("select $$ x :y $$ || :a::text as it", str, {"a": "z"}, " x :y z"),
    "aiosql, a slice": ("select ((array[1, 2, 3])[1:2])[2] as it", int, {}, 2),
    "aiosql, a comment in quotes": ("select $$a\n-- b\nc$$ as it", str, {}, "a\n-- b\nc"),
    "aiosql, a name in quotes": ("select 'see -- name: foo' as it", str, {}, "see -- name: foo"),
    "aiosql 100, pugsql 14, lists": (
        "select count(*) as it from public.probe where probe_id = any(:ids)", int,
        {"ids": [1, 3, 9]}, 2,
    ),
    "pugsql 37, arrays": ("select cardinality(:a::text[]) as it", int, {"a": ["x", "y"]}, 2),
    "PgTyped 415, a colon in a comment": ("select 1 as it -- ratio 1:2, see :\n", int, {}, 1),
    "PgTyped 613, nulls in arrays": (
        "select array_position(:a::int[], null) as it", int, {"a": [1, None]}, 2,
    ),
    "JDBI 174, 1069, operators of jsonb": (
        "select :a::jsonb ? 'k' and :a::jsonb ?| array['k'] and :a::jsonb ?& array['k'] as it",
        bool, {"a": {"k": 1}}, True,
    ),
    "JDBI 281, casts": ("select '7'::text::int as it", int, {}, 7),
    "JDBI 748, a colon in a block comment": ("select /* at 10:30 :x */ 1 as it", int, {}, 1),
    "HugSQL 23, false is not missing": ("select not :a::bool as it", bool, {"a": False}, True),
    "squirrel 103, timestamptz": (
        "select :a::timestamptz as it", datetime, {"a": datetime(2026, 1, 1, tzinfo=UTC)},
        datetime(2026, 1, 1, tzinfo=UTC),
    ),
    "squirrel 134, null parameters": ("select :a::int is null as it", bool, {"a": None}, True),
    "psycopg 640, untyped None": (
        "select count(*) as it from public.probe where (:a::text is null or note = :a)", int,
        {"a": None}, 3,
    ),
}  # fmt: skip  # a table

KINDS: dict[str, Any] = {
    "PgTyped 613, nulls in arrays": list[int | None],
    "squirrel 134, null parameters": int | None,
    "psycopg 640, untyped None": str | None,
    "aiosql 100, pugsql 14, lists": list[int],
    "pugsql 37, arrays": list[str],
    "JDBI 174, 1069, operators of jsonb": dict[str, object],
}


@pytest.mark.parametrize("issue", READ)
def test_a_statement_is_read_as_the_server_reads_it(db: Db, issue: str) -> None:
    sql, returns, given, expected = READ[issue]
    takes = {name: KINDS.get(issue, type(value)) for name, value in given.items()}
    assert declared(sql, returns, **takes)(db, *given.values()) == expected


def test_aiosql_a_delete_deletes(db: Db) -> None:
    delete = declared("delete from public.probe where probe_id < :n", Affected, n=int)
    assert delete(db, 3) == 2


def test_pugsql_73_one_statement_inserts_many_rows(db: Db) -> None:
    assert probes.put.many(db, [(4, "four"), (5, "five")]) == [1, 1]


def test_pugsql_names_of_one_letter_are_names() -> None:
    assert [*parse("-- name: a\nselect 1;", "m", "m.sql")] == ["a"]


async def test_pugsql_a_transaction_follows_its_task(url: str) -> None:
    async with AsyncDatabase(config(url, pool_size=2)) as db:

        async def work(number: int) -> tuple[int, int]:
            async with db.transaction() as tx:
                first = await probes.backend(tx)
                await asyncio.sleep(0)
                await probes.put(tx, number, "task")
                return first, await probes.backend(tx)

        for first, second in await asyncio.gather(*map(work, range(10))):
            assert first == second
        assert await probes.count_all(db) == 10


def test_sqlc_364_3414_2060_filters_and_orders_are_optional(db: Db) -> None:
    text = (
        "select probe_id from public.probe where true\nand note = :note --? note\n"
        "order by\nprobe_id --? order = up\n-- probe_id desc --? order = down\n"
    )

    query = declared(text, list[int], note=str | None, order=Literal["up", "down"])
    assert query(db, None, "down") == [3, 2, 1]
    assert query(db, "two", "up") == [2]


def test_sqlc_263_a_missing_semicolon_is_reported_at_its_line() -> None:
    with pytest.raises(DeclarationError, match=r"^m\.sql:4: the statement is not closed"):
        parse("-- name: a\nselect 1;\n\n-- name: b\nselect 2", "m", "m.sql")


def test_sqlc_gen_python_27_arrays_of_enums_are_enums(db: Db, observer: Observer) -> None:
    observer.rows("create type public.side as enum ('buy', 'sell')")

    @dataclass(frozen=True)
    class Row:
        sides: list[Side]

    echo = declared("select :a::public.side[] as sides", Row, a=list[Side])
    assert echo(db, [Side.SELL, Side.BUY]) == Row([Side.SELL, Side.BUY])
    observer.rows("drop type public.side")


@dataclass(frozen=True)
class Joined:
    note: str
    child: int


JOINS = {
    "PgTyped 201, squirrel 41": "left join public.child using (probe_id)",
    "sqlx 2127, 1265": "left join public.child using (probe_id) where probe.probe_id = 1",
}


@pytest.mark.parametrize("issue", JOINS)
def test_an_outer_join_may_return_null(url: str, issue: str) -> None:
    sql = f"select probe.note, child.probe_id as child from public.probe {JOINS[issue]}"
    query = declared(sql, list[Joined])
    with Database(config(url)) as db, psycopg.connect(url, autocommit=True) as connection:
        assert comparison.disagreements(db, connection, query) == [
            "column child is declared as int, but may be null"
        ]


WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "JDBI 2798, an unused argument": ("select 1 as it", {"a": int}, "a is not in the SQL"),
    "HugSQL 29, 39, a missing one": ("select :b::int as it", {}, ":b is not a parameter"),
}


@pytest.mark.parametrize("issue", WRONG)
def test_parameters_that_do_not_match_are_named(issue: str) -> None:
    sql, takes, message = WRONG[issue]
    with pytest.raises(DeclarationError, match=message):
        declared(sql, int, **takes)


def test_psycopg_511_a_changed_table_heals_at_the_next_call(db: Db, observer: Observer) -> None:
    star: Callable[..., Any] = declared(
        "select to_jsonb(probe.*) as it from public.probe order by probe_id limit 1",
        dict[str, object],
    )
    assert star(db) == {"probe_id": 1, "note": "one", "amount": 0}
    observer.rows("alter table public.probe add column more integer")
    assert star(db) == {"probe_id": 1, "note": "one", "amount": 0, "more": None}
