"""Records the schema of a package after each of its migrations, on a temporary server."""

from collections.abc import Callable, Iterator

from oadb.embedded import embedded_server
from oadb.engine.binding.packages import Package
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import Dsn
from oadb.engine.executors import Runner
from oadb.tools import schema
from oadb.tools.intended import schema_levels
from oadb.tools.intended.schema_levels import Pinned
from oadb.tools.migrations import created_schemas, runner, script_folder
from oadb.tools.schema import SchemaObject


def record(package: Package) -> list[Pinned]:
    """Return the objects of every level, from an empty database on.

    Raises:
        ConfigError: the embedded PostgreSQL is not installed.
        MigrationError: the migrations create no schema, or one failed.
        UnavailableError: the server does not start.
    """
    created = created_schemas.of_packages([package], by_name=True)[package.name]
    with embedded_server.temporary() as server:
        found = dict(walk(Dsn(server.keywords), package, created))
    return schema_levels.pin(found)


def walk(dsn: Dsn, package: Package, names: list[str]) -> Iterator[tuple[str, list[SchemaObject]]]:
    """Apply the pending migrations; yield the id of each of the package, and the schema after it.

    Args:
        names: the names of its schemas.
    """
    own = {*script_folder.ids(package.sql / "migrations")}
    with Database(Config(dsn, pool_size=1, max_overflow=0)) as db:
        for id_ in runner.steps(dsn, packages=[package]):
            if id_ in own:
                yield id_, db.transact(_reading(names), isolation="repeatable read", read_only=True)


def _reading(names: list[str]) -> Callable[[Runner], list[SchemaObject]]:
    return lambda tx: schema.read_present(tx, names)
