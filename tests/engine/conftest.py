"""Fixtures of the tests of the engine; those of every test are in tests/conftest.py."""

from collections.abc import Generator

import pytest

from oadb.engine import dsn
from oadb.engine.driver import AsyncioDriver, BlockingDriver
from oadb.engine.listener import Listener
from oadb.testing.servers import Server
from tests.faults.proxy import Proxy
from tests.support.listeners import Listen, ListenerOnLoop, new_listener
from tests.support.rig import MODES, Loop, Observer, reset


@pytest.fixture(scope="session")
def probe_url(oadb_server: Server) -> Generator[str]:
    with oadb_server.clone("template1") as url:
        yield url


@pytest.fixture
def url(probe_url: str) -> str:
    """Give the DATABASE_URL of a database with the tables of the probes, empty and without clients.

    It is reused, because a new database takes 0.1 s, and several times that on a busy machine.
    """
    reset(probe_url)
    return probe_url


@pytest.fixture
def observer(url: str) -> Observer:
    return Observer(url)


@pytest.fixture
def proxy(url: str) -> Generator[Proxy]:
    with Proxy(dsn.parse(url).keywords) as proxy:
        yield proxy


@pytest.fixture(params=[*MODES])
def listen(request: pytest.FixtureRequest) -> Generator[Listen]:
    """Give a function that makes listeners, sync and async."""
    if request.param == "sync":
        yield lambda *args, **settings: Listener(new_listener(BlockingDriver(), *args, **settings))
        return
    loop = Loop()
    try:
        yield lambda *args, **settings: ListenerOnLoop(
            new_listener(AsyncioDriver(), *args, **settings), loop
        )
    finally:
        loop.stop()
