"""Operations: several steps, written once, for sync and async."""

import asyncio
import io
import pydoc
import threading

import pytest

from oadb import AsyncDatabase, AsyncExecutor, Database
from oadb.accounts import users
from oadb.engine.binding.operations import operation
from oadb.errors import Error

pytestmark = pytest.mark.changes_rows


class StopHereError(Exception):
    """Raised by a test in the middle of an operation."""


@operation
async def register(db: AsyncExecutor, username: str, *, fails: bool = False) -> int:
    """Create a user in two steps, both or none."""
    async with db.transaction() as tx:
        user = await users.create(tx, username, f"{username}@example.in")
        if fails:
            raise StopHereError
        await users.update(tx, user.user_id, first_name="First")
    return user.user_id


@operation
async def thread_of(db: AsyncExecutor) -> int:
    """Return the id of the thread in which a long computation runs."""
    return await db.offload(threading.get_ident)


@operation
async def nap(db: AsyncExecutor) -> int:
    """Await something other than a call of the executor."""
    async with db.transaction() as tx:
        await users.create(tx, "sleeper", "sleeper@example.in")
        await asyncio.sleep(0)
        return await users.count(tx)


def test_an_operation_over_a_database_returns_its_result(db: Database) -> None:
    user_id = register(db, "asha")
    user = users.get(db, user_id)

    assert user is not None
    assert user.first_name == "First"


async def test_the_same_operation_over_an_async_database_is_awaited(adb: AsyncDatabase) -> None:
    user = await users.get(adb, await register(adb, "asha"))

    assert user is not None
    assert user.first_name == "First"


def test_an_operation_in_a_transaction_is_rolled_back_with_it(db: Database) -> None:
    with pytest.raises(StopHereError), db.transaction() as tx:  # noqa: PT012  # the block is what is tested
        register(tx, "asha")

        assert users.count(tx) == 1
        raise StopHereError

    assert users.count(db) == 0


def test_an_operation_that_fails_leaves_the_transaction_around_it_usable(db: Database) -> None:
    with db.transaction() as tx:
        with pytest.raises(StopHereError):
            register(tx, "asha", fails=True)
        register(tx, "ravi")

    assert [user.username for user in users.list_all(db)] == ["ravi"]


async def test_an_async_operation_in_a_transaction_is_rolled_back_with_it(
    adb: AsyncDatabase,
) -> None:
    with pytest.raises(StopHereError):  # noqa: PT012  # the block is what is tested
        async with adb.transaction() as tx:
            await register(tx, "asha")
            raise StopHereError

    assert await users.count(adb) == 0


def test_a_long_computation_runs_in_place_without_an_event_loop(shared_db: Database) -> None:
    assert thread_of(shared_db) == threading.get_ident()
    with shared_db.transaction() as tx:
        assert thread_of(tx) == threading.get_ident()


async def test_a_long_computation_runs_in_a_thread_if_there_is_an_event_loop(
    adb: AsyncDatabase,
) -> None:
    assert await thread_of(adb) != threading.get_ident()
    async with adb.transaction() as tx:
        assert await thread_of(tx) != threading.get_ident()


def test_an_operation_that_awaits_something_else_over_a_database_raises(db: Database) -> None:
    with pytest.raises(RuntimeError, match="awaited something other than a call of its executor"):
        nap(db)

    assert users.count(db) == 0
    assert db.stats().leased == 0


async def test_an_operation_may_await_something_else_in_an_event_loop(adb: AsyncDatabase) -> None:
    assert await nap(adb) == 1


def test_an_error_of_an_operation_is_raised_unchanged(db: Database) -> None:
    with pytest.raises(StopHereError) as error:
        register(db, "asha", fails=True)

    assert not isinstance(error.value, Error)
    assert users.count(db) == 0


def test_help_shows_an_operation_as_a_function() -> None:
    shown = io.StringIO()
    pydoc.Helper(output=shown)(register)
    text = pydoc.plain(shown.getvalue())

    assert "register(db, /, username: str" in text
    assert "Create a user in two steps, both or none." in text


def test_a_wrong_call_of_an_operation_is_a_type_error(shared_db: Database) -> None:
    wrong = register.__call__
    with pytest.raises(TypeError, match="missing a required argument: 'username'"):
        wrong(shared_db)  # type: ignore[call-overload]  # the mistake
