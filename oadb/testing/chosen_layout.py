"""The server of a test run, and its migrated database, in the layout of OADB_TEST_LAYOUT."""

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from oadb.engine import dsn
from oadb.engine.binding.packages import Package
from oadb.errors import ConfigError
from oadb.testing.clusters import CitusServer, cluster
from oadb.testing.servers import Server, server
from oadb.tools.migrations.runner import migrate


def is_cluster() -> bool:
    """Say whether the tests run on a Citus cluster.

    Raises:
        ConfigError: the variable has another value, or there is no OADB_TEST_DATABASE_URL.
    """
    layout = os.environ.get("OADB_TEST_LAYOUT") or None
    if layout not in {None, "citus"}:
        raise ConfigError(f'OADB_TEST_LAYOUT: unset it, or set it to "citus", not {layout!r}')
    if layout and not os.environ.get("OADB_TEST_DATABASE_URL"):
        raise ConfigError(
            "OADB_TEST_LAYOUT=citus: set OADB_TEST_DATABASE_URL to the database of a coordinator"
        )
    return layout is not None


@contextmanager
def run_server(copied_from: Callable[[], Path] | None = None) -> Generator[Server]:
    """Give the server for tests, as ``servers.server``, or the cluster.

    Raises:
        ConfigError: as there; or OADB_TEST_LAYOUT does not fit what there is.
    """
    on_cluster = is_cluster()
    with server(copied_from) as running:
        if not on_cluster:
            yield running
            return
        with cluster(running) as nodes:
            yield nodes


@contextmanager
def migrated_template(running: Server, packages: Sequence[Package]) -> Generator[str]:
    """Give the name of a database, to be cloned, with the migrations of the packages.

    On a cluster its tables are distributed by the layouts of the packages.
    """

    def prepare(url: str) -> None:
        migrate(dsn.parse(url), packages=packages)
        if isinstance(running, CitusServer):
            running.distribute(url, packages)

    with running.template(prepare) as name:
        yield name
