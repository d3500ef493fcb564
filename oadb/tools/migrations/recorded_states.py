"""Reads the records of migrations in the database, and returns the state of each migration."""

from collections.abc import Sequence

from oadb.engine.single_connection import SingleConnection
from oadb.errors import MigrationError
from oadb.tools.migrations import migration_history as history
from oadb.tools.migrations.script_folder import Migration
from oadb.tools.migrations.states import MigrationStatus, compare, known


def read(
    session: SingleConnection, packages: Sequence[str], migrations: Sequence[Migration]
) -> list[MigrationStatus]:
    """Return the states of *migrations*, which are those of *packages* and what these need.

    Raises:
        MigrationError: search_path does not lead to the records.
    """
    has_history = check_history(session)
    applied = history.list_applied(session) if has_history else []
    checksums = history.list_checksums(session) if history.keeps_checksums(session) else []
    files = {migration.id for migration in migrations}
    # Services' migrations are in yoyo's log, which not every role may read.
    is_theirs = any(row.migration_id not in files for row in applied)
    reads_log = has_history and (is_theirs or {*packages} != {"oadb"})
    logged = history.list_logged(session) if reads_log else []
    records = known(applied, checksums, logged)
    # So is what the yoyo command only marked.
    is_recorded = all(row.migration_id in records for row in applied)
    marked = [] if is_recorded else history.list_marked(session)
    return compare(migrations, packages, applied, records, marked)


def check_history(session: SingleConnection) -> bool:
    """Return whether yoyo has a history in the current schema; refuse one in other schemas only.

    Raises:
        MigrationError: there is one in other schemas only.
    """
    histories = history.list_histories(session)
    has_history = any(found.is_current for found in histories)
    if not has_history and histories and history.keeps_checksums(session):
        raise MigrationError(
            "migrations were applied, but search_path does not lead to yoyo's record of them; "
            f"it is in schema {', '.join(found.schema_name for found in histories)}\n"
            "    hint: run as the role that applied them, or put that schema first in search_path"
        )
    return has_history
