"""A server with the roles of oadb, and a connection as each of them."""

from collections.abc import Generator
from typing import Any

import psycopg
import pytest

from oadb.engine import dsn
from oadb.testing.control import controlled
from oadb.testing.servers import Server
from oadb.tools.migrations.runner import migrate
from tests.support.user_rows import database, fill, login

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


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    """Give a server of its own, because roles belong to a server, and some here can log in."""
    with controlled() as control:
        yield control.server


@pytest.fixture(scope="module")
def alone(server: Server) -> Generator[str]:
    """Give the URL of a database whose owner may not create roles, on a server without any."""
    with connect(server.url("postgres")) as connection:
        connection.execute("create role alone login")
    with database(server, "single", "alone") as url:
        fill(url, USERS)
        yield url


@pytest.fixture(scope="module")
def made(server: Server, alone: str) -> None:
    """Have a DBA create the roles in the database with one role, where they get no privileges."""
    assert alone
    with connect(server.url("single")) as connection:
        assert ask(connection, "select rolname from pg_roles where rolname like 'oadb%'") == []
        connection.execute("call oadb.create_roles()")
        for role in ROLES:
            connection.execute(f"create role a_{role} login in role {role}".encode())
        connection.execute("alter role oadb_migrate login")


@pytest.fixture(scope="module")
def migrated(server: Server, made: None) -> Generator[str]:
    """Give the URL, for oadb_migrate, of a database that it has migrated."""
    assert made is None
    with connect(server.url("postgres")) as connection:
        connection.execute("create database separate")
        connection.execute("grant create on database separate to oadb_owner")
    with connect(server.url("separate")) as connection:
        connection.execute("grant create on schema public to oadb_owner")
    url = login(server, "oadb_migrate", "separate")
    migrate(dsn.parse(url))
    fill(url, USERS)
    yield url
    with connect(server.url("postgres")) as connection:
        connection.execute("drop database separate with (force)")


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
