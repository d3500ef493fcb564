import itertools
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from oadb.embedded import embedded_server
from oadb.engine import dsn
from oadb.testing.memory import memory

REPOSITORY = Path(__file__).parents[2]
FIRST = REPOSITORY / "sql" / "migrations"


class Folder:
    """A folder of migrations that begins with the real first one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        for name in ("0001_create_schema.sql", "0001_create_schema.rollback.sql"):
            shutil.copy(FIRST / name, path / name)

    def write(self, stem: str, body: str, rollback: str, *, transactional: bool = True) -> None:
        """Write a migration and its rollback with the head that each needs."""
        limit = "set local lock_timeout = '4s';\n\n" if transactional else ""
        directive = "" if transactional else "-- transactional: false\n\n"
        (self.path / f"{stem}.sql").write_text(f"{directive}{limit}{body}\n")
        (self.path / f"{stem}.rollback.sql").write_text(f"{limit}{rollback}\n")

    def table(self, stem: str, name: str) -> None:
        """Write a migration that creates a table of that name."""
        self.write(stem, f"create table oadb.{name} (a integer);", f"drop table oadb.{name};")

    def file(self, name: str) -> Path:
        return self.path / name

    def remove(self, stem: str) -> None:
        (self.path / f"{stem}.sql").unlink()
        (self.path / f"{stem}.rollback.sql").unlink()


@dataclass(frozen=True)
class Place:
    """A database of the test server."""

    host: str
    name: str
    user: str = "postgres"

    @property
    def yoyo_url(self) -> str:
        """The URL for the yoyo command, and for oadb."""
        return f"postgresql+psycopg://{self.user}@/{self.name}?host={quote(self.host, safe='')}"

    @property
    def dsn(self) -> dsn.Dsn:
        return dsn.parse(self.yoyo_url)

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(**self.dsn.keywords, autocommit=True)

    def query(self, text: str) -> list[tuple]:
        with self.connect() as connection:
            cursor = connection.execute(text.encode())
            return cursor.fetchall() if cursor.description else []

    def has(self, table: str) -> bool:
        return self.query(f"select to_regclass('{table}') is not null") == [(True,)]

    @property
    def tables(self) -> list[str]:
        rows = self.query("select tablename from pg_tables where schemaname = 'oadb' order by 1")
        return [name for (name,) in rows]


@pytest.fixture(scope="session")
def migration_server() -> Iterator[str]:
    """The folder of the socket of a server that lives as long as the tests."""
    with embedded_server.temporary(memory()) as server:
        yield server.keywords["host"]


@pytest.fixture
def database(migration_server: str) -> Iterator[Place]:
    """An empty database."""
    home = Place(migration_server, "postgres")
    name = f"migrations_{next(_NUMBERS)}"
    with home.connect() as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    yield Place(migration_server, name)
    with home.connect() as connection:
        drop = sql.SQL("drop database {} with (force)")
        connection.execute(drop.format(sql.Identifier(name)))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder of migrations with the first one in it."""
    return Folder(tmp_path / "migrations")


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Wait until a condition holds; fail after 20 seconds."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come to hold in 20 s"
            time.sleep(0.01)

    return wait


_NUMBERS = itertools.count(1)
