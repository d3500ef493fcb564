"""States of migrations: compares the files with the records in the database."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from oadb.tools.migrations.migration_history import Applied, Checksum, Logged
from oadb.tools.migrations.script_folder import Migration

State = Literal["applied", "unrecorded", "pending", "edited", "gone", "renamed", "late"]


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """A migration and its state. All but the first three states stop a run.

    applied       and its file is unchanged
    unrecorded    applied by the yoyo command, which does not record the file's checksum
    pending       not applied yet
    edited        applied, and its file has changed since
    gone          applied, and its file does not exist
    renamed       not applied, but has the content of an applied migration whose file is gone
    late          not applied, although a later one of its package is
    """

    package: str
    migration_id: str
    state: State
    applied_at: datetime | None


@dataclass(frozen=True, slots=True)
class Known:
    """What is recorded of an applied migration besides its id: its package, and its checksum."""

    package: str
    checksum: bytes


def known(
    applied: Iterable[Applied], checksums: Iterable[Checksum], logged: Iterable[Logged]
) -> dict[str, Known]:
    """Return what is recorded, by the ids of migrations; some may not be applied."""
    times = {row.migration_id: row.applied_at for row in applied}
    return {row.migration_id: Known(row.package_name, row.checksum) for row in logged} | {
        row.migration_id: Known("oadb", row.checksum)
        for row in checksums
        # A checksum with another time is stale: the migration was rolled back since.
        if times.get(row.migration_id) == row.applied_at
    }


def compare(
    migrations: Sequence[Migration],
    packages: Sequence[str],
    applied: Sequence[Applied],
    records: Mapping[str, Known],
) -> list[MigrationStatus]:
    """Return the state of every migration that has a file or is applied.

    Args:
        packages: the packages that *migrations* are of; what others have applied is left out. What
            the yoyo command applied is in no record: it is the first one's if it has no file.

    Returns:
        The states, by packages in the order of *migrations*, and by ids.
    """
    times = {row.migration_id: row.applied_at for row in applied}
    files = {migration.id for migration in migrations}
    owners = {
        id_: records[id_].package if id_ in records else packages[0]
        for id_ in times
        if id_ not in files
    }
    ordered = dict.fromkeys([*(migration.package for migration in migrations), *packages])
    found: list[MigrationStatus] = []
    for package in ordered:
        own = [migration for migration in migrations if migration.package == package]
        gone = [id_ for id_, owner in owners.items() if owner == package]
        found += _compare_package(package, own, gone, times, records)
    return found


def _compare_package(
    package: str,
    migrations: Sequence[Migration],
    gone: Collection[str],
    times: Mapping[str, datetime],
    records: Mapping[str, Known],
) -> list[MigrationStatus]:
    lost = {records[id_].checksum for id_ in gone if id_ in records}
    newest = max([*gone, *(each.id for each in migrations if each.id in times)], default="")
    found = [
        _status_of_applied(migration, records.get(migration.id), times[migration.id])
        if migration.id in times
        else _status_of_new(migration, lost, newest)
        for migration in migrations
    ]
    found += [MigrationStatus(package, id_, "gone", times[id_]) for id_ in gone]
    return sorted(found, key=lambda status: status.migration_id)


def explain(status: MigrationStatus) -> str | None:
    """Return why a migration stops a run, with what to do; None if it does not."""
    name = f"{status.migration_id}.sql"
    match status.state:
        case "edited":
            return (
                f"{name} was edited after it was applied at {status.applied_at:%Y-%m-%d %H:%M %Z}\n"
                "    hint: restore the file, and write the change as a new migration"
            )
        case "gone":
            return (
                f"{name} does not exist, but was applied at "
                f"{status.applied_at:%Y-%m-%d %H:%M %Z}\n"
                "    hint: restore the file; if a newer release applied it, run that release"
            )
        case "renamed":
            return (
                f"{name} is an applied migration under a new name\n"
                "    hint: restore the name of the file"
            )
        case "late":
            return (
                f"{name} is not applied, although a later migration is\n"
                "    hint: give it the next free number"
            )
        case _:
            return None


def _status_of_applied(
    migration: Migration, recorded: Known | None, applied_at: datetime
) -> MigrationStatus:
    state: State = "unrecorded" if recorded is None else "applied"
    if recorded is not None and recorded.checksum != migration.checksum:
        state = "edited"
    return MigrationStatus(migration.package, migration.id, state, applied_at)


def _status_of_new(migration: Migration, lost: set[bytes], newest: str) -> MigrationStatus:
    state: State = "late" if migration.id < newest else "pending"
    if migration.checksum in lost:
        state = "renamed"
    return MigrationStatus(migration.package, migration.id, state, None)
