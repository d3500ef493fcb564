"""The migrations of several packages, in the order in which they are applied.

A package comes after those that it depends on: one of its migrations says so, by naming one of
theirs: ``-- depends: 0002_create_users``. Otherwise the packages keep the order in which they are
named. oadb is added where a package depends on it. yoyo keeps one record for all of them.
"""

from collections.abc import Mapping, Sequence
from importlib.resources.abc import Traversable

from oadb.engine.binding.packages import Package, find
from oadb.errors import MigrationError
from oadb.tools.migrations import script_folder
from oadb.tools.migrations.script_folder import Migration


def read(packages: Sequence[Package]) -> list[Migration]:
    """Read the migrations of all packages; one without a folder ``migrations`` has none.

    Raises:
        MigrationError: lists every problem with file, line and what to do.
    """
    chosen = {
        package.name: package.sql
        for package in packages
        if package.name == "oadb" or (package.sql / "migrations").is_dir()
    }
    known = {"oadb": find("oadb").sql, **chosen}
    owners = {
        id_: name
        for name, sql in reversed(known.items())  # of several, oadb or the first has the name
        if (sql / "migrations").is_dir()
        for id_ in script_folder.ids(sql / "migrations")
    }
    read_ = {name: _read(sql, name, owners) for name, sql in chosen.items()}
    needed = {owners[id_] for found in read_.values() for each in found for id_ in each.depends}
    for name in needed - {*read_}:
        read_[name] = _read(known[name], name, owners)
    return [migration for name in _ordered(read_, owners) for migration in read_[name]]


def includes_oadb(packages: Sequence[Package]) -> bool:
    """Say whether oadb is one of the packages, or one of them depends on it.

    Its migrations need not be valid: then it is as if they depended on nothing.
    """
    if any(package.name == "oadb" for package in packages):
        return True
    try:
        return any(migration.package == "oadb" for migration in read(packages))
    except MigrationError:
        return False


def _read(sql: Traversable, name: str, owners: Mapping[str, str]) -> list[Migration]:
    others = {id_: owner for id_, owner in owners.items() if owner != name}
    return script_folder.read(sql / "migrations", name, others, _passed(sql / "migrations.sum"))


def _passed(sums: Traversable) -> frozenset[str]:
    """Return the checksums of the files of a package that landed, if it keeps a list of them.

    No file lands whose text breaks a rule, and none is edited afterwards.
    """
    lines = sums.read_text().splitlines() if sums.is_file() else []
    return frozenset(line.split()[0] for line in lines)


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
