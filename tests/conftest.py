"""Fixtures for every test: a fresh, migrated database and the executors over it."""

import gc
import os
import secrets
import signal
from collections.abc import AsyncGenerator, Generator
from datetime import UTC, datetime
from pathlib import Path

import argon2
import pytest
from hypothesis import settings

from oadb import AsyncDatabase, Config, Database, Transaction
from oadb.accounts import sealed_passwords
from oadb.embedded import embedded_server
from oadb.embedded.temporary_folders import deleted_if_killed
from oadb.security.keyring import Key, KeyRing
from oadb.security.passwords import Passwords
from oadb.testing.chosen_layout import is_cluster
from oadb.testing.servers import Server
from tests.support.emptied import Emptied, emptied
from tests.support.rig import MODES, Connect, Observer, connecting
from tests.support.undone import undone

pytest_plugins = [
    "oadb.testing.fixtures",
    "tests.support.cluster_layout",
    "tests.support.compact_reports",
    "tests.support.compiling",
    "tests.support.left_tasks",
    "tests.support.longest_first",
    "tests.support.prepared_servers",
    "tests.support.skips",
    "tests.support.time_limit",
    "tests.support.values_in_one_test",
]

# On a busy machine an example takes as long as it takes.
settings.register_profile("oadb", deadline=None)
settings.load_profile("oadb")


# A shell that starts us in the background leaves SIGINT ignored; some tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)


# Collecting makes 300 MB of objects that live until the end, which the garbage collector would
# look through again and again: a tenth of the time of a worker until its first test.
gc.disable()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _stopped_by_a_kill(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """Have the servers that tests start in their folders stopped if this process is killed."""
    with deleted_if_killed(tmp_path_factory.getbasetemp(), embedded_server.binaries()):
        yield


@pytest.fixture(scope="module", autouse=True)
def _begun_in_the_repository(pytestconfig: pytest.Config) -> None:
    """Fail where a fixture of an earlier module has left another current folder or packages."""
    assert Path.cwd() == pytestconfig.invocation_params.dir, "an earlier test left its folder"
    assert "OADB_PACKAGES" not in os.environ, "an earlier test left its packages"


RING = KeyRing([Key(1, "primary", datetime(2026, 1, 1, tzinfo=UTC), secrets.token_bytes(32))])


def configured(url: str) -> Config:
    return Config.from_env(
        {"DATABASE_URL": url, "DB_POOL_SIZE": "1", "OADB_KEYRING": RING.to_json()}
    )


@pytest.fixture(scope="module")
def one_database(oadb_server: Server, oadb_template: str) -> Generator[Emptied]:
    """Give the database of a module whose tests are marked ``changes_rows``."""
    with oadb_server.clone(oadb_template) as url, emptied(url) as database:
        yield database


@pytest.fixture
def oadb_database_url(request: pytest.FixtureRequest) -> str:
    """Give the DATABASE_URL of a database as it was migrated, of this test alone if not marked."""
    # What is restored with a role of one server does not reach the workers of a cluster.
    if request.node.get_closest_marker("changes_rows") is None or is_cluster():
        url: str = request.getfixturevalue("oadb_database_url")
        return url
    database: Emptied = request.getfixturevalue("one_database")
    database.empty()
    return database.url


@pytest.fixture
def config(oadb_database_url: str) -> Config:
    """Give the configuration for a database of this test alone."""
    return configured(oadb_database_url)


@pytest.fixture
def db(config: Config) -> Generator[Database]:
    """Give an open database of this test alone."""
    with Database(config) as database:
        yield database


@pytest.fixture
async def adb(config: Config) -> AsyncGenerator[AsyncDatabase]:
    """Give an open database of this test alone, for asyncio; beside ``db`` it is the same one."""
    async with AsyncDatabase(config) as database:
        yield database


@pytest.fixture(scope="session")
def shared_url(oadb_server: Server, oadb_template: str) -> Generator[str]:
    """Give the DATABASE_URL of one migrated database for all tests that leave nothing in it."""
    with oadb_server.clone(oadb_template) as url:
        yield url


@pytest.fixture(scope="session")
def shared_db(shared_url: str) -> Generator[Database]:
    """Give one open database for all tests that leave nothing in it."""
    with Database(configured(shared_url)) as database:
        yield database


@pytest.fixture(scope="module")
def url(oadb_server: Server, oadb_template: str) -> Generator[str]:
    """Give the DATABASE_URL of a migrated database for the tests of one module."""
    with oadb_server.clone(oadb_template) as url:
        yield url


@pytest.fixture(scope="module")
def observer(url: str) -> Observer:
    """Give what looks at the database of a module from outside."""
    return Observer(url)


@pytest.fixture
def cheap_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have passwords hashed with the cheapest parameters."""
    monkeypatch.setattr(sealed_passwords, "passwords", Passwords(argon2.profiles.CHEAPEST))


@pytest.fixture(params=[*MODES])
def connect(request: pytest.FixtureRequest, url: str) -> Generator[Connect]:
    """Give a function that makes databases, sync and async; all are closed at the end."""
    with connecting(request.param, url) as connect:
        yield connect


@pytest.fixture
def oadb_empty_url(oadb_server: Server) -> Generator[str]:
    """Give the DATABASE_URL of a database in which nothing was ever applied."""
    with oadb_server.clone("template0") as url:
        yield url


@pytest.fixture
def tx(shared_db: Database) -> Generator[Transaction]:
    """Give a transaction in the shared database, undone after the test: cheaper than ``db``."""
    with undone(shared_db) as transaction:
        yield transaction
