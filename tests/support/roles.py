"""A server with the roles of oadb, and a connection as each of them."""

from collections.abc import Generator
from typing import Any

import psycopg
import pytest

from oadb.engine import dsn
from oadb.testing.servers import Server
from oadb.tools.migrations.runner import migrate
from tests.support.layouts import single
from tests.support.prepared_servers import Prepared
from tests.support.user_rows import fill, login

ROLES = [
    "oadb_app", "oadb_log", "oadb_migrate", "oadb_owner", "oadb_ro", "oadb_rotate", "oadb_user",
]  # fmt: skip  # a table
USERS = range(1, 4)

Connection = psycopg.Connection[Any]


def connect(url: str) -> Connection:
    # psycopg prepares nothing, because the tests prepare statements themselves.
    return psycopg.connect(url, autocommit=True, prepare_threshold=None)


def ask(connection: Connection, question: str) -> list[Any]:
    return [row[0] if len(row) == 1 else row for row in connection.execute(question.encode())]


def separated(server: Server) -> None:
    """Make a database that oadb_migrate has migrated, beside the one with one role.

    A DBA creates the roles in the database with one role, where they get no privileges.
    """
    with connect(server.url("postgres")) as connection:
        assert ask(connection, "select rolname from pg_roles where rolname like 'oadb%'") == []
    with connect(server.url("single")) as connection:
        connection.execute("call oadb.create_roles()")
        for role in ROLES:
            connection.execute(f"create role a_{role} login in role {role}".encode())
        connection.execute("alter role oadb_migrate login")
        connection.execute("create database separate")
        connection.execute("grant create on database separate to oadb_owner")
    with connect(server.url("separate")) as connection:
        connection.execute("grant create on schema public to oadb_owner")
    migrate(dsn.parse(login(server, "oadb_migrate", "separate")))


@pytest.fixture(scope="module")
def server(prepared: Prepared) -> Generator[Server]:
    """Give a server of its own, because roles belong to a server, and some here can log in."""
    with prepared(single, separated) as control:
        yield control.server


@pytest.fixture(scope="module")
def alone(server: Server) -> str:
    """Give the URL of a database whose owner may not create roles."""
    url = login(server, "alone", "single")
    fill(url, USERS)
    return url


@pytest.fixture(scope="module")
def migrated(server: Server) -> str:
    """Give the URL, for oadb_migrate, of a database that it has migrated."""
    url = login(server, "oadb_migrate", "separate")
    fill(url, USERS)
    return url


@pytest.fixture(scope="module")
def sessions_of(server: Server, migrated: str) -> Generator[dict[str, Connection]]:
    """Give a connection of a member of each role."""
    assert migrated
    urls = {role: login(server, f"a_{role}", "separate") for role in ROLES}
    connections = {role: connect(url) for role, url in urls.items()}
    yield connections
    for connection in connections.values():
        connection.close()


def url_of(server: Server, role: str) -> str:
    return login(server, f"a_{role}", "separate")
