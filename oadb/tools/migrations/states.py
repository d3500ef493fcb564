"""Files and database compared: what is applied, what is pending, and what must not be."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from oadb.tools.migrations.migration_history import Applied, Checksum
from oadb.tools.migrations.script_folder import Migration

State = Literal["applied", "unrecorded", "pending", "edited", "gone", "renamed", "late"]


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """One migration and its state. All but the first three states stop a run.

    applied       and its file says what it said then
    unrecorded    applied by the yoyo command, which does not remember what the file said
    pending       to be applied by the next run
    edited        applied, and its file has changed since
    gone          applied, and there is no such file
    renamed       not applied, but its file is that of a migration that is
    late          not applied, though a later one is
    """

    migration_id: str
    state: State
    applied_at: datetime | None


def compare(
    migrations: Sequence[Migration], applied: Iterable[Applied], checksums: Iterable[Checksum]
) -> list[MigrationStatus]:
    """Return the state of every migration that has a file or is applied, by id."""
    times = {row.migration_id: row.applied_at for row in applied}
    # A checksum of another time is of an earlier life of the migration.
    known = {
        row.migration_id: row.checksum
        for row in checksums
        if times.get(row.migration_id) == row.applied_at
    }
    gone = times.keys() - {migration.id for migration in migrations}
    lost = {known[id_] for id_ in gone if id_ in known}
    newest = max(times, default="")
    found = [
        _of_applied(migration, known, times[migration.id])
        if migration.id in times
        else _of_new(migration, lost, newest)
        for migration in migrations
    ]
    found += [MigrationStatus(id_, "gone", times[id_]) for id_ in gone]
    return sorted(found, key=lambda status: status.migration_id)


def explain(status: MigrationStatus) -> str | None:
    """Return why *status* stops a run, and what to do, or None if it does not."""
    name = f"{status.migration_id}.sql"
    match status.state:
        case "edited":
            return (
                f"{name} was edited after it was applied at {status.applied_at:%Y-%m-%d %H:%M %Z}\n"
                "    hint: restore it, and write the change as a new migration"
            )
        case "gone":
            return (
                f"{name} was applied at {status.applied_at:%Y-%m-%d %H:%M %Z}, and is gone\n"
                "    hint: restore it; if a newer release applied it, run that release"
            )
        case "renamed":
            return (
                f"{name} is the file of an applied migration under a new name\n"
                "    hint: give it back its name"
            )
        case "late":
            return (
                f"{name} is not applied, though a later migration is\n"
                "    hint: give it the next free number"
            )
        case _:
            return None


def _of_applied(
    migration: Migration, known: Mapping[str, bytes], applied_at: datetime
) -> MigrationStatus:
    checksum = known.get(migration.id)
    state: State = "unrecorded" if checksum is None else "applied"
    if checksum not in {None, migration.checksum}:
        state = "edited"
    return MigrationStatus(migration.id, state, applied_at)


def _of_new(migration: Migration, lost: set[bytes], newest: str) -> MigrationStatus:
    if migration.checksum in lost:
        return MigrationStatus(migration.id, "renamed", None)
    state: State = "late" if migration.id < newest else "pending"
    return MigrationStatus(migration.id, state, None)
