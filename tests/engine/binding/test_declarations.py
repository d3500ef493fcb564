"""Declarations that disagree with their SQL are refused at import."""

# mypy: disable-error-code="empty-body"

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from oadb import Affected, Database
from oadb.engine.binding.queries import Queries, queries
from oadb.engine.binding.statements import parse
from oadb.errors import DeclarationError
from tests.engine.binding.probes import probes


@dataclass(frozen=True, slots=True)
class Odd:
    number: complex


def refused(text: str, *functions: Callable[..., Any]) -> str:
    declared = probes(text)
    for function in functions:
        declared(function)
    with pytest.raises(DeclarationError) as error:
        declared.complete()
    return str(error.value)


def get(user_id: int) -> int: ...


def nameless(user_id) -> int: ...  # type: ignore  # noqa: ANN001, PGH003  # the mistake


def endless(user_id: int): ...  # type: ignore  # noqa: ANN201, PGH003  # the mistake


def typeless(user_id: set[int]) -> int: ...


def odd(user_id: int) -> Odd: ...


def unknown(user_id: int) -> tuple[int, str]: ...


def bare(user_id: int) -> list: ...  # type: ignore  # noqa: PGH003  # the mistake


def stepless(*user_ids: int) -> int: ...


def line(function: Callable[..., Any]) -> int:
    return function.__code__.co_firstlineno


@pytest.mark.parametrize(
    ("function", "sql", "problem"),
    [
        (get, "select 1", "user_id is not in the SQL"),
        (get, "select :id", ":id is not a parameter"),
        (nameless, "select :user_id", "user_id has no annotation of a value type"),
        (typeless, "select :user_id", "user_id has no annotation of a value type"),
        (endless, "select :user_id", "it has no return annotation"),
        (odd, "select :user_id", "the field number of its row has no value type"),
        (
            unknown,
            "select :user_id",
            "it returns tuple[int, str], which is neither a class of rows nor a value type",
        ),
        (
            bare,
            "select :user_id",
            "it returns <class 'list'>, which is neither a class of rows nor a value type",
        ),
        (stepless, "select :user_ids", "user_ids must be an ordinary parameter"),
    ],
)
def test_a_mistake_is_refused_with_both_places(
    function: Callable[..., Any], sql: str, problem: str
) -> None:
    name = function.__name__
    message = refused(f"-- name: {name}\n{sql};", function)

    assert f"{__name__}:{line(function)} and sql/queries/probe.sql:2 disagree: " in message
    assert f"probe.{name}: {problem}" in message


def test_a_statement_that_nobody_declares_is_refused() -> None:
    message = refused("-- name: get\nselect :user_id;\n-- name: lost\nselect 1;", get)

    assert message == "sql/queries/probe.sql:4: probe.lost is declared nowhere"


def test_a_declaration_without_a_statement_is_refused() -> None:
    message = refused("-- name: get\nselect :user_id;", get, endless)

    assert f"{__name__}:{line(endless)}: probe.endless has no statement" in message
    assert "write -- name: endless in sql/queries/probe.sql" in message


def test_a_name_declared_twice_is_refused() -> None:
    message = refused("-- name: get\nselect :user_id;", get, get)

    assert message == f"{__name__}:{line(get)}: probe.get is declared twice"


def test_every_disagreement_is_reported_at_once() -> None:
    text = "-- name: get\nselect :id;\n-- name: lost\nselect 1;\n-- name: odd\nselect :user_id;"
    message = refused(text, get, get, odd, endless)

    assert len(message.splitlines()) == 8
    for part in (
        "lost is declared nowhere",
        "get is declared twice",
        ":id is not a parameter",
        "user_id is not in the SQL",
        "the field number",
        "endless has no statement",
    ):
        assert part in message


def copied(rows: Iterable[tuple[object, ...]]) -> Affected: ...


def exported() -> Iterator[bytes]: ...


@pytest.mark.parametrize(
    ("function", "sql"),
    [
        (copied, "copy oadb.users (email) to stdout"),
        (exported, "copy oadb.users (email) from stdin"),
    ],
)
def test_a_copy_in_the_other_direction_is_refused(function: Callable[..., Any], sql: str) -> None:
    assert "copy" in refused(f"-- name: {function.__name__}\n{sql};", function).lower()


def test_a_copy_takes_no_parameters() -> None:
    sql = "copy (select :user_id) to stdout"

    assert ":user_id is not a parameter" in refused(f"-- name: exported\n{sql};", exported)


def test_a_module_that_forgets_to_complete_says_so_when_it_is_called(shared_db: Database) -> None:
    declared = probes("-- name: get\nselect :user_id;")(get)

    with pytest.raises(DeclarationError, match=rf"end {__name__} with query.complete\(\)"):
        declared(shared_db, 1)


def test_queries_reads_the_file_of_its_module() -> None:
    assert isinstance(queries("oadb.accounts.users"), Queries)


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("select 1", True),
        ("values (1)", True),
        ("with one as (select 1) select * from one", True),
        ("select 1 from oadb.users for update", False),
        ("with gone as (delete from oadb.users returning 1) select 1", False),
        ("select 1 into oadb.copies", False),
        ("select pg_catalog.pg_notify('a', 'b')", False),
        ("truncate oadb.users", False),
        ("call oadb.work()", False),
        ("refresh materialized view oadb.totals", False),
    ],
)
def test_only_a_statement_that_changes_nothing_is_a_read(sql: str, *, reads: bool) -> None:
    def work() -> None: ...

    query = Queries("probe", parse(f"-- name: work\n{sql};", "probe", "probe.sql"))
    declared = query(work)
    query.complete()

    assert declared.is_read is reads
