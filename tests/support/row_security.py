"""Three layouts of roles for tests of row-level security, and queries for them."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack

import psycopg
import pytest

from oadb import Database
from oadb.testing.servers import Server
from tests.support.layouts import ONE_ROLE_AND_ALL, url_in
from tests.support.prepared_servers import Prepared
from tests.support.rig import config
from tests.support.user_rows import declared, fill, login

USERS = range(1, 41)
ME, OTHER = 1, 2

JOINED = declared(
    "select users.user_id from oadb.users inner join oadb.api_keys "
    "on users.user_id <= api_keys.user_id",
    list[int],
)
STREAM = declared("select user_id from oadb.sessions", Iterator[int])
WHO = declared(
    "select current_user || ' ' || coalesce(current_setting('oadb.user_id', true), '') as who", str
)
FAIL = declared("select 1 / 0 as never", int)
RESET_ROLE = declared("select set_config('role', 'none', true) as role", str)
BECOME_OWNER = declared("select set_config('role', 'oadb_owner', true) as role", str)


@pytest.fixture(scope="module")
def server(prepared: Prepared) -> Generator[Server]:
    """Give a server of its own, because roles belong to a server, and some here can log in."""
    with prepared(*ONE_ROLE_AND_ALL) as control:
        yield control.server


@pytest.fixture(scope="module")
def urls(server: Server) -> dict[str, str]:
    alone, superuser = url_in(server, "single"), url_in(server, "separate")
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("create role service login in role oadb_app")
    fill(alone, USERS)
    fill(superuser, USERS)
    service = login(server, "service", "separate")
    return {"superuser": superuser, "service": service, "alone": alone}


@pytest.fixture(params=["superuser", "service", "alone"])
def way(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def url(urls: dict[str, str], way: str) -> str:
    return urls[way]


@pytest.fixture(scope="module")
def databases(urls: dict[str, str]) -> Generator[dict[str, Database]]:
    """Give a database of each layout, with one connection for all tests of the module."""
    with ExitStack() as opened:
        yield {
            way: opened.enter_context(Database(config(url, pool_size=1, max_overflow=0)))
            for way, url in urls.items()
        }


@pytest.fixture
def db(databases: dict[str, Database], way: str) -> Database:
    """Give a database whose calls share one connection, also with the tests before."""
    return databases[way]


class UndoError(Exception):
    """Rolls a transaction back."""
