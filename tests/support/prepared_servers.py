"""Servers that begin as copies of one that was prepared once for all workers of a test run.

Roles belong to a server, so tests of roles need servers of their own. To start one and to migrate
a database for each layout of roles takes seconds; to copy the files, a tenth of one.
"""

import fcntl
import shutil
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from oadb.embedded.temporary_folders import temporary_folder
from oadb.testing.control import ServerControl, controlled
from oadb.testing.memory import memory
from oadb.testing.servers import Server

Prepare = Callable[[Server], None]
"""A function of a module, called once in a run with a new server."""

_folder = pytest.StashKey[Path]()


class Prepared(Protocol):
    """Gives a server of a test's own as *prepare* leaves one; at the end it is gone."""

    def __call__(self, prepare: Prepare) -> AbstractContextManager[ServerControl]: ...


def pytest_configure(config: pytest.Config) -> None:
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        config.stash[_folder] = Path(worker[__name__])
        return
    running = ExitStack()
    config.stash[_folder] = running.enter_context(temporary_folder(memory()))
    config.add_cleanup(running.close)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of xdist where the prepared servers are."""
    node.workerinput[__name__] = str(node.config.stash[_folder])


@pytest.fixture(scope="session")
def prepared(pytestconfig: pytest.Config) -> Prepared:
    """Give what gives servers that begin as copies of a prepared one."""
    folder = pytestconfig.stash[_folder]

    @contextmanager
    def copied(prepare: Prepare) -> Generator[ServerControl]:
        with controlled(copied_from=_data(folder, prepare)) as control:
            yield control

    return copied


def _data(folder: Path, prepare: Prepare) -> Path:
    """Return the data of the server that *prepare* prepares, which the first caller does."""
    data = folder / f"{prepare.__module__}.{prepare.__name__}"
    with data.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not data.exists():
            with controlled() as control:
                prepare(control.server)
                control.stop()
                shutil.move(control.data, data)
    return data
