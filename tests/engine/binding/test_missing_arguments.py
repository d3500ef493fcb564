"""Calls without an executor, or without arguments, are told by the name of the function."""

import inspect
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from oadb import Database
from oadb.accounts import users
from oadb.engine.binding.call_faults import CallShape
from oadb.engine.binding.queries import Queries
from oadb.errors import DeclarationError
from tests.conftest import configured
from tests.support.declaring import declared


@pytest.mark.parametrize("given", [(), (1,), (None, 1), ("asha", 1), (1, "asha")])
def test_a_call_without_an_executor_says_what_comes_first(given: tuple[object, ...]) -> None:
    with pytest.raises(TypeError, match=r"^users\.get\(\): the first argument is a Database"):
        users.get(*given)  # type: ignore[call-overload]  # the fault


@pytest.mark.parametrize("given", [(), (1,), (None, 1), ("asha", 1), (1, "asha")])
def test_a_stream_without_an_executor_says_what_comes_first(given: tuple[object, ...]) -> None:
    stream: Any = declared("select :n::int as n", Iterator[int], n=int)
    with pytest.raises(TypeError, match=r"^rows\.go\(\): the first argument is a Database"):
        stream(*given)


def test_an_operation_without_an_executor_says_what_comes_first() -> None:
    with pytest.raises(TypeError, match=r"^users\.create\(\): the first argument is a Database"):
        users.create(1, "asha", "a@example.in")  # type: ignore[call-overload]  # the fault


def test_missing_arguments_are_told_with_the_name_of_the_function(shared_db: Database) -> None:
    with pytest.raises(TypeError, match=r"^users\.get\(\): missing a required argument: 'user_id'"):
        users.get(shared_db)  # type: ignore[call-overload]  # the fault
    with pytest.raises(
        TypeError, match=r"^users\.create\(\): missing required .*'username', 'email'"
    ):
        users.create(shared_db)  # type: ignore[call-overload]  # the fault


def test_a_call_with_an_argument_too_many_is_found_before_it_is_made() -> None:
    def function(first: int, second: int = 0, *, third: int = 0) -> None: ...

    shape = CallShape(inspect.signature(function))

    assert [shape.fits((1,) * count, {}) for count in range(5)] == [False, True, True, False, False]
    assert shape.fits((1,), {"second": 1, "third": 1})
    assert not shape.fits((1, 1), {"second": 1})


def test_a_module_that_does_not_bind_its_declarations_is_refused() -> None:
    made = Queries("rows", {})
    with pytest.raises(DeclarationError, match=r"end the module with query\.complete\(\)"):
        made.require_complete()
    made.complete()

    made.require_complete()


def test_a_database_without_migrations_says_what_to_run(oadb_empty_url: str) -> None:
    with (
        Database(configured(oadb_empty_url)) as db,
        pytest.raises(
            psycopg.errors.UndefinedTable, match="not migrated, run oadb migrate"
        ) as told,
    ):
        users.get(db, 1)

    assert told.value.sqlstate == "42P01"
