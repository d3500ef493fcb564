"""A migrated database on a temporary server, for tools that ask PostgreSQL about SQL."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from oadb.engine.binding.packages import Package
from oadb.engine.dsn import Dsn
from oadb.tools import kept_clusters


@contextmanager
def migrated(packages: Sequence[Package]) -> Generator[Dsn]:
    """Give a database with the schemas of the packages and no rows, deleted at the end.

    Raises:
        ConfigError: the embedded PostgreSQL is not installed.
        MigrationError: a migration failed.
        UnavailableError: the server does not start.
    """
    with kept_clusters.migrated_server(packages, {}) as server:
        yield Dsn(server.keywords)
