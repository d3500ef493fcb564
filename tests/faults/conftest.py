"""A server to stop and to kill, with the tables of the probes, for the tests of this folder."""

from collections.abc import Generator

import pytest

from oadb.testing.control import ServerControl, controlled
from tests.support.rig import COLOURS, Connect, Observer, connecting, create_tables


@pytest.fixture(scope="session")
def victim() -> Generator[ServerControl]:
    with controlled() as server:
        create_tables(server.url)
        # The server is set to be quick, not durable; here what it acknowledged must be there.
        Observer(server.url).rows("alter database postgres set synchronous_commit = on")
        yield server


@pytest.fixture
def url(victim: ServerControl) -> str:
    """Give the DATABASE_URL of the victim, running and with empty tables."""
    victim.start()
    observer = Observer(victim.url)
    observer.terminate()
    observer.rows("truncate probe, child")
    return victim.url


@pytest.fixture
def observer(url: str) -> Observer:
    return Observer(url)


@pytest.fixture(params=[*COLOURS])
def connect(request: pytest.FixtureRequest, url: str) -> Generator[Connect]:
    """Give a function that makes databases, of either colour, and closes them at the end."""
    with connecting(request.param, url) as connect:
        yield connect
