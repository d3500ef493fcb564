"""The pytest plugin: ``pytest_plugins = ["oadb.testing.fixtures"]`` in conftest.py."""

from collections.abc import Generator

import pytest

from oadb.engine import dsn
from oadb.testing.servers import Server, server


@pytest.fixture(scope="session")
def oadb_server() -> Generator[Server]:
    """Give the PostgreSQL of this test run; see oadb.testing.servers."""
    with server() as running:
        yield running


@pytest.fixture(scope="session")
def oadb_template(oadb_server: Server) -> Generator[str]:
    """Give the name of a database, to be cloned, with all migrations of oadb and of the service.

    Its packages are those that the commands find; see ``[tool.oadb]`` in pyproject.toml.
    """
    # Here, so that the server alone can be used without the tools.
    from oadb.tools import package_list  # noqa: PLC0415  # a tool
    from oadb.tools.migrations.runner import migrate  # noqa: PLC0415  # a tool

    packages = package_list.chosen()
    with oadb_server.template(lambda url: migrate(dsn.parse(url), packages=packages)) as name:
        yield name


@pytest.fixture
def oadb_database_url(oadb_server: Server, oadb_template: str) -> Generator[str]:
    """Give the DATABASE_URL of a migrated, empty database, dropped after the test."""
    with oadb_server.clone(oadb_template) as url:
        yield url
