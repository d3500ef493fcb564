"""Servers that begin as copies of one that was prepared once for all workers of a test run.

Roles belong to a server, so tests of roles need servers of their own. To start one and to migrate
a database for each layout of roles takes seconds; to copy the files, a tenth of one.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest

from oadb.embedded.memory import memory
from oadb.embedded.temporary_folders import temporary_folder
from oadb.engine import dsn
from oadb.engine.binding.packages import find
from oadb.engine.direct_connection import DirectConnection
from oadb.testing.chosen_layout import migrated_template, run_server
from oadb.testing.control import ServerControl, controlled
from oadb.testing.servers import Server
from tests.support.user_rows import create_database

Prepare = Callable[[Server], None]
"""A function of a module, called once in a run with a new server."""

_TEMPLATE = "oadb_template_of_all"

_folder = pytest.StashKey[Path]()


class Prepared(Protocol):
    """Gives a server of a test's own as the *steps* leave one; at the end it is gone.

    Each is done once, so that those that begin with the same steps share these.
    """

    def __call__(
        self, *steps: Prepare, settings: Mapping[str, str] | None = None
    ) -> AbstractContextManager[ServerControl]: ...


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
    def copied(
        *steps: Prepare, settings: Mapping[str, str] | None = None
    ) -> Generator[ServerControl]:
        with controlled(settings, copied_from=_data(folder, *steps)) as control:
            yield control

    return copied


@pytest.fixture(scope="session")
def oadb_server(pytestconfig: pytest.Config) -> Generator[Server]:
    """Give the PostgreSQL of this test run; an embedded one has the template of all workers."""
    folder = pytestconfig.stash[_folder]
    with run_server((lambda: _data(folder, with_template)) if _shared() else None) as running:
        yield running


@pytest.fixture(scope="session")
def oadb_template(oadb_server: Server) -> Generator[str]:
    """Give the name of a migrated database, to be cloned."""
    if oadb_server.name == "embedded" and _shared():
        # The first session writes what the next ones read (pg_internal.init), and so do those of
        # all copies: each saves 2 ms.
        keywords = dsn.parse(oadb_server.url(_TEMPLATE)).keywords
        DirectConnection.to(keywords, seconds=60).close()
        yield _TEMPLATE
        return
    with _template(oadb_server) as name:
        yield name


def with_template(server: Server) -> None:
    """Make the migrated database that the workers clone: to migrate takes each of them 3 s."""
    with _template(server) as made:
        create_database(server, _TEMPLATE, "postgres", template=made)


def _copied_to_postgres(server: Server) -> None:
    with psycopg.connect(server.url("template1"), autocommit=True) as connection:
        connection.execute("drop database postgres")
        connection.execute(f"create database postgres template {_TEMPLATE}")


MIGRATED = (with_template, _copied_to_postgres)
"""What prepares a server whose administration database is migrated."""


def _template(server: Server) -> AbstractContextManager[str]:
    return migrated_template(server, [find("oadb")])


def _shared() -> bool:
    # Prepared servers are of the programs of that variable, the server of a run is not.
    return not os.environ.get("OADB_TEST_BINDIR")


def _data(folder: Path, *steps: Prepare) -> Path:
    """Return the data of the server that the steps prepare, which the first caller does."""
    data = folder / "+".join(f"{step.__module__}.{step.__name__}" for step in steps)
    with (folder / f"{data.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not data.exists():
            *before, last = steps
            begun_with = _data(folder, *before) if before else None
            with controlled(copied_from=begun_with) as control:
                last(control.server)
                control.stop()
                shutil.move(control.data, data)
    return data
