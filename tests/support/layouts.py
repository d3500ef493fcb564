"""A server with a database in each layout of roles: one role, an owner that may make roles, all."""

import psycopg

from oadb.engine import dsn
from oadb.testing.servers import Server
from oadb.tools.migrations.runner import migrate
from tests.support.user_rows import create_database, login

OWNERS = {"single": "alone", "managed": "managed", "separate": "postgres"}
"""The owner of each database; the one of the database with one role may make none."""


def single(server: Server) -> None:
    """Make the database with one role, which comes before the server has roles of oadb."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("create role alone login")
    _make(server, "single")


def managed(server: Server) -> None:
    """Make the database of an owner that may make roles and is no superuser."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("create role managed login createrole")
    _make(server, "managed")


def separate(server: Server) -> None:
    """Make the database with all roles; an owner who may make roles has made them before."""
    _make(server, "separate")


ONE_ROLE_AND_ALL = (single, separate)
"""What prepares a server with the two layouts of one's own server."""

ALL_LAYOUTS = (single, managed, separate)
"""What prepares a server with all of them."""


def _make(server: Server, name: str) -> None:
    create_database(server, name, OWNERS[name])
    migrate(dsn.parse(url_in(server, name)))


def url_in(server: Server, name: str) -> str:
    """Return the DATABASE_URL of a database for its owner."""
    return login(server, OWNERS[name], name)
