"""Calls without an executor, or without arguments, are told by the name of the function."""

import psycopg
import pytest

from oadb import Database
from oadb.accounts import users
from tests.conftest import configured


@pytest.mark.parametrize("given", [(), (1,), (None, 1), ("asha", 1)])
def test_a_call_without_an_executor_says_what_comes_first(given: tuple[object, ...]) -> None:
    with pytest.raises(TypeError, match=r"^users\.get\(\): the first argument is a Database"):
        users.get(*given)  # type: ignore[call-overload]  # the fault


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


def test_a_database_without_migrations_says_what_to_run(oadb_empty_url: str) -> None:
    with (
        Database(configured(oadb_empty_url)) as db,
        pytest.raises(
            psycopg.errors.UndefinedTable, match="not migrated, run oadb migrate"
        ) as told,
    ):
        users.get(db, 1)

    assert told.value.sqlstate == "42P01"
