"""Runs migrations through yoyo; no other module imports it.

yoyo has no type annotations, so this module adds some. yoyo runs a migration, logs it and marks it
in three transactions; Backend does all of that in one, and records the checksum in it.
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
from psycopg.errors import DuplicateObject, DuplicateTable, UniqueViolation
from yoyo import default_migration_table, internalmigrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.migrations import get_migration_hash

from oadb.engine.binding.dumpers import Untyped
from oadb.engine.direct_connection import DirectConnection
from oadb.engine.dsn import SERVER_LIVENESS, Dsn, connection_keywords
from oadb.engine.pool.outage import explain_refusal
from oadb.engine.single_connection import SingleConnection
from oadb.errors import MigrationError, UnavailableError
from oadb.tools import catalog
from oadb.tools.migrations import history_schema
from oadb.tools.migrations import migration_history as history
from oadb.tools.migrations.explanations import failed_statement, met_another_run
from oadb.tools.migrations.script_folder import Migration
from oadb.tools.migrations.scripts import Script
from oadb.tools.scale import propagation
from oadb.tools.session_watch import SessionWatch, get_process_id

logger = logging.getLogger("oadb.migrations")

# Times in milliseconds. A migration may run longer than a role's limits for queries, but must not
# wait for a lock while other sessions queue behind it. If this process is killed, the server
# notices within client_connection_check_interval, instead of finishing the statement first.
SETTINGS = {
    **SERVER_LIVENESS,
    "lock_timeout": 4000,
    "statement_timeout": 0,
    "idle_in_transaction_session_timeout": 0,
    "client_connection_check_interval": 500,
}
READ_ONLY = {**SETTINGS, "default_transaction_read_only": 1, "lock_timeout": 1000}

# Seconds for the first answer, and for what is not worth waiting for; see Backend.hurry.
_PATIENCE, _HURRY = 10.0, 1.0

# How often a migration may meet runs in other databases of the server, each of which goes on.
_MEETINGS = 5


@dataclass(frozen=True, slots=True)
class _YoyoMigration:
    """The attributes of a migration that yoyo stores."""

    id: str
    hash: str


class Backend(PostgresqlPsycopgBackend):
    """yoyo's backend, which runs and records a migration in one transaction."""

    # create_tables updates yoyo's tables; otherwise yoyo would check them for each migration.
    _internal_schema_updated = True

    lock_session: SingleConnection
    """The session that holds the lock of this run; see run_lock."""

    @classmethod
    def open(cls, dsn: Dsn, settings: Mapping[str, int] = SETTINGS) -> Self:
        """Connect without creating anything.

        Raises:
            ConfigError: OADB_HISTORY_SCHEMA is not a plain name.
            MigrationError: a pooler is between, so that the session is not this one's own.
            UnavailableError: no connection to the server.
        """
        schema = history_schema.named()
        chosen: dict[str, int | str] = {**settings}
        if schema is not None:
            chosen["search_path"] = schema
        keywords = connection_keywords(dsn, chosen)
        # All as keywords, because yoyo's URLs cannot contain several hosts or a socket.
        uri = DatabaseURI("postgresql+psycopg", None, None, None, None, None, keywords)
        try:
            backend = cls(uri, default_migration_table)
        except psycopg.OperationalError as error:
            raise UnavailableError(f"no connection to {dsn}: {explain_refusal(error)}") from None
        # What the URL says of limits goes before ours.
        sent = None if "options" in dsn.keywords else settings["lock_timeout"]
        if not backend.owns_session(sent):
            backend.connection.close()
            raise MigrationError(
                f"nothing was run: {dsn} leads to a pooler, which may give the session to others, "
                "and its locks with it; give the address of the server itself"
            )
        return backend

    def connect(self, dburi: DatabaseURI) -> DirectConnection:
        """Connect, watch the session, and log the server's notices."""
        keywords = cast("Mapping[str, str]", dburi.args)
        connection = DirectConnection.to(keywords, seconds=_PATIENCE, context=Untyped())
        connection.add_notice_handler(_log_notice)
        self.session = SingleConnection(connection)
        self.watch = SessionWatch(keywords, get_process_id(self.session), "oadb migrate")
        connection.look = self.watch
        propagation.settle(self.session)
        return connection

    def owns_session(self, lock_timeout: int | None) -> bool:
        """Say whether the session is this one's own, and began with the limits that were sent.

        A pooler gives its clients other process ids than those of the server, whose sessions it
        shares; or it leaves out what it is sent.

        Args:
            lock_timeout: in milliseconds; None: it is not known what was sent.
        """
        found = catalog.list_settings(self.session, ["lock_timeout"])
        is_own = self.watch.pid == self.connection.process
        return is_own and (lock_timeout is None or found[0].setting == str(lock_timeout))

    @property
    def connection(self) -> DirectConnection:
        """The connection."""
        return cast("DirectConnection", self._connection)

    def hurry(self) -> None:
        """Wait at most a second for each answer from now on."""
        self.connection.limit(_HURRY)

    def rollback(self) -> None:
        """Roll back, unless the connection is lost, which rolls back too."""
        if not self.connection.closed:
            super().rollback()

    def create_lock_table(self) -> None:
        """Create yoyo's lock table; unlike yoyo's method, a missing privilege raises."""
        if self.lock_table not in self.list_tables():
            with suppress(DuplicateTable, DuplicateObject, UniqueViolation), self.transaction():
                self.execute(self.format_sql(self.create_lock_table_sql))

    def create_tables(self) -> None:
        """Create or update yoyo's other tables."""
        if internalmigrations.needs_upgrading(self):
            internalmigrations.upgrade(self)

    def apply(self, migration: Migration) -> None:
        """Run *migration* and record it, in one transaction if it is transactional.

        It is run again if it met another run, in another database of the server, at a role that
        both make or grant: roles belong to the server, and nothing was changed.
        """
        for _ in range(_MEETINGS):
            try:
                self._apply(migration)
            except MigrationError as error:
                if not (migration.transactional and met_another_run(error.__context__)):
                    raise
            else:
                return
        self._apply(migration)

    def _apply(self, migration: Migration) -> None:
        stored = _as_stored_by_yoyo(migration)
        with self.copy() as copy, copy.transaction_around(migration):
            copy.run(migration, migration.script)
            with copy.transaction():
                copy.log_migration(stored, "apply")
                copy.mark_one(stored, log=False)
                record(copy.session, migration)

    def undo(self, migration: Migration) -> None:
        """Run the rollback of *migration* and unmark it, in one transaction if transactional."""
        stored = _as_stored_by_yoyo(migration)
        with self.copy() as copy, copy.transaction_around(migration):
            copy.run(migration, migration.rollback)
            with copy.transaction():
                copy.log_migration(stored, "rollback")
                copy.unmark_one(stored, log=False)
                if migration.package == "oadb" and history.keeps_checksums(copy.session):
                    history.forget_checksum(copy.session, migration.id)

    def transaction_around(self, migration: Migration) -> AbstractContextManager[object]:
        """Return a transaction; for a migration that is not transactional, a null context."""
        return cast(
            "AbstractContextManager[object]",
            self.transaction() if migration.transactional else nullcontext(),
        )

    def run(self, migration: Migration, script: Script) -> None:
        """Send the statements of *script*, and discard the rows that they return.

        Raises:
            MigrationError: a statement failed.
        """
        for step in script.steps:
            self.watch.subject = f"{script.file_name}:{step.statement_line}"
            try:
                with self.connection.cursor() as cursor:
                    cursor.execute(step.sql.encode())
            except psycopg.Error as error:
                raise failed_statement(error, migration, script, step) from None


def record(session: SingleConnection, migration: Migration) -> None:
    """Record the checksum of an applied migration's file."""
    if migration.package == "oadb":
        history.record_checksum(session, migration.id, migration.checksum)
    else:
        history.record_in_log(session, migration.id, migration.package, migration.checksum)


def check_user() -> None:
    """Check that the user of this process has a name: yoyo needs it after the first migration.

    Raises:
        MigrationError: it has none.
    """
    try:
        getpass.getuser()
    except (KeyError, OSError):
        raise MigrationError(
            "the user of this process has no name, which yoyo writes into its log; "
            "set the environment variable LOGNAME, such as LOGNAME=oadb"
        ) from None


def _as_stored_by_yoyo(migration: Migration) -> _YoyoMigration:
    return _YoyoMigration(migration.id, str(get_migration_hash(migration.id)))


def _log_notice(notice: psycopg.errors.Diagnostic) -> None:
    logger.info("%s: %s", notice.severity, notice.message_primary)
