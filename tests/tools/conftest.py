"""Fixtures for tests of tools: empty databases on a server of their own, and a key ring."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

from oadb.embedded import embedded_server
from oadb.embedded.memory import memory
from oadb.tools import key_rotation
from tests.support.migrations import MigrationDatabase
from tests.support.rotating import Ring

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def migration_server() -> Iterator[str]:
    """Give the folder of the socket of a server for all tests of migrations."""
    with embedded_server.temporary(memory()) as server:
        yield server.keywords["host"]


@pytest.fixture
def database(migration_server: str) -> Iterator[MigrationDatabase]:
    """Give an empty database."""
    home = MigrationDatabase(migration_server, "postgres")
    name = f"migrations_{next(_NUMBERS)}"
    with home.connect() as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    yield MigrationDatabase(migration_server, name)
    with home.connect() as connection:
        drop = sql.SQL("drop database {} with (force)")
        connection.execute(drop.format(sql.Identifier(name)))


@pytest.fixture
def ring(oadb_database_url: str, tmp_path: Path) -> Ring:
    """Give a new key ring in a file, and a migrated database."""
    path = tmp_path / "ring.json"
    key_rotation.new(path)
    return Ring(oadb_database_url, path)
