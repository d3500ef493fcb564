"""Fixtures of the tests of the pool; those of every test are in tests/conftest.py."""

from collections.abc import Generator

import pytest

from oadb.testing.servers import Server
from tests.support.rig import COLOURS, Connect, Observer, connecting, reset


@pytest.fixture(scope="session")
def probe_url(oadb_server: Server) -> Generator[str]:
    with oadb_server.clone("template1") as url:
        yield url


@pytest.fixture
def url(probe_url: str) -> str:
    """Give the DATABASE_URL of a database with the tables of the probes, empty and left alone.

    One for all: a new database takes 0.1 s, on a busy machine several times that.
    """
    reset(probe_url)
    return probe_url


@pytest.fixture(params=[*COLOURS])
def connect(request: pytest.FixtureRequest, url: str) -> Generator[Connect]:
    """Give a function that makes databases, of either colour, and closes them at the end."""
    with connecting(request.param, url) as connect:
        yield connect


@pytest.fixture
def observer(url: str) -> Observer:
    return Observer(url)
