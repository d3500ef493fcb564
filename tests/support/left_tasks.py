"""Fails a test after which asyncio says that a task was destroyed, or an exception never looked at.

It says so to its logger when the garbage collector finds the task, perhaps in a later test; so the
message names the coroutine. After the last test of a process the garbage is collected.
"""

import gc
import logging
from collections.abc import Generator

import pytest

SAID = ("Task was destroyed but it is pending", "exception was never retrieved")


class LeftTasks(logging.Handler):
    """Keeps what asyncio says of tasks that nobody waited for."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if any(each in said for each in SAID):
            self._found.append(said)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, nextitem: pytest.Item | None) -> Generator[None]:
        yield
        if nextitem is None:
            gc.collect()
        if self._found:
            said, self._found = "\n".join(self._found), []
            pytest.fail(f"this test, or one before it, left a task behind:\n{said}", pytrace=False)


def pytest_configure(config: pytest.Config) -> None:
    found = LeftTasks()
    logging.getLogger("asyncio").addHandler(found)
    config.pluginmanager.register(found)
