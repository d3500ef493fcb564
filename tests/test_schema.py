"""The schema that migrations make: that of sql/schema.sql, by the rules of the house."""

import re
from collections.abc import Generator
from difflib import unified_diff
from pathlib import Path
from typing import Any

import psycopg
import pytest

from oadb import Transaction
from oadb.tools import schema, schema_text
from tests.support.schema_texts import comparable

FILE = Path(__file__).parents[1] / "sql" / "schema.sql"
ADVICE = """sql/schema.sql is not the schema that the migrations make; to rewrite it:
oadb migrate && oadb schema > sql/schema.sql"""

ENDINGS = {
    "p": ("_pkey",),
    "u": ("_key",),
    "f": ("_fkey",),
    "c": ("_check",),
    "x": ("_excl",),
}
NAME = re.compile(r"[a-z][a-z0-9_]*")


@pytest.fixture(scope="module")
def connection(shared_url: str) -> Generator[psycopg.Connection]:
    with psycopg.connect(shared_url, autocommit=True) as connection:
        yield connection


def rows(connection: psycopg.Connection, statement: str) -> list[tuple[Any, ...]]:
    found = connection.execute(statement.encode()).fetchall()
    assert found
    return found


CONSTRAINTS = """
select pg_class.relname, pg_constraint.conname, pg_constraint.contype::text
from pg_catalog.pg_constraint
inner join pg_catalog.pg_class on pg_class.oid = pg_constraint.conrelid
where
    pg_class.relnamespace = 'oadb'::regnamespace
    and pg_constraint.contype <> 'n'
    and not pg_class.relispartition
"""

INDEXES = """
select pg_index.indrelid::regclass::text, pg_class.relname, pg_index.indisunique
from pg_catalog.pg_index
inner join pg_catalog.pg_class on pg_class.oid = pg_index.indexrelid
where pg_class.relnamespace = 'oadb'::regnamespace and not pg_class.relispartition
"""

COLUMNS = """
select pg_class.relname, pg_attribute.attname, pg_attribute.atttypid::regtype::text,
    pg_attribute.attidentity::text
from pg_catalog.pg_attribute
inner join pg_catalog.pg_class on pg_class.oid = pg_attribute.attrelid
where
    pg_class.relnamespace = 'oadb'::regnamespace
    and pg_class.relkind in ('r', 'p', 'v', 'm')
    and pg_attribute.attnum > 0
    and not pg_attribute.attisdropped
"""

TABLES = """
select relname, obj_description(oid, 'pg_class'), relkind::text, relispartition,
    exists (
        select 1 from pg_catalog.pg_constraint where conrelid = pg_class.oid and contype = 'p'
    )
from pg_catalog.pg_class
where relnamespace = 'oadb'::regnamespace and relkind in ('r', 'p')
"""


def test_the_migrations_make_the_schema_of_the_file(
    tx: Transaction, connection: psycopg.Connection
) -> None:
    version = connection.info.server_version
    expected = comparable(FILE.read_text(), version).splitlines()
    made = comparable(schema_text.render(schema.read(tx)), version).splitlines()
    changes = [
        *unified_diff(expected, made, "sql/schema.sql", "the migrated database", lineterm="", n=1)
    ]

    assert not changes, "\n".join([ADVICE, *changes[:50]])


def test_a_constraint_is_named_after_its_table_and_its_kind(
    connection: psycopg.Connection,
) -> None:
    wrong = [
        name
        for table, name, kind in rows(connection, CONSTRAINTS)
        if not (name.startswith(f"{table}_") and name.endswith(ENDINGS[kind]))
    ]

    assert wrong == []


def test_an_index_is_named_after_its_table_and_its_kind(connection: psycopg.Connection) -> None:
    wrong = [
        name
        for table, name, is_unique in rows(connection, INDEXES)
        if not name.startswith(table.removeprefix("oadb.") + "_")
        or not name.endswith(("_key", "_pkey", "_excl") if is_unique else ("_idx", "_excl"))
    ]

    assert wrong == []


def test_names_are_plain_and_short_enough_not_to_be_cut(connection: psycopg.Connection) -> None:
    names = {name for _, name, *_ in rows(connection, CONSTRAINTS) + rows(connection, INDEXES)}
    names |= {name for row in rows(connection, COLUMNS) for name in row[:2]}

    assert [name for name in names if len(name.encode()) >= 63 or not NAME.fullmatch(name)] == []


def test_times_have_a_time_zone_and_end_in_at(connection: psycopg.Connection) -> None:
    columns = rows(connection, COLUMNS)

    assert [
        c for c in columns if c[2] in {"timestamp without time zone", "time with time zone"}
    ] == []
    assert [c for c in columns if c[2].startswith("timestamp") and not c[1].endswith("_at")] == []


def test_types_are_those_that_have_no_hidden_limit(connection: psycopg.Connection) -> None:
    """Of varchar(n) the limit, of char the spaces, of money the locale, of json the text."""
    refused = {"character varying", "character", "money", "json", "integer[]"}

    assert [column for column in rows(connection, COLUMNS) if column[2] in refused] == []


def test_yes_or_no_reads_as_a_question(connection: psycopg.Connection) -> None:
    columns = [column for column in rows(connection, COLUMNS) if column[2] == "boolean"]

    assert [name for _, name, *_ in columns if not name.startswith(("is_", "has_", "can_"))] == []


def test_numbers_that_the_database_gives_are_bigint_and_named_id(
    connection: psycopg.Connection,
) -> None:
    given = [column for column in rows(connection, COLUMNS) if column[3]]

    assert [c for c in given if c[2] != "bigint" or not c[1].endswith("_id") or c[3] != "a"] == []


def test_every_table_says_what_it_is_and_has_a_key(connection: psycopg.Connection) -> None:
    tables = rows(connection, TABLES)

    assert [name for name, comment, _, is_part, _ in tables if not comment and not is_part] == []
    assert [name for name, *_, has_key in tables if not has_key] == []
