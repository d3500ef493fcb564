"""Takes a database from the level of an earlier release to the new one, migration by migration.

At each level the old code is checked, as its processes run while migrations are applied; and the
new code where it did not run yet.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from oadb.engine.binding.packages import Package
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import Dsn
from oadb.tools.compat import schema_shapes
from oadb.tools.compat.contract_faults import harmful, parse
from oadb.tools.compat.old_release import OldRelease
from oadb.tools.compat.release_statement import StatementFault
from oadb.tools.compat.schema_shapes import SchemaShape
from oadb.tools.contract import comparison
from oadb.tools.migrations import package_order, rules, runner, script_folder
from oadb.tools.migrations.script_folder import Migration
from oadb.tools.migrations.scripts import Script

BASE = ""
"""The id of the level at which the earlier release ends."""


@dataclass(frozen=True, slots=True)
class WalkedLevel:
    """A level of the schema, and what disagrees with it of the old and of the new code.

    ``migration`` is the one that made it, BASE for the first.
    """

    migration: str
    shape: SchemaShape
    old_faults: Sequence[StatementFault]
    new_faults: Sequence[StatementFault]


@dataclass(frozen=True, slots=True)
class ReleaseStep:
    """What became of a package: the migrations that the earlier release had, and later ones."""

    package: Package
    earlier: Sequence[Migration]
    later: Sequence[Migration]
    obstacles: Sequence[str]
    """Why databases at the level of the earlier release cannot be migrated; a line each."""


def steps_since(packages: Sequence[Package], folders: Mapping[str, Path]) -> list[ReleaseStep]:
    """Compare the migrations of packages with those of an earlier release.

    Args:
        folders: by the names of the packages, their folders with SQL in that release.

    Raises:
        MigrationError: the files of today are invalid.
    """
    migrations = package_order.read(packages)
    return [
        _step(each, [one for one in migrations if one.package == each.name], folders[each.name])
        for each in packages
    ]


def _step(package: Package, migrations: Sequence[Migration], folder: Path) -> ReleaseStep:
    then = folder / "migrations"
    known = set[str](script_folder.ids(then) if then.is_dir() else ())
    obstacles = [f"{id_} is gone" for id_ in sorted(known - {each.id for each in migrations})]
    earlier = [each for each in migrations if each.id in known]
    later = [each for each in migrations if each.id not in known]
    obstacles += [f"{each.id} was edited" for each in earlier if _is_edited(each, then)]
    last = max(known, default="")
    obstacles += [f"{each.id} comes before {last}" for each in later if each.id < last]
    return ReleaseStep(package, earlier, later, obstacles)


def _is_edited(migration: Migration, folder: Path) -> bool:
    text = (folder / f"{migration.id}.sql").read_bytes().decode(errors="replace")
    script = Script(f"{migration.id}.sql", text.replace("\r\n", "\n"))
    return rules.without_dependencies(script) != rules.without_dependencies(migration.script)


def walk(dsn: Dsn, steps: Sequence[ReleaseStep], old: OldRelease) -> Iterator[WalkedLevel]:
    """Migrate an empty database; yield the level of the earlier release and each one after it.

    Levels that change nothing that a statement could notice are left out.

    Raises:
        DeclarationError: the earlier release cannot be asked.
        MigrationError: a migration failed.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="oadb-compat-")))
        runner.migrate(dsn, packages=[_earlier(each, folder) for each in steps])
        db = stack.enter_context(Database(Config(dsn, pool_size=1, max_overflow=0)))
        packages = [each.package for each in steps]
        later = {each.id for found in steps for each in found.later}
        level = WalkedLevel(BASE, _shape(db), _told_by(old, dsn), _told_of(packages, dsn, None))
        yield level
        for id_ in runner.steps(dsn, packages=packages):
            shape = _shape(db)
            if id_ in later and shape != level.shape:
                new = _told_of(packages, dsn, level.new_faults)
                level = WalkedLevel(id_, shape, _told_by(old, dsn), new)
                yield level


def _earlier(found: ReleaseStep, folder: Path) -> Package:
    """Write the migrations of the earlier release as they stand today."""
    package = found.package
    migrations = folder / package.name / "migrations"
    migrations.mkdir(parents=True)
    (folder / package.name / "queries").mkdir()
    for each in found.earlier:
        (migrations / f"{each.id}.sql").write_text(each.script.text, encoding="utf-8")
        (migrations / f"{each.id}.rollback.sql").write_text(each.rollback.text, encoding="utf-8")
    if not found.earlier:
        migrations.rmdir()
    return Package(package.name, folder / package.name, package.shown, package.is_module)


def _shape(db: Database) -> SchemaShape:
    return db.transact(schema_shapes.read, isolation="repeatable read", read_only=True)


def _told_by(old: OldRelease, dsn: Dsn) -> list[StatementFault]:
    return harmful(old.check(dsn))


def _told_of(
    packages: Sequence[Package], dsn: Dsn, faults: Sequence[StatementFault] | None
) -> list[StatementFault]:
    """Check the new code: all of it, or the files with faults, as code that runs goes on to."""
    places = [
        (package, place)
        for package in packages
        for place in package.places()
        if faults is None or _is_in(package.query_file(place)[1], faults)
    ]
    found = comparison.check_places(Config(dsn), places) if places else ()
    return harmful(map(parse, found))


def _is_in(file: str, faults: Sequence[StatementFault]) -> bool:
    return any(not each.where or f" {file}:" in each.where for each in faults)
