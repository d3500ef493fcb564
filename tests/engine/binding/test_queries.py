"""Queries: their results, and how they are called."""

# mypy: disable-error-code="empty-body"

import io
import pydoc
from dataclasses import dataclass
from typing import Any

import pytest

from oadb import Affected, Database
from oadb.accounts import users
from oadb.errors import NoRowError, ParameterError, ResultError, TooManyRowsError
from tests.engine.binding.probes import probes


@dataclass(frozen=True, slots=True)
class Pair:
    number: int
    word: str | None


query = probes("""
-- name: count_up
-- From 1 to how many.
select generate_series(1, :how_many) as number;

-- name: pairs
select
    number,
    'n' || number as word
from generate_series(1, :how_many) as number;

-- name: one_pair
select
    number,
    null as word
from generate_series(1, :how_many) as number;

-- name: maybe_pair
select
    number,
    null as word
from generate_series(1, :how_many) as number;

-- name: one_number
select number from generate_series(1, :how_many) as number;

-- name: maybe_number
select nullif(number, 7) from generate_series(:low::int, :low + :how_many - 1) as number;

-- name: highest
select max(number) from generate_series(1, :how_many) as number;

-- name: do_nothing
set local application_name = 'probe';

-- name: change
update oadb.users
set first_name = :first_name
where user_id > :user_id;

-- name: subtract
select :a::int - :b::int as difference;
""")


@query
def count_up(how_many: int) -> list[int]: ...


@query
def pairs(how_many: int) -> list[Pair]: ...


@query
def one_pair(how_many: int) -> Pair: ...


@query
def maybe_pair(how_many: int) -> Pair | None: ...


@query
def one_number(how_many: int) -> int: ...


@query
def maybe_number(how_many: int, low: int = 1) -> int | None: ...


@query
def highest(how_many: int) -> int: ...


@query
def do_nothing() -> None: ...


@query
def change(user_id: int, first_name: str | None = None) -> Affected: ...


@query
def subtract(b: int, a: int = 10) -> int: ...


query.complete()


# Results -------------------------------------------------------------------------------


def test_a_row_is_exactly_one(shared_db: Database) -> None:
    assert one_pair(shared_db, 1) == Pair(1, None)
    with pytest.raises(NoRowError, match=r"^probe\.one_pair: no row"):
        one_pair(shared_db, 0)
    with pytest.raises(TooManyRowsError, match=r"^probe\.one_pair: 2 rows"):
        one_pair(shared_db, 2)


def test_a_row_or_none_is_at_most_one(shared_db: Database) -> None:
    assert maybe_pair(shared_db, 1) == Pair(1, None)
    assert maybe_pair(shared_db, 0) is None
    with pytest.raises(TooManyRowsError, match=r"^probe\.maybe_pair: 2 rows"):
        maybe_pair(shared_db, 2)


def test_a_value_is_of_exactly_one_row(shared_db: Database) -> None:
    assert one_number(shared_db, 1) == 1
    with pytest.raises(NoRowError):
        one_number(shared_db, 0)
    with pytest.raises(TooManyRowsError):
        one_number(shared_db, 2)


def test_a_value_is_never_null(shared_db: Database) -> None:
    assert highest(shared_db, 3) == 3
    with pytest.raises(ResultError, match=r"^probe\.highest: its value must not be null$"):
        highest(shared_db, 0)


def test_a_value_or_none_is_none_for_no_row_and_for_a_null(shared_db: Database) -> None:
    assert maybe_number(shared_db, 1) == 1
    assert maybe_number(shared_db, 0) is None
    assert maybe_number(shared_db, 1, 7) is None
    with pytest.raises(TooManyRowsError):
        maybe_number(shared_db, 2)


def test_a_list_is_all_rows(shared_db: Database) -> None:
    assert count_up(shared_db, 0) == []
    assert pairs(shared_db, 2) == [Pair(1, "n1"), Pair(2, "n2")]
    assert len(count_up(shared_db, 5000)) == 5000
    assert count_up(shared_db, 2) == [1, 2]


def test_affected_is_the_number_of_written_rows_and_none_is_nothing(db: Database) -> None:
    assert change(db, 0) == 0
    users.create(db, "asha", "asha@example.in")
    users.create(db, "ravi", "ravi@example.in")

    assert change(db, 0, "A") == 2
    with db.transaction() as tx:
        do_nothing(tx)


def test_the_caller_may_change_a_returned_list(shared_db: Database) -> None:
    count_up(shared_db, 3).clear()

    assert count_up(shared_db, 3) == [1, 2, 3]


# Calls ------------------------------------------------------------------------------


def test_parameters_go_by_position_by_name_or_by_default(shared_db: Database) -> None:
    assert subtract(shared_db, 1) == 9
    assert subtract(shared_db, 1, 3) == 2
    assert subtract(shared_db, 1, a=3) == 2
    assert subtract(shared_db, a=3, b=1) == 2
    assert subtract(shared_db, b=1) == 9


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, "missing a required argument: 'b'"),
        ((), {"a": 1}, "missing a required argument: 'b'"),
        ((1, 2, 3), {}, "too many positional arguments"),
        ((1,), {"b": 1}, "multiple values for argument 'b'"),
        ((1,), {"c": 1}, "got an unexpected keyword argument 'c'"),
        ((1, 2), {"c": 1}, "got an unexpected keyword argument 'c'"),
    ],
)
def test_a_wrong_call_is_a_type_error_as_of_any_function(
    shared_db: Database, args: tuple[Any, ...], kwargs: dict[str, Any], message: str
) -> None:
    wrong: Any = subtract
    with pytest.raises(TypeError, match=message):
        wrong(shared_db, *args, **kwargs)


def test_a_value_of_another_type_is_refused_by_name_however_it_is_passed(
    shared_db: Database,
) -> None:
    wrong: Any = subtract
    for args, kwargs in (((1, "2"), {}), ((1,), {"a": "2"}), ((), {"b": 1, "a": "2"})):
        with pytest.raises(ParameterError, match=r"^probe\.subtract: a must be int, not str$"):
            wrong(shared_db, *args, **kwargs)


def test_help_shows_the_executor_the_parameters_and_the_comment_of_the_sql() -> None:
    shown = io.StringIO()
    pydoc.Helper(output=shown)(count_up)
    text = pydoc.plain(shown.getvalue())

    assert "count_up(db, /, how_many: int)" in text
    assert "From 1 to how many." in text
    assert "sql/queries/probe.sql:4" in text


def test_a_query_is_shown_by_its_name() -> None:
    assert repr(users.find_by_email) == "<query users.find_by_email>"
    assert users.find_by_email.__name__ == "find_by_email"
    assert users.find_by_email.__module__ == "oadb.accounts.users"


def test_a_statement_reaches_the_server_with_its_name(shared_db: Database) -> None:
    declared = probes(
        "-- name: see\nselect query from pg_stat_activity where pid = pg_backend_pid();"
    )

    @declared
    def see() -> str: ...

    declared.complete()

    assert see(shared_db).startswith("select /* probe.see */ query")
