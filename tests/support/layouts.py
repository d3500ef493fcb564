"""A server with a database in each layout of roles: one role, an owner that may make roles, all."""

import psycopg

from oadb.engine import dsn
from oadb.testing.servers import Server
from oadb.tools.migrations.runner import migrate
from tests.support.user_rows import create_database, login

OWNERS = {"single": "alone", "managed": "managed", "separate": "postgres"}
"""The owner of each database; the one of the database with one role may make none."""


def layouts(server: Server) -> None:
    """Make the databases; the one with one role comes before the server has roles of oadb."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("create role alone login")
        connection.execute("create role managed login createrole")
    for name, owner in OWNERS.items():
        create_database(server, name, owner)
        migrate(dsn.parse(url_in(server, name)))


def url_in(server: Server, name: str) -> str:
    """Return the DATABASE_URL of a database for its owner."""
    return login(server, OWNERS[name], name)
