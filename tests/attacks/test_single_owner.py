"""Under an identity, the only role of a database must show nothing that is not that user's.

A managed service gives an owner that may make roles and is no superuser. All layouts are compared
in test_walls_of_an_identity.
"""

from collections.abc import Generator

import pytest
from psycopg.errors import InsufficientPrivilege

from oadb import Database
from oadb.accounts import users
from oadb.engine.binding.packages import find
from oadb.settings import app_settings, smtp_settings
from oadb.testing.servers import Server
from oadb.tools import health
from oadb.tools.findings import Finding
from tests.support.layouts import ALL_LAYOUTS, url_in
from tests.support.prepared_servers import Prepared
from tests.support.rig import config
from tests.support.roles import connect

pytestmark = pytest.mark.long("migrates a database in the layout of a managed service")


@pytest.fixture(scope="module")
def server(prepared: Prepared) -> Generator[Server]:
    with prepared(*ALL_LAYOUTS) as control:
        yield control.server


@pytest.fixture(scope="module")
def managed(server: Server) -> str:
    """Give the URL of a database whose owner may make roles, as managed services give it."""
    return url_in(server, "managed")


@pytest.fixture
def user(managed: str) -> Generator[Database]:
    with Database(config(managed)) as db:
        yield db


def test_a_user_reads_no_account_of_the_application(user: Database) -> None:
    smtp_settings.get(user)
    with pytest.raises(InsufficientPrivilege):
        smtp_settings.get(user.as_user(1))


def test_a_user_does_not_switch_to_live_trading(user: Database) -> None:
    with pytest.raises(InsufficientPrivilege):
        app_settings.set_trading_mode(user.as_user(1), "live", by=1)
    assert app_settings.get_trading_mode(user) == "analyze"


def test_the_identity_ends_with_its_transaction(user: Database) -> None:
    assert users.list_all(user.as_user(1)).rows == []
    smtp_settings.get(user)


def test_the_doctor_says_that_the_owner_is_bound(managed: str) -> None:
    assert roles(managed).ok


def test_an_owner_who_cannot_become_a_user_is_a_finding(server: Server, managed: str) -> None:
    with connect(server.url("managed")) as connection:
        connection.execute("revoke oadb_user from managed granted by managed")
        try:
            found = roles(managed)
        finally:
            connection.execute("grant oadb_user to managed")
    assert not found.ok
    assert found.text.endswith(
        "refused to managed, which may not become oadb_user; grant oadb_user to managed;"
    )


def roles(url: str) -> Finding:
    found = health.examine(config(url), [find("oadb")])
    return next(each for each in found if each.subject == "roles")
