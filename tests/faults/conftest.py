"""Fixtures of the fault tests: a server to stop and to kill, with the tables of the probes."""

from collections.abc import Generator

import pytest

from oadb.testing.control import ServerControl, controlled
from tests.support.rig import Observer, create_tables


@pytest.fixture(scope="session")
def victim() -> Generator[ServerControl]:
    with controlled() as server:
        create_tables(server.url)
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
