"""States of migrations: compares the files with the records in the database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from oadb.tools.migrations.migration_history import Applied, Checksum
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
    late          not applied, although a later one is
    """

    migration_id: str
    state: State
    applied_at: datetime | None


def compare(
    migrations: Sequence[Migration], applied: Iterable[Applied], checksums: Iterable[Checksum]
) -> list[MigrationStatus]:
    """Return the state of every migration that has a file or is applied, in the order of ids."""
    times = {row.migration_id: row.applied_at for row in applied}
    # A checksum with another time is stale: the migration was rolled back since.
    known = {
        row.migration_id: row.checksum
        for row in checksums
        if times.get(row.migration_id) == row.applied_at
    }
    gone = times.keys() - {migration.id for migration in migrations}
    lost = {known[id_] for id_ in gone if id_ in known}
    newest = max(times, default="")
    found = [
        _status_of_applied(migration, known, times[migration.id])
        if migration.id in times
        else _status_of_new(migration, lost, newest)
        for migration in migrations
    ]
    found += [MigrationStatus(id_, "gone", times[id_]) for id_ in gone]
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
    migration: Migration, known: Mapping[str, bytes], applied_at: datetime
) -> MigrationStatus:
    checksum = known.get(migration.id)
    state: State = "unrecorded" if checksum is None else "applied"
    if checksum not in {None, migration.checksum}:
        state = "edited"
    return MigrationStatus(migration.id, state, applied_at)


def _status_of_new(migration: Migration, lost: set[bytes], newest: str) -> MigrationStatus:
    if migration.checksum in lost:
        return MigrationStatus(migration.id, "renamed", None)
    state: State = "late" if migration.id < newest else "pending"
    return MigrationStatus(migration.id, state, None)
