"""Compares the live schema of packages with the intended one, at the database's own level."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from oadb.engine.binding.packages import Package
from oadb.engine.binding.queries import queries
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.executors import Runner
from oadb.errors import MigrationError
from oadb.tools import catalog, lock_holders, schema
from oadb.tools.findings import UNMIGRATED
from oadb.tools.intended import numbered_columns, schema_differences, schema_levels
from oadb.tools.intended.fitting import Target
from oadb.tools.intended.schema_differences import SchemaDifference
from oadb.tools.intended.schema_levels import Pinned
from oadb.tools.migrations import created_schemas, runner, states
from oadb.tools.migrations.states import MigrationStatus
from oadb.tools.schema import SchemaObject

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class SchemaReport:
    """What was found of the schema of a package.

    Attributes:
        level: The last migration that is applied; None if the schema was not compared.
        obstacles: Why it was not compared, or what makes its level doubtful; a line each.
        is_unpinned: Whether the package does not say what its schema should be.
        unread: The tables whose rows were not compared, because this role may not read them.
    """

    package: str
    level: str | None
    obstacles: tuple[str, ...]
    differences: tuple[SchemaDifference, ...] = ()
    is_unpinned: bool = False
    unread: tuple[str, ...] = ()

    @property
    def is_intended(self) -> bool:
        """Whether all of it was compared, and nothing differs."""
        return not (self.obstacles or self.differences or self.unread)


@query
def _find_owner(names: list[str]) -> str | None: ...


@query
def _list_installed() -> list[str]: ...


query.complete()


def check(
    config: Config, packages: Sequence[Package], *, by_name: bool = False
) -> Iterator[SchemaReport]:
    """Compare the schema of each package that has one. Changes nothing, and waits for no lock.

    Args:
        by_name: whether each package was asked for, so that it must have a schema.

    Raises:
        MigrationError: the files are invalid, or the record of migrations cannot be read; or a
            package that was asked for creates no schema.
        UnavailableError: no connection, or another session has locked what is checked.
    """
    try:
        created = created_schemas.of_packages(packages, by_name=by_name)
        statuses = runner.status(config.dsn, packages=packages, pooler=config.pooler)
    except MigrationError as error:
        raise MigrationError(" ".join(str(error).split())) from None
    for package in packages:
        if package.name in created:
            own = [each for each in statuses if each.package == package.name]
            yield _report(config, package, created[package.name], own)


def _report(
    config: Config, package: Package, names: list[str], statuses: Sequence[MigrationStatus]
) -> SchemaReport:
    levels = schema_levels.read(package)
    if levels is None:
        return SchemaReport(package.name, None, (_without_file(package),), is_unpinned=True)
    applied = [each.migration_id for each in statuses if each.applied_at is not None]
    if not applied:
        return SchemaReport(package.name, None, (f"{config.dsn} {UNMIGRATED}",))
    unknown = [each.migration_id for each in statuses if each.state == "gone"]
    if unknown:
        return SchemaReport(package.name, None, (_unknown(unknown),))
    level = max(applied)
    gaps = [each.migration_id for each in statuses if not each.applied_at]
    late = tuple(_gap(id_, level) for id_ in gaps if id_ < level)
    found, unread = _compared(config, names, levels, level)
    behind = _behind(package, levels, level) if found else ()
    doubts = (*states.doubts(statuses), *late, *behind)
    return SchemaReport(package.name, level, doubts, tuple(found), unread=tuple(unread))


def _behind(package: Package, levels: Sequence[Pinned], level: str) -> tuple[str, ...]:
    # Otherwise the statements that mend the differences would undo the migration.
    newest = max((id_ for each in levels for id_ in (each.since, each.until or "")), default="")
    if newest >= level:
        return ()
    after = f" after {newest}" if newest else ""
    line = (
        f"{package.shown}/{schema_levels.FILE} names no migration{after}: if {level} changes the "
        "schema, the file is older than it, and what differs is not to be mended; write it again "
        f"with: oadb schema --levels --package {package.name}"
    )
    return (line,)


def _without_file(package: Package) -> str:
    file = f"{package.shown}/{schema_levels.FILE}"
    return (
        f"{package.name} was not compared: there is no {file}, which says what its schema should "
        f"be; write it with: oadb schema --levels --package {package.name}"
    )


def _unknown(ids: Sequence[str]) -> str:
    return (
        f"{', '.join(ids)} is applied and has no file here, so what the schema should be is not "
        "known: deploy the release that applied it"
    )


def _gap(migration_id: str, level: str) -> str:
    return f"{migration_id} is not applied, although {level} is; see oadb migrate status"


def _compared(
    config: Config, names: list[str], levels: Sequence[Pinned], level: str
) -> tuple[list[SchemaDifference], list[str]]:
    intended = [each.pinned for each in levels if each.stands_at(level)]
    with Database(lock_holders.patient(config)) as db, lock_holders.told(db):
        found = db.transact(
            partial(differences, names=names, intended=intended),
            isolation="repeatable read",
            read_only=True,
        )
        return found, schema.list_unread(db, names)


def differences(
    tx: Runner, names: list[str], intended: Sequence[SchemaObject]
) -> list[SchemaDifference]:
    """Compare the schemas of these names with the objects that they should have.

    Without the rows that this role may not read.

    Args:
        tx: a transaction; its search_path and output formats are changed until it ends.
    """
    roles = catalog.list_roles(tx, [*catalog.SERVICE_ROLES])
    # With one role for everything, the others may be there for another database.
    counted = frozenset(role.name for role in roles if any(each.is_let_in for each in roles))
    version = catalog.describe_server(tx).version_number
    numbered = numbered_columns.of_tables(tx)
    target = Target(version, _find_owner(tx, names) or "", counted, numbered)
    live = schema.read_present(tx, names)
    # Rows that this role may not read, and extensions that are there, though no index uses them.
    unseen = {("row", name) for name in schema.list_unread(tx, names)}
    unused = {("extension", name) for name in _list_installed(tx)}
    unseen |= unused - {(each.kind, each.part_of) for each in live}
    wanted = [each for each in intended if (each.kind, each.part_of) not in unseen]
    return schema_differences.compare(live, wanted, target)
