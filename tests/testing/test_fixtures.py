"""The fixtures for the tests of services, as a test in a service uses them."""

import os
from collections.abc import Mapping
from typing import cast

import pytest

from oadb import AsyncDatabase, AsyncTransaction, Database, Secret, Transaction
from oadb.accounts import api_keys, users
from oadb.market import instruments
from oadb.testing import factories
from oadb.testing.fixtures import database_kind
from oadb.trading import strategies

rolled_back = pytest.mark.oadb_database("rollback")


@pytest.mark.parametrize("turn", [1, 2])
def test_a_fresh_database_is_empty_each_time(oadb_db: Database, turn: int) -> None:
    assert isinstance(oadb_db, Database), turn
    assert users.count(oadb_db) == 0

    factories.make_user(oadb_db)


def test_the_environment_is_that_of_the_fresh_database(
    monkeypatch: pytest.MonkeyPatch, oadb_environ: Mapping[str, str], oadb_db: Database
) -> None:
    user = factories.make_user(oadb_db)

    assert {name: os.environ.get(name) for name in oadb_environ} == oadb_environ
    with Database.from_env() as same:
        assert users.get(same, user.user_id) == user
        made = factories.make_api_key(same, user.user_id)
    assert api_keys.verify(oadb_db, made.token)
    monkeypatch.undo()


def test_the_logs_of_a_developer_are_left_out(request: pytest.FixtureRequest) -> None:
    with pytest.MonkeyPatch.context() as shell:
        shell.setenv("OADB_LOG_DATABASE_URL", "postgresql://logs@production/logs")
        request.getfixturevalue("oadb_environ")
        assert "OADB_LOG_DATABASE_URL" not in os.environ


@rolled_back
@pytest.mark.parametrize("turn", [1, 2])
def test_a_transaction_leaves_nothing(
    oadb_db: Transaction, oadb_shared_db: Database, turn: int
) -> None:
    assert isinstance(oadb_db, Transaction), turn
    assert users.count(oadb_db) == 0

    user = factories.make_user(oadb_db)
    with oadb_db.transaction() as inner:
        made = factories.make_api_key(inner, user.user_id)
    assert api_keys.verify(oadb_db, made.token)
    assert users.count(oadb_shared_db) == 0


@rolled_back
def test_a_test_that_fails_a_statement_is_undone_as_well(oadb_db: Transaction) -> None:
    factories.make_user(oadb_db, username="asha")
    with pytest.raises(Exception, match="users_username_lower_key"):
        factories.make_user(oadb_db, username="asha")


@rolled_back
def test_a_test_that_is_rolled_back_gets_no_url(request: pytest.FixtureRequest) -> None:
    with pytest.raises(pytest.fail.Exception, match=r'pytest\.mark\.oadb_database\("fresh"\)'):
        request.getfixturevalue("oadb_environ")


async def test_an_async_database_is_fresh_and_the_same_as_the_sync_one(
    oadb_async_db: AsyncDatabase, oadb_db: Database
) -> None:
    user = await factories.make_user(oadb_async_db)

    assert users.get(oadb_db, user.user_id) == user


@rolled_back
@pytest.mark.parametrize("turn", [1, 2])
async def test_an_async_transaction_leaves_nothing(
    oadb_async_db: AsyncTransaction, turn: int
) -> None:
    assert isinstance(oadb_async_db, AsyncTransaction), turn
    assert await users.count(oadb_async_db) == 0

    await factories.make_user(oadb_async_db)


@rolled_back
@pytest.mark.usefixtures("cheap_hashing")
def test_factories_make_what_a_service_makes(oadb_db: Transaction) -> None:
    password = Secret("correct horse battery")
    user = factories.make_user(oadb_db, password=password, is_admin=True)
    webhook = factories.make_strategy(oadb_db, user.user_id).webhook
    shares = factories.load_instruments(oadb_db, ["INFY", "TCS"])

    assert users.verify_password(oadb_db, user.username, password) == user
    assert user.is_admin
    assert strategies.verify_webhook(oadb_db, webhook)
    assert instruments.get(oadb_db, "zerodha", "NSE", "TCS") == shares[1]


class _Marked:
    """A request of a test with a mark."""

    nodeid = "test_orders.py::test_one"

    def __init__(self, *args: object) -> None:
        self.node = self
        self.args = args

    def get_closest_marker(self, _: str) -> "_Marked":
        return self


@pytest.mark.parametrize("args", [(), ("new",), ("fresh", "rollback"), ([],)])
def test_an_unknown_kind_is_refused_with_its_place(args: tuple[object, ...]) -> None:
    request = cast("pytest.FixtureRequest", _Marked(*args))

    with pytest.raises(pytest.UsageError, match=r"test_one: oadb_database is .fresh. or"):
        database_kind(request)
