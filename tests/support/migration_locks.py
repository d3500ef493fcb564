"""What each migration does to tables that are there already: locks, and what it reads and rewrites.

``python -m tests.support.migration_locks > docs/migration-locks.md`` measures it on an empty
database and writes the page that a test compares.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import psycopg

from oadb.engine.binding.dumpers import Untyped
from oadb.engine.single_connection import SingleConnection
from oadb.testing.servers import server
from oadb.tools.migrations import script_folder, table_states
from oadb.tools.migrations.script_folder import Migration
from tests.support.migrations import MIGRATIONS

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
            for mode in reversed(table_states.MODES)
        }
        locks = "; ".join(f"{mode}: {', '.join(held)}" for mode, held in by_mode.items() if held)
        if not self.migration.transactional:
            locks = "without a transaction"
        cells = (self.migration.id, locks, ", ".join(self.read), ", ".join(self.rewritten))
        row = f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")
        return row.replace("oadb.", "")


def measure(url: str) -> Iterator[Effect]:
    """Apply each migration to an empty database, and yield what it did."""
    with psycopg.connect(url, autocommit=True, context=Untyped()) as connection:
        session = SingleConnection(connection, prepares=False)
        for migration in script_folder.read(MIGRATIONS):
            if not migration.transactional:
                connection.execute(migration.script.steps[0].sql.encode())
                yield Effect(migration, {}, [], [])
                continue
            with connection.transaction():
                yield _effect(connection, session, migration)


def _effect(
    connection: psycopg.Connection, session: SingleConnection, migration: Migration
) -> Effect:
    pid = connection.info.backend_pid
    before = table_states.take(session, pid)
    for step in migration.script.steps:
        connection.execute(step.sql.encode())
    after = table_states.take(session, pid)
    known = {each.table_id: each.root_name for each in before.tables.values()}
    locks = table_states.new_locks(before, after, known)
    works = table_states.works(before, after, known)
    changed = [
        (old, after.tables[id_]) for id_, old in before.tables.items() if id_ in after.tables
    ]
    return Effect(
        migration,
        {name: mode for name, mode in locks.items() if mode != table_states.WEAK},
        sorted({old.root_name for old, new in changed if new.scans > old.scans} - _SMALL),
        sorted({each.table_name for each in works if each.kind in {"rewrite", "replace"}}),
    )


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
    with server() as chosen, chosen.clone("template1") as url:
        print(page(measure(url)), end="")
