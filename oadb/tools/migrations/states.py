"""States of migrations: compares the files with the records in the database."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from oadb.tools.migrations.migration_history import Applied, Checksum, Logged
from oadb.tools.migrations.script_folder import Migration

State = Literal[
    "applied",
    "unrecorded",
    "pending",
    "marked",
    "misplaced",
    "edited",
    "taken",
    "gone",
    "renamed",
    "late",
]

DOUBTFUL: frozenset[State] = frozenset({"marked", "misplaced"})
"""Of these nobody knows whether what they change is there; to be accepted by a person."""


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """A migration and its state. All but the first three states stop a run.

    applied       and its file is unchanged
    unrecorded    applied by the yoyo command, which does not record the file's checksum
    pending       not applied yet
    marked        the yoyo command marked it as applied, and did not run it
    misplaced     the yoyo command applied it when a later one of its package was applied already
    edited        applied, and its file has changed since
    taken         another package has applied another migration under this name
    gone          applied, and its file does not exist
    renamed       not applied, but has the content of an applied migration whose file is gone
    late          not applied, although a later one of its package is

    Attributes:
        holder: The package that has applied a taken one.
    """

    package: str
    migration_id: str
    state: State
    applied_at: datetime | None
    holder: str = ""


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
    marked: Collection[str],
) -> list[MigrationStatus]:
    """Return the state of every migration that has a file or is applied.

    Args:
        marked: the ids of those that the yoyo command marked, and did not run.
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
        marks: dict[str, State] = dict.fromkeys(marked, "marked")
        doubtful = _misplaced(own, times) | marks
        found += _compare_package(package, own, gone, times, records, doubtful)
    return found


def _misplaced(migrations: Sequence[Migration], times: Mapping[str, datetime]) -> dict[str, State]:
    """Return those that were applied when a later one was applied already."""
    found: dict[str, State] = {}
    earliest: datetime | None = None
    for migration in reversed(migrations):
        time = times.get(migration.id)
        if time is not None and earliest is not None and time > earliest:
            found[migration.id] = "misplaced"
        earliest = min(filter(None, (time, earliest)), default=None)
    return found


def _compare_package(
    package: str,
    migrations: Sequence[Migration],
    gone: Collection[str],
    times: Mapping[str, datetime],
    records: Mapping[str, Known],
    doubtful: Mapping[str, State],
) -> list[MigrationStatus]:
    lost = {records[id_].checksum for id_ in gone if id_ in records}
    newest = max([*gone, *(each.id for each in migrations if each.id in times)], default="")
    found = [
        _status_of_applied(migration, records.get(migration.id), times[migration.id], doubtful)
        if migration.id in times
        else _status_of_new(migration, lost, newest)
        for migration in migrations
    ]
    found += [MigrationStatus(package, id_, "gone", times[id_]) for id_ in gone]
    return sorted(found, key=lambda status: status.migration_id)


# Why a state stops a run, with what to do about it. The others stop none.
_REASONS: Mapping[State, str] = {
    "edited": """{id}.sql was edited after it was applied at {at}
    hint: restore the file, and write the change as a new migration""",
    "taken": """{id}.sql: the package {holder} has applied another migration of this name at {at}, \
and yoyo keeps one record of both
    hint: give the file and its rollback another name; if {holder} was the earlier name of this \
package, restore the file""",
    "gone": """{id}.sql does not exist, but was applied at {at}
    hint: restore the file; if a newer release applied it, run that release""",
    "renamed": """{id}.sql is an applied migration under a new name
    hint: restore the name of the file""",
    "late": """{id}.sql is not applied, although a later migration is
    hint: if it is new, give it the next free number; if the yoyo command undid it alone, undo the \
later ones as well: oadb migrate rollback""",
    "marked": """{id}.sql was marked as applied at {at} by the yoyo command, which did not run it
    hint: if it is the last, yoyo unmark --revision {id}; else run the file with psql, if oadb \
check --schema misses what it makes, and then: oadb migrate accept {id}""",
    "misplaced": """{id}.sql was applied at {at} by the yoyo command, when later ones were applied \
already: what those changed may be lost
    hint: undo it and the later ones: oadb migrate rollback; or if oadb check --schema misses \
nothing: oadb migrate accept {id}""",
}


def explain(status: MigrationStatus) -> str | None:
    """Return why a migration stops a run, with what to do; None if it does not."""
    reason = _REASONS.get(status.state)
    if reason is None:
        return None
    at = "" if status.applied_at is None else f"{status.applied_at:%Y-%m-%d %H:%M %Z}"
    return reason.format(id=status.migration_id, at=at, holder=status.holder)


def doubts(statuses: Iterable[MigrationStatus]) -> list[str]:
    """Return a line for each migration that is marked or misplaced."""
    reasons = [explain(status) for status in statuses if status.state in DOUBTFUL]
    return [" ".join(reason.split()) for reason in reasons if reason is not None]


def _status_of_applied(
    migration: Migration,
    recorded: Known | None,
    applied_at: datetime,
    doubtful: Mapping[str, State],
) -> MigrationStatus:
    state: State = "applied" if recorded else doubtful.get(migration.id, "unrecorded")
    if recorded is not None and recorded.checksum not in migration.checksums:
        if recorded.package != migration.package:
            holder = recorded.package
            return MigrationStatus(migration.package, migration.id, "taken", applied_at, holder)
        state = "edited"
    return MigrationStatus(migration.package, migration.id, state, applied_at)


def _status_of_new(migration: Migration, lost: set[bytes], newest: str) -> MigrationStatus:
    state: State = "late" if migration.id < newest else "pending"
    if migration.checksums & lost:
        state = "renamed"
    return MigrationStatus(migration.package, migration.id, state, None)
