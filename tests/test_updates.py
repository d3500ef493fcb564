"""Frequent updates set no indexed column, so that they write to no index (HOT updates)."""

from collections.abc import Generator

import psycopg
import pytest

from oadb.engine.binding import statements
from tests.support.declared import statement
from tests.support.updates import FREQUENT, RARE, assignments
from tests.test_house_statements import all_statements

# Those in its key, its expressions and its condition, and the columns that generated ones are
# made of.
INDEXED = """
select distinct
    used.relname as table_name,
    coalesce(bases.attname, columns.attname) as column_name
from pg_catalog.pg_index
inner join pg_catalog.pg_class as used on pg_index.indrelid = used.oid
inner join pg_catalog.pg_attribute as columns
    on
        columns.attrelid = used.oid
        and (
            columns.attnum = any(pg_index.indkey)
            or exists (
                select from pg_catalog.pg_depend
                where
                    pg_depend.classid = 'pg_catalog.pg_class'::regclass
                    and pg_depend.objid = pg_index.indexrelid
                    and pg_depend.refobjid = used.oid
                    and pg_depend.refobjsubid = columns.attnum
            )
        )
left join pg_catalog.pg_attrdef
    on
        pg_attrdef.adrelid = used.oid
        and pg_attrdef.adnum = columns.attnum
        and columns.attgenerated <> ''
left join pg_catalog.pg_depend as made
    on
        made.refobjid = used.oid
        and (
            (made.classid = 'pg_catalog.pg_attrdef'::regclass and made.objid = pg_attrdef.oid)
            or (
                made.classid = 'pg_catalog.pg_class'::regclass
                and made.objid = used.oid
                and made.objsubid = pg_attrdef.adnum
            )
        )
        and made.refobjsubid <> columns.attnum
left join pg_catalog.pg_attribute as bases
    on
        bases.attrelid = used.oid
        and bases.attnum = made.refobjsubid
where used.relnamespace = 'oadb'::regnamespace
"""


@pytest.fixture(scope="module")
def connection(shared_url: str) -> Generator[psycopg.Connection]:
    with psycopg.connect(shared_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def indexed(connection: psycopg.Connection) -> set[tuple[str, str]]:
    """Give the tables and columns that an index is made of."""
    return {(table, column) for table, column in connection.execute(INDEXED)}


def test_every_update_is_listed_as_frequent_or_as_rare() -> None:
    updates = {each.label for each in all_statements() if [*assignments(each)]}

    assert updates == {*FREQUENT} | RARE
    assert not {*FREQUENT} & RARE


@pytest.mark.parametrize("label", FREQUENT)
def test_a_frequent_update_sets_no_indexed_column(
    label: str, indexed: set[tuple[str, str]]
) -> None:
    found = {
        column
        for table, columns in assignments(statement(label))
        for column in columns
        if (table, column) in indexed
    }

    assert found == {*FREQUENT[label]}


def test_the_page_of_a_row_that_is_updated_often_has_room_for_it(
    connection: psycopg.Connection,
) -> None:
    tables = {table for label in FREQUENT for table, _ in assignments(statement(label))}
    # log_batches: its update sets an indexed column. log_tables has five rows.
    roomy = connection.execute(
        "select relname from pg_class where relnamespace = 'oadb'::regnamespace "
        "and array_to_string(reloptions, ' ') like '%fillfactor=%'"
    ).fetchall()

    assert tables - {"log_batches", "log_tables"} <= {table for (table,) in roomy}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("update oadb.a set b = 1, c = (select d from f where g = 1) where h = 2", [("a", "bc")]),
        ("update oadb.a as x set (b, c) = (select d, e), f = 1 from g", [("a", "bcf")]),
        (
            """with x as (update oadb.a set b = 1) insert into oadb.c as k (d) values (1)
            on conflict (d) do update set e = case when f = 1 then 2 end where k.e = 3""",
            [("a", "b"), ("c", "e")],
        ),
        ("select a from oadb.b for no key update", []),
    ],
)
def test_what_an_update_sets_is_read_from_its_text(text: str, found: list[tuple[str, str]]) -> None:
    parsed = statements.parse(f"-- name: get\n{text};", "x", "x.sql")["get"]

    assert [*assignments(parsed)] == [(table, {*columns}) for table, columns in found]


def test_what_an_index_is_made_of_is_known(indexed: set[tuple[str, str]]) -> None:
    assert {
        ("sessions", "sweep_at"),
        ("sessions", "ip"),  # in an expression
        ("sessions", "fingerprint"),  # of it, a generated column is made
        ("log_batches", "rolled_up_at"),  # in the condition
        ("log_batches", "last_at"),  # included
    } <= indexed
    assert not {("sessions", "lapses_at"), ("sessions", "last_seen_at")} & indexed
