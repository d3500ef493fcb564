"""Databases on a real Citus cluster, for tests that run where one is given.

``OADB_TEST_LAYOUT=citus`` with ``OADB_TEST_DATABASE_URL``: a database on the coordinator that has
the extension and its nodes, as a superuser who signs in to the workers in the same way.
"""

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import LiteralString

import psycopg
import pytest
from psycopg import conninfo
from psycopg.sql import SQL, Identifier

from oadb.engine import dsn
from oadb.tools.migrations import runner

BASE = os.environ.get("OADB_TEST_DATABASE_URL", "")

needs_citus = pytest.mark.skipif(
    os.environ.get("OADB_TEST_LAYOUT") != "citus",
    reason="needs a Citus cluster: OADB_TEST_LAYOUT=citus with OADB_TEST_DATABASE_URL",
)

LOGGER = "oadb_test_logger"


def run(url: str, *statements: LiteralString) -> list[tuple[object, ...]]:
    """Run statements one by one; return the rows of the last one, if it has any."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


class CitusDatabase:
    """A database of one name on every node; the coordinator does not know the workers yet."""

    def __init__(self) -> None:
        """Read the nodes from the database that is given."""
        self.name = f"oadb_test_{secrets.token_hex(6)}"
        nodes = run(BASE, "select nodename, nodeport from pg_dist_node order by groupid")
        self.addresses = [(str(name), int(str(port))) for name, port in nodes]

    def url(self, node: int = 0, **changed: object) -> str:
        """Return the URL of the database on a node; 0 is the coordinator."""
        host, port = self.addresses[node]
        keywords = {**conninfo.conninfo_to_dict(BASE), "host": host, "port": port, **changed}
        user, database = keywords.get("user", ""), keywords.get("dbname", self.name)
        return f"postgresql://{user}@/{database}?host={keywords['host']}&port={keywords['port']}"

    def make(self) -> None:
        """Create it on every node."""
        for node in range(len(self.addresses)):
            server = self.url(node, dbname="postgres")
            with psycopg.connect(server, autocommit=True) as connection:
                connection.execute(SQL("create database {}").format(Identifier(self.name)))
            run(self.url(node, dbname=self.name), "create extension citus")

    def know(self, *workers: int) -> None:
        """Tell the coordinator of itself and of workers."""
        with psycopg.connect(self.here, autocommit=True) as connection:
            connection.execute("select citus_set_coordinator_host(%s, %s)", self.addresses[0])
            for node in workers:
                connection.execute("select citus_add_node(%s, %s)", self.addresses[node])

    @property
    def here(self) -> str:
        """The URL on the coordinator."""
        return self.url(dbname=self.name)

    def as_role(self, role: str) -> str:
        """Return the URL on the coordinator of another role."""
        return self.url(dbname=self.name, user=role)

    def drop(self) -> None:
        """Drop it on every node."""
        for node in range(len(self.addresses)):
            with psycopg.connect(self.url(node, dbname="postgres"), autocommit=True) as connection:
                statement = SQL("drop database if exists {} with (force)")
                connection.execute(statement.format(Identifier(self.name)))


@contextmanager
def migrated() -> Generator[CitusDatabase]:
    """Give a migrated database whose coordinator knows one worker, ready to be distributed."""
    database = CitusDatabase()
    try:
        database.make()
        database.know(1)
        runner.migrate(dsn.parse(database.here))
        run(database.here, "call oadb.create_roles()", "call oadb.grant_privileges()")
        _make_roles(database)
        with psycopg.connect(database.here, autocommit=True) as connection:
            statement = SQL("alter database {} set citus.propagate_set_commands = 'local'")
            connection.execute(statement.format(Identifier(database.name)))
        yield database
    finally:
        database.drop()


def _make_roles(database: CitusDatabase) -> None:
    """Make the roles of the coordinator on the workers, as pg_dumpall would."""
    with psycopg.connect(database.url(dbname="postgres"), autocommit=True) as connection:
        with suppress(psycopg.errors.DuplicateObject):
            statement = SQL("create role {} login bypassrls in role oadb_log")
            connection.execute(statement.format(Identifier(LOGGER)))
        connection.execute("alter role oadb_app login")
        roles = connection.execute(
            "select format('create role %I %s %s', rolname, "
            "case when rolcanlogin then 'login' else 'nologin' end, "
            "case when rolbypassrls then 'bypassrls' else 'nobypassrls' end) from pg_roles "
            "where rolname like 'oadb%' order by rolname"
        ).fetchall()
        grants = connection.execute(
            "select format('grant %I to %I', roleid::regrole, member::regrole) "
            "from pg_auth_members where roleid::regrole::text like 'oadb%'"
        ).fetchall()
    for node in range(1, len(database.addresses)):
        with psycopg.connect(database.url(node, dbname="postgres"), autocommit=True) as connection:
            for (statement,) in [*roles, *grants]:
                with suppress(psycopg.errors.DuplicateObject):
                    connection.execute(str(statement).encode())
            connection.execute("alter role oadb_app login")
