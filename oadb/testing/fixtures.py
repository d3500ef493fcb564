"""The pytest plugin: databases for the tests of a service, which has it by installing oadb.

    def test_customers(oadb_db: Database) -> None:  # a database of this test alone
        customers.create(oadb_db, "asha@example.in")

    @pytest.mark.oadb_database("rollback")
    def test_orders(oadb_db: Transaction) -> None:  # undone at the end: a few milliseconds

See docs/testing.md. The rest of oadb is imported when the first test asks for a fixture, so that
other tests do not wait for it.
"""

# ruff: noqa: PLC0415  # as said above

import secrets
from collections.abc import Generator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, cast, get_args

import pytest

if TYPE_CHECKING:
    from oadb.engine.blocking import Transaction
    from oadb.engine.database import AsyncDatabase, Database
    from oadb.engine.transactions import AsyncTransaction
    from oadb.testing.servers import Server

DatabaseKind = Literal["fresh", "rollback"]
"""What a test gets: a database of its own, or a transaction that is undone."""

_OPTION = "oadb_database"

# Of a developer's shell or a machine of CI: they would lead a test to other databases and keys.
_LEFT_OUT = ("OADB_LOG_DATABASE_URL", "OADB_KEYRING_FILE", "DB_POOLER")


class UndoError(Exception):
    """Ends the transaction of a test."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for the configuration of pytest."""
    parser.addini(_OPTION, "what tests without that mark get: fresh or rollback", default="fresh")


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known, check the option, and load the fixtures for async tests.

    Raises:
        pytest.UsageError: the option is neither fresh nor rollback.
    """
    config.addinivalue_line("markers", f"{_OPTION}(kind): the test gets a fresh one or a rollback")
    _checked(config.getini(_OPTION), "the configuration of pytest")
    # Only now is it known whether pytest-asyncio is there.
    config.pluginmanager.import_plugin("oadb.testing.async_fixtures")


def database_kind(request: pytest.FixtureRequest) -> DatabaseKind:
    """Return what a test has chosen with its mark, else what the configuration says.

    Raises:
        pytest.UsageError: the mark has not one argument, fresh or rollback.
    """
    mark = request.node.get_closest_marker(_OPTION)
    if mark is None:
        return cast("DatabaseKind", request.config.getini(_OPTION))
    return _checked(mark.args[0] if len(mark.args) == 1 else mark.args, request.node.nodeid)


def _checked(kind: object, place: str) -> DatabaseKind:
    if kind not in get_args(DatabaseKind):
        raise pytest.UsageError(f'{place}: {_OPTION} is "fresh" or "rollback", not {kind!r}')
    return cast("DatabaseKind", kind)


@pytest.fixture(scope="session")
def oadb_server() -> "Generator[Server]":
    """Give the PostgreSQL of this test run; see oadb.testing.servers."""
    from oadb.testing.chosen_layout import run_server

    with run_server() as running:
        yield running


@pytest.fixture(scope="session")
def oadb_template(oadb_server: "Server") -> Generator[str]:
    """Give the name of a database, to be cloned, with all migrations of oadb and of the service.

    Its packages are those that the commands find; see ``[tool.oadb]`` in pyproject.toml.
    """
    from oadb.testing.chosen_layout import migrated_template
    from oadb.tools import package_list

    with migrated_template(oadb_server, package_list.chosen()) as name:
        yield name


@pytest.fixture
def oadb_database_url(request: pytest.FixtureRequest) -> Generator[str]:
    """Give the DATABASE_URL of a migrated, empty database, dropped after the test.

    A test that is rolled back has none: what it did through the URL would stay.
    """
    if database_kind(request) == "rollback":
        pytest.fail(
            "a test that is rolled back has no database of its own: it works with oadb_db or "
            f'oadb_async_db alone, or it is marked @pytest.mark.{_OPTION}("fresh")'
        )
    server: Server = request.getfixturevalue("oadb_server")
    with server.clone(request.getfixturevalue("oadb_template")) as url:
        yield url


@pytest.fixture(scope="session")
def oadb_keyring() -> str:
    """Give a key ring of this test run, as OADB_KEYRING has it."""
    from oadb.security.keyring import ROOT_BYTES, Key, KeyRing

    root = secrets.token_bytes(ROOT_BYTES)
    return KeyRing([Key(1, "primary", datetime.now(UTC), root)]).to_json()


def _environ(url: str, keyring: str) -> Mapping[str, str]:
    return {"DATABASE_URL": url, "OADB_KEYRING": keyring, "DB_POOL_SIZE": "1"}


@pytest.fixture
def oadb_environ(
    oadb_database_url: str, oadb_keyring: str, monkeypatch: pytest.MonkeyPatch
) -> Mapping[str, str]:
    """Give the variables of a service over ``oadb_database_url``, which are set for the test.

    So Database.from_env(), LogWriter.from_env() and programs that the test starts have them.
    """
    environ = _environ(oadb_database_url, oadb_keyring)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    for name in _LEFT_OUT:
        monkeypatch.delenv(name, raising=False)
    return environ


@pytest.fixture(scope="session")
def oadb_shared_environ(
    oadb_server: "Server", oadb_template: str, oadb_keyring: str
) -> Generator[Mapping[str, str]]:
    """Give the variables of the one database in which tests are rolled back."""
    with oadb_server.clone(oadb_template) as url:
        yield _environ(url, oadb_keyring)


@pytest.fixture(scope="session")
def oadb_shared_db(oadb_shared_environ: Mapping[str, str]) -> "Generator[Database]":
    """Give the open database in which tests are rolled back; whatever is committed in it stays."""
    from oadb.engine.database import Database

    with Database.from_env(oadb_shared_environ) as db:
        yield db


@pytest.fixture
def oadb_db(request: pytest.FixtureRequest) -> "Generator[Database | Transaction]":
    """Give an open Database of this test alone; or a Transaction, undone after the test."""
    from oadb.engine.database import Database

    if database_kind(request) == "fresh":
        with Database.from_env(request.getfixturevalue("oadb_environ")) as db:
            yield db
        return
    shared: Database = request.getfixturevalue("oadb_shared_db")
    with suppress(UndoError), shared.transaction() as tx:
        yield tx
        raise UndoError


@pytest.fixture
def oadb_async_db(request: pytest.FixtureRequest) -> "AsyncDatabase | AsyncTransaction":
    """Give the same for asyncio, with pytest-asyncio or AnyIO; beside ``oadb_db`` it has its own.

    It is opened and closed on the event loop that the plugin gives to fixtures of functions.
    """
    plugin = "anyio" if "anyio_backend" in request.fixturenames else "asyncio"
    if not request.config.pluginmanager.hasplugin(plugin):
        pytest.fail(
            "oadb_async_db needs pytest-asyncio, or AnyIO and its mark: install one of them"
        )
    given = request.getfixturevalue(f"oadb_{plugin}_db")
    return cast("AsyncDatabase | AsyncTransaction", given)
