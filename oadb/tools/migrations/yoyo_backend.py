"""yoyo, the part of it that runs migrations: the one module that imports it.

Its classes have no types, so this module gives them some. Where yoyo runs a migration, writes
its log and marks it in three transactions, Backend does it in one, with our checksum.
"""

# mypy: disable-error-code="import-untyped, misc, no-untyped-call"
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUntypedBaseClass=false

import getpass
import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Self, cast

import psycopg
from psycopg.errors import DuplicateTable, UniqueViolation
from yoyo import default_migration_table, internalmigrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.migrations import get_migration_hash

from oadb.engine.dsn import Dsn, connection_keywords
from oadb.engine.single_connection import SingleConnection
from oadb.errors import MigrationError, UnavailableError
from oadb.tools.migrations import migration_history as history
from oadb.tools.migrations.explanations import failed_statement
from oadb.tools.migrations.script_folder import Migration
from oadb.tools.migrations.scripts import Script

Connection = psycopg.Connection[tuple[object, ...]]

logger = logging.getLogger("oadb.migrations")

# Milliseconds. A role's own limits are for short queries; a migration may take its time, but not
# wait for locks while others queue behind it. A server whose client was killed notices within
# the last one, instead of finishing a statement that nobody will commit.
SETTINGS = {
    "lock_timeout": 4000,
    "statement_timeout": 0,
    "idle_in_transaction_session_timeout": 0,
    "client_connection_check_interval": 500,
}
READ_ONLY = {**SETTINGS, "default_transaction_read_only": 1}


@dataclass(frozen=True, slots=True)
class _Named:
    """A migration as yoyo's tables name it."""

    id: str
    hash: str


class Backend(PostgresqlPsycopgBackend):
    """yoyo's backend, with a migration and its record in one transaction."""

    # create_tables sees to it; yoyo would look again in every migration.
    _internal_schema_updated = True

    @classmethod
    def open(cls, dsn: Dsn, settings: Mapping[str, int] = SETTINGS) -> Self:
        """Connect, and create nothing yet. Raises UnavailableError."""
        keywords = {**connection_keywords(dsn, settings), "client_encoding": "UTF8"}
        # All of it as keywords: a URL of yoyo's cannot say several hosts, nor a socket.
        uri = DatabaseURI("postgresql+psycopg", None, None, None, None, None, keywords)
        try:
            return cls(uri, default_migration_table)
        except psycopg.OperationalError as error:
            raise UnavailableError(
                f"no connection to {dsn}: {' '.join(str(error).split())}"
            ) from None

    def connect(self, dburi: DatabaseURI) -> Connection:
        """Connect, and hear what the server remarks."""
        connection = cast("Connection", super().connect(dburi))
        connection.add_notice_handler(_log_notice)
        self.session = SingleConnection(connection)
        return connection

    @property
    def connection(self) -> Connection:
        """The connection."""
        return cast("Connection", self._connection)

    def rollback(self) -> None:
        """Roll back; a connection that was lost has done so."""
        if not self.connection.closed:
            super().rollback()

    def create_lock_table(self) -> None:
        """Create the table of yoyo's lock. What yoyo hides in silence, a missing right, raises."""
        if self.lock_table not in self.list_tables():
            with suppress(DuplicateTable, UniqueViolation), self.transaction():
                self.execute(self.format_sql(self.create_lock_table_sql))

    def create_tables(self) -> None:
        """Create yoyo's other tables, or bring them up to date."""
        if internalmigrations.needs_upgrading(self):
            internalmigrations.upgrade(self)

    def apply(self, migration: Migration) -> None:
        """Run *migration*, log, mark and remember it, all or nothing if it is transactional."""
        named = _named(migration)
        with self.copy() as copy, copy.whole(migration):
            copy.run(migration, migration.script)
            with copy.transaction():
                copy.log_migration(named, "apply")
                copy.mark_one(named, log=False)
                history.record_checksum(copy.session, migration.id, migration.checksum)

    def undo(self, migration: Migration) -> None:
        """Run the rollback of *migration* and forget it, all or nothing if it is transactional."""
        named = _named(migration)
        with self.copy() as copy, copy.whole(migration):
            copy.run(migration, migration.rollback)
            with copy.transaction():
                copy.log_migration(named, "rollback")
                copy.unmark_one(named, log=False)
                if history.keeps_checksums(copy.session):
                    history.forget_checksum(copy.session, migration.id)

    def whole(self, migration: Migration) -> AbstractContextManager[object]:
        """Return the transaction around *migration*, or nothing if it runs outside of one."""
        return cast(
            "AbstractContextManager[object]",
            self.transaction() if migration.transactional else nullcontext(),
        )

    def run(self, migration: Migration, script: Script) -> None:
        """Send the statements of *script*; drop their rows. Raises MigrationError."""
        for step in script.steps:
            try:
                with self.connection.cursor() as cursor:
                    cursor.execute(step.sql.encode())
            except psycopg.Error as error:
                raise failed_statement(error, migration, script, step) from None


def check_user() -> None:
    """See that yoyo can name who runs it: it asks after it has run the first migration."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        raise MigrationError(
            "the user of this process has no name, which yoyo writes into its log: "
            "set the environment variable LOGNAME, as in LOGNAME=oadb"
        ) from None


def _named(migration: Migration) -> _Named:
    return _Named(migration.id, str(get_migration_hash(migration.id)))


def _log_notice(notice: psycopg.errors.Diagnostic) -> None:
    logger.info("%s: %s", notice.severity, notice.message_primary)
