"""Ends the process of a test that hangs on after pytest-timeout has failed it.

pytest-timeout raises in the main thread: the test fails with the tracebacks of all threads and the
run goes on. That is not enough where a fixture or a ``with`` block then waits for a thread that
never ends. So faulthandler, which needs neither the interpreter nor the GIL, later writes the
tracebacks to standard error and ends the process without cleaning up; watchers stop its servers.
"""

import faulthandler
import os
from collections.abc import Generator

import pytest
from pytest_timeout import Settings, is_debugging

GRACE = 60
"""Seconds for cleaning up after a test that has failed, and for the end of the process."""

SLOW = 1800
"""Seconds for a test that is marked slow: some take minutes, such as a storm of a million rows."""

_stderr = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    # pytest captures standard error while a test runs, and would lose it with the process.
    config.stash[_stderr] = os.dup(2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW))


def pytest_timeout_set_timer(item: pytest.Item, settings: Settings) -> None:
    _allow(settings.timeout + GRACE, item.config)


@pytest.hookimpl(trylast=True)
def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    """Limit the cleaning up after a failure: pytest-timeout and pytest itself end their limits."""
    if isinstance(node, pytest.Item) and not node.config.getoption("usepdb"):
        _allow(GRACE, node.config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


def pytest_unconfigure(config: pytest.Config) -> None:
    # A worker waits here until all the others are done; xdist ends it then.
    if not hasattr(config, "workerinput"):
        _allow(GRACE, config)


def _allow(seconds: float, config: pytest.Config) -> None:
    if not is_debugging():
        faulthandler.dump_traceback_later(seconds, exit=True, file=config.stash[_stderr])
