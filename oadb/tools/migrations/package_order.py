"""The migrations of several packages, in the order in which they are applied.

A package comes after those that it depends on: one of its migrations says so, by naming one of
theirs: ``-- depends: 0002_create_users``. Otherwise the packages keep the order in which they are
named. yoyo keeps one record for all of them.
"""

from collections.abc import Mapping, Sequence

from oadb.engine.binding.packages import Package
from oadb.errors import MigrationError
from oadb.tools.migrations import script_folder
from oadb.tools.migrations.script_folder import Migration


def read(packages: Sequence[Package]) -> list[Migration]:
    """Read the migrations of all packages; one without a folder ``migrations`` has none.

    Raises:
        MigrationError: lists every problem with file, line and what to do.
    """
    folders = {
        package.name: package.sql / "migrations"
        for package in packages
        if package.name == "oadb" or (package.sql / "migrations").is_dir()
    }
    owners = {
        id_: name
        for name, folder in folders.items()
        if folder.is_dir()
        for id_ in script_folder.ids(folder)
    }
    read_: dict[str, list[Migration]] = {}
    for name, folder in folders.items():
        others = {id_: owner for id_, owner in owners.items() if owner != name}
        read_[name] = script_folder.read(folder, name, others)
    return [migration for name in _ordered(read_, owners) for migration in read_[name]]


def _ordered(read_: Mapping[str, Sequence[Migration]], owners: Mapping[str, str]) -> list[str]:
    """Return the names of the packages, each after those that it depends on."""
    needs = {
        name: {owners[id_] for migration in found for id_ in migration.depends} - {name}
        for name, found in read_.items()
    }
    ordered: list[str] = []
    while len(ordered) < len(needs):
        ready = [name for name in needs if name not in ordered and needs[name] <= {*ordered}]
        if not ready:
            circle = ", ".join(name for name in needs if name not in ordered)
            raise MigrationError(
                f"nothing was run: the migrations of the packages {circle} depend on each other\n"
                "    hint: remove a -- depends: of one of them"
            )
        ordered.append(ready[0])
    return ordered
