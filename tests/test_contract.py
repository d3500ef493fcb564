"""Declarations and database agree, and the check that says so can tell when they do not."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from oadb import Database
from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.packages import find
from oadb.engine.binding.queries import Queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.statements import parse
from oadb.testing.chosen_layout import is_cluster
from oadb.tools.contract import comparison
from tests.support.declaring import declared as declared_as
from tests.support.each import for_each

Check = Callable[[Declaration], list[str]]

DECLARED = [declared for queries in comparison.declarations(find("oadb")) for declared in queries]


@pytest.fixture(scope="module")
def connection(shared_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(shared_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def disagreements(shared_db: Database, connection: psycopg.Connection[tuple[object, ...]]) -> Check:
    def check(declared: Declaration) -> list[str]:
        return comparison.disagreements(shared_db, connection, declared)

    return check


@pytest.mark.long("plans every statement")
@for_each("declared", DECLARED, lambda declared: declared.label)
def test_a_declaration_agrees_with_the_database(
    declared: Declaration, disagreements: Check
) -> None:
    assert disagreements(declared) == []


@dataclass(frozen=True, slots=True)
class Name:
    user_id: int
    first_name: str


@dataclass(frozen=True, slots=True)
class OtherOrder:
    username: str
    user_id: int


@dataclass(frozen=True, slots=True)
class Pair:
    username: str
    symbol: str


@dataclass(frozen=True, slots=True)
class PaddedPair:
    username: str
    symbol: str | None


def declare(sql: str, function: Callable[..., Any]) -> Declaration:
    query = Queries("probe", parse(f"-- name: {function.__name__}\n{sql};", "probe", "probe.sql"))
    declared = query(function)
    query.complete()
    return declared


def test_a_nullable_column_must_be_declared_so(disagreements: Check) -> None:
    def find(user_id: int) -> Name | None: ...

    declared = declare("select user_id, first_name from oadb.users where user_id = :user_id", find)

    assert disagreements(declared) == ["column first_name is declared as str, but may be null"]


def test_a_column_that_is_never_null_must_not_be_declared_nullable(disagreements: Check) -> None:
    def find(user_id: int) -> PaddedPair | None: ...

    declared = declare(
        "select username, email as symbol from oadb.users where user_id = :user_id", find
    )

    assert disagreements(declared) == ["column symbol is declared as str | None, but is never null"]


def test_columns_must_come_in_the_order_of_the_fields(disagreements: Check) -> None:
    def find(user_id: int) -> OtherOrder | None: ...

    declared = declare("select user_id, username from oadb.users where user_id = :user_id", find)

    assert disagreements(declared) == [
        "declared columns: username, user_id; the server returns: user_id, username"
    ]


def test_a_parameter_must_have_the_type_that_the_server_infers(disagreements: Check) -> None:
    def find(user_id: str) -> Name | None: ...

    declared = declare(
        "select user_id, first_name || '' as first_name from oadb.users where user_id = :user_id",
        find,
    )

    assert disagreements(declared) == [
        "parameter user_id is declared as str; the server expects int8"
    ]


def test_an_outer_join_makes_the_columns_of_one_side_nullable(disagreements: Check) -> None:
    join = (
        "select users.username, instruments.symbol from oadb.users "
        "left join oadb.instruments on instruments.symbol = users.username"
    )

    def padded() -> list[PaddedPair]: ...
    def unpadded() -> list[Pair]: ...

    assert disagreements(declare(join, padded)) == []
    assert disagreements(declare(join, unpadded)) == [
        "column symbol is declared as str, but may be null"
    ]


def test_a_column_of_a_view_is_as_nullable_as_that_of_the_table(disagreements: Check) -> None:
    def unpadded() -> list[Pair]: ...
    def padded() -> list[PaddedPair]: ...

    parts = "select outcome as username, {} as symbol from oadb.latency_parts"

    assert disagreements(declare(parts.format("broker"), padded)) == []
    assert disagreements(declare(parts.format("broker"), unpadded)) == [
        "column symbol is declared as str, but may be null"
    ]
    assert disagreements(declare(parts.format("outcome"), unpadded)) == []
    if is_cluster():  # which has no plan of a log for any values, so that a doubt stays one
        return
    assert disagreements(declare(parts.format("outcome"), padded)) == [
        "column symbol is declared as str | None, but is never null"
    ]


def test_an_outer_join_to_a_view_makes_its_columns_nullable(disagreements: Check) -> None:
    join = (
        "select users.username, strategies.name as symbol from oadb.users left join "
        "oadb.strategies_with_mappings as strategies on strategies.user_id = users.user_id"
    )

    def padded() -> list[PaddedPair]: ...
    def unpadded() -> list[Pair]: ...

    assert disagreements(declare(join, padded)) == []
    assert disagreements(declare(join, unpadded)) == [
        "column symbol is declared as str, but may be null"
    ]


def test_an_outer_join_inside_of_a_view_makes_columns_nullable(
    db: Database, oadb_database_url: str
) -> None:
    """Also where the view is read by another one, and the statement has no join."""

    def padded() -> list[PaddedPair]: ...
    def unpadded() -> list[Pair]: ...

    inner = "create view oadb.listed as select users.username, instruments.symbol from oadb.users "
    join = "left join oadb.instruments on instruments.symbol = users.username"
    outer = "create view oadb.named as select symbol, username from oadb.listed"
    with psycopg.connect(oadb_database_url, autocommit=True) as connection:
        connection.execute(f"{inner}{join}".encode())
        connection.execute(outer)
        found = [
            comparison.disagreements(
                db, connection, declare("select username, symbol from oadb.named", function)
            )
            for function in (padded, unpadded)
        ]

    assert found == [[], ["column symbol is declared as str, but may be null"]]


def test_a_statement_that_returns_nothing_must_have_no_columns(disagreements: Check) -> None:
    def touch(user_id: int) -> Affected: ...

    declared = declare(
        "update oadb.users set updated_at = now() where user_id = :user_id returning user_id", touch
    )

    assert disagreements(declared) == ["declared columns: none; the server returns: user_id"]


def test_a_read_must_not_call_what_changes_something(disagreements: Check) -> None:
    def export() -> int: ...

    declared = declare("select lo_creat(-1)::int8 as made", export)

    [found] = disagreements(declared)

    assert found.startswith("counts as a read, but calls lo_creat(), which is volatile")
    assert found.endswith("say so in its comment: -- writes: lo_creat()")


def test_a_select_that_is_said_to_write_may_call_what_changes_something(
    disagreements: Check,
) -> None:
    said = declared_as("select lo_creat(-1)::int8 as made", int, comment="writes: lo_creat()")

    assert disagreements(said) == []
    assert not said.describe().is_read
    assert not said.describe().is_repeatable


def test_a_function_that_returns_nothing_is_declared_so(disagreements: Check) -> None:
    call = "select pg_stat_clear_snapshot()"
    comment = "writes: pg_stat_clear_snapshot()"

    assert disagreements(declared_as(call, None, comment=comment)) == []
    assert disagreements(declared_as(call, int, comment=comment)) == [
        "column pg_stat_clear_snapshot is declared as int, but is void"
    ]


def test_what_the_server_refuses_is_quoted(disagreements: Check) -> None:
    def find() -> int: ...

    declared = declare("select missing from oadb.users", find)

    assert disagreements(declared) == [
        'the server rejects the statement: column "missing" does not exist (line 2)'
    ]


def test_what_the_server_refuses_of_a_parameter_has_its_name(disagreements: Check) -> None:
    unknown = declared_as("select :a is null and :b is null", bool, a=str, b=str | None)

    assert disagreements(unknown) == [
        "the server rejects the statement: could not determine data type of parameter :a"
    ]


@dataclass(frozen=True, slots=True)
class NewName:
    username: str
    email: str | None
    is_admin: int


def test_the_rows_of_a_copy_must_have_the_types_of_the_columns(disagreements: Check) -> None:
    def load(rows: Iterable[NewName]) -> Affected: ...

    sql = "copy {} (username, email, is_admin) from stdin"

    assert disagreements(declare(sql.format("oadb.users"), load)) == [
        "column email is declared as str | None, but cannot be null",
        "column is_admin is declared as int, but is bool",
    ]
    assert disagreements(declare(sql.format("oadb.nobody"), load)) == [
        "there is no table oadb.nobody"
    ]
    assert disagreements(declare(sql.format("oadb.strategies"), load)) == [
        "oadb.strategies has no column username",
        "oadb.strategies has no column email",
        "oadb.strategies has no column is_admin",
    ]


def test_the_query_of_a_copy_must_have_the_columns_of_its_rows(disagreements: Check) -> None:
    def export() -> Iterator[Name]: ...

    fitting = (
        "copy (select user_id, coalesce(first_name, '') as first_name from oadb.users) to stdout"
    )
    wrong = "copy (select user_id, first_name as name from oadb.users) to stdout"

    assert disagreements(declare(fitting, export)) == []
    assert disagreements(declare(wrong, export)) == [
        "declared columns: user_id, first_name; the server returns: user_id, name"
    ]


def test_both_forms_of_a_statement_for_many_rows_are_compared(disagreements: Check) -> None:
    text = """-- name: find
select user_id, username as first_name from oadb.users where user_id = :user_id;

-- name: find.many
select given.user_id, users.username as first_name
from unnest(:user_id::{}[]) as given (user_id)
inner join oadb.users using (user_id);
"""

    def compared(array: str) -> list[str]:
        def find(user_id: int) -> Name: ...

        query = Queries("probe", parse(text.format(array), "probe", "probe.sql"))
        declared = query(find)
        query.complete()
        return [each for form in declared.forms for each in disagreements(form)]

    assert compared("bigint") == []
    assert compared("numeric") == [
        "parameter user_id is declared as list[int]; the server expects _numeric",
        "column user_id is declared as int, but is numeric",
    ]
