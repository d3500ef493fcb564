"""What each migration does to tables that are there already: locks, and what it reads and rewrites.

``python -m tests.support.migration_locks > docs/migration-locks.md`` measures it on an empty
database and writes the page that a test compares.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import psycopg

from oadb.testing.servers import server
from oadb.tools.migrations import script_folder
from oadb.tools.migrations.script_folder import Migration
from tests.support.migrations import MIGRATIONS

MODES = {
    "ShareUpdateExclusiveLock": "share update exclusive",
    "ShareLock": "share",
    "ShareRowExclusiveLock": "share row exclusive",
    "ExclusiveLock": "exclusive",
    "AccessExclusiveLock": "access exclusive",
}
"""Modes that exclude writers, or maintenance, from the weakest to the strongest."""

# Of a partition, the name of the table that it belongs to.
_TABLES = """
select class.oid, coalesce(pg_partition_root(class.oid), class.oid)::regclass::text as name,
    pg_relation_filenode(class.oid), coalesce(counted.seq_scan, 0)
from pg_class as class
left join pg_stat_xact_all_tables as counted on counted.relid = class.oid
where class.relkind in ('r', 'p') and class.relnamespace = to_regnamespace('oadb')
order by class.oid
"""
_LOCKED = """
select relation::bigint, mode from pg_locks
where pid = pg_backend_pid() and locktype = 'relation' and database <> 0
"""

# Lists of oadb about its own tables, of some dozens of rows, which most migrations read.
_SMALL = {"oadb.role_privileges", "oadb.user_tables"}

HEADING = """\
# Locks of migrations

What each migration locks, reads and writes again of the tables that are there already. It is
measured on an empty database, and written by
`python -m tests.support.migration_locks > docs/migration-locks.md`.
A test measures it anew. Where the comment `-- Lock:` in a file says less, this page is right.

Nobody can use a table in access exclusive; nobody can write to one in share or share row exclusive;
share update exclusive stops maintenance alone. Of a table that is only locked, that is for
milliseconds. One that is read or written again is locked for a time that grows with its rows:
[migrations.md](migrations.md#how-long-a-migration-takes) has times. Rows are read for each new
index and constraint, and by statements, which may update them. A migration without a transaction
builds or drops an index concurrently, and nobody waits for it.

| migration | locks | reads | writes again |
| --- | --- | --- | --- |
"""


_ORDER = [*MODES.values()]


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    node: int
    scans: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What a migration does to tables that are there: each has its strongest lock."""

    migration: Migration
    locks: dict[str, str]
    read: list[str]
    rewritten: list[str]

    def __str__(self) -> str:
        """Return the row of the page."""
        by_mode = {
            mode: [name for name, held in self.locks.items() if held == mode]
            for mode in reversed(_ORDER)
        }
        locks = "; ".join(f"{mode}: {', '.join(held)}" for mode, held in by_mode.items() if held)
        if not self.migration.transactional:
            locks = "without a transaction"
        cells = (self.migration.id, locks, ", ".join(self.read), ", ".join(self.rewritten))
        row = f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")
        return row.replace("oadb.", "")


def measure(connection: psycopg.Connection) -> Iterator[Effect]:
    """Apply each migration to an empty database, and yield what it did."""
    connection.autocommit = True
    for migration in script_folder.read(MIGRATIONS):
        if not migration.transactional:
            connection.execute(migration.script.steps[0].sql.encode())
            yield Effect(migration, {}, [], [])
            continue
        with connection.transaction():
            yield _effect(connection, migration)


def _effect(connection: psycopg.Connection, migration: Migration) -> Effect:
    before = _tables(connection)
    for step in migration.script.steps:
        connection.execute(step.sql.encode())
    after = _tables(connection)
    locks: dict[str, str] = {}
    for oid, mode in sorted(connection.execute(_LOCKED)):
        if oid in before and mode in MODES:
            name = before[oid].name
            locks[name] = max(MODES[mode], locks.get(name, MODES[mode]), key=_ORDER.index)
    both = [(found, after[oid]) for oid, found in before.items() if oid in after]
    return Effect(
        migration,
        locks,
        sorted({old.name for old, new in both if new.scans > old.scans} - _SMALL),
        sorted({old.name for old, new in both if new.node != old.node}),
    )


def _tables(connection: psycopg.Connection) -> dict[int, _Table]:
    return {oid: _Table(*rest) for oid, *rest in connection.execute(_TABLES)}


def unsaid(effect: Effect) -> list[str]:
    """Return the locks that the comment ``-- Lock:`` of a migration does not name."""
    lines = iter(effect.migration.script.lines)
    comment = " ".join(line for line in lines if line.startswith("--")).partition("Lock:")[2]
    return [
        f"{mode} on {name}"
        for name, mode in effect.locks.items()
        if mode not in comment or name.removeprefix("oadb.") not in comment
    ]


def page(effects: Iterable[Effect]) -> str:
    """Return the page."""
    return HEADING + "".join(f"{effect}\n" for effect in effects)


if __name__ == "__main__":
    with server() as chosen, chosen.clone("template1") as url, psycopg.connect(url) as target:
        print(page(measure(target)), end="")
