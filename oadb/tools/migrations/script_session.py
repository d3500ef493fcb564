"""A session that runs migrations without their record, in databases that are thrown away."""

from types import TracebackType
from typing import Self

import psycopg

from oadb.engine.binding.dumpers import Untyped
from oadb.engine.direct_connection import DirectConnection
from oadb.engine.dsn import Dsn, connection_keywords
from oadb.tools.migrations.explanations import failed_statement
from oadb.tools.migrations.script_folder import Migration
from oadb.tools.migrations.scripts import Script, ScriptStep

# What a client waits beyond what the server allows a statement, in seconds.
_GRACE = 5.0


class ScriptSession:
    """Sends the statements of migrations, as the run of migrations does."""

    def __init__(self, dsn: Dsn, patience: float) -> None:
        """Connect.

        Args:
            patience: how long a statement may take, in seconds.

        Raises:
            psycopg.Error: no connection to the server.
        """
        limits = {"statement_timeout": max(1, int(patience * 1000)), "lock_timeout": 4000}
        self._keywords = connection_keywords(dsn, limits)
        self._patience = patience + _GRACE
        self._connection = self._connect()

    def __enter__(self) -> Self:
        """Return the session itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Disconnect."""
        self._connection.close()

    def apply(self, migration: Migration) -> None:
        """Run a migration.

        Raises:
            MigrationError: it failed.
        """
        if migration.transactional:
            with self._connection.transaction():
                self._send(migration, migration.script)
        else:
            self._send(migration, migration.script)

    def _send(self, migration: Migration, script: Script) -> None:
        for step in script.steps:
            self._send_step(migration, script, step)

    def _send_step(self, migration: Migration, script: Script, step: ScriptStep) -> str:
        """Send a statement, and return how PostgreSQL calls what it did: ``CREATE TABLE``.

        Raises:
            MigrationError: it failed.
        """
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(step.sql.encode(), prepare=False)
                return cursor.statusmessage or ""
        except psycopg.Error as error:
            raise failed_statement(error, migration, script, step) from None

    def _connect(self) -> DirectConnection:
        return DirectConnection.to(self._keywords, seconds=self._patience, context=Untyped())
