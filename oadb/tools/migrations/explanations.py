"""What is said when PostgreSQL refuses a migration. Rows never are: DETAIL and CONTEXT stay out."""

import re
from collections.abc import Generator
from contextlib import contextmanager

import psycopg

from oadb.errors import MigrationError
from oadb.tools.migrations.script_folder import Migration
from oadb.tools.migrations.scripts import Script, ScriptStep

_HINTS = {
    "55P03": "another session held a lock for longer than lock_timeout; pg_stat_activity shows "
    "it. Run again when it is gone",
    "57014": "the statement was cancelled or took longer than statement_timeout. Run again",
    "57P01": "the session was ended from outside; run again",
    "42501": "run migrations as a role that has this right",
}
# Already exists, does not exist: what a statement meets that had been run before.
_RUN_BEFORE = frozenset({"42P07", "42710", "42701", "42704", "42P01", "42703"})


def failed_statement(
    error: psycopg.Error, migration: Migration, script: Script, step: ScriptStep
) -> MigrationError:
    """Return the error for a statement of *script*, by file and line."""
    position = error.diag.statement_position
    line = step.line_at(int(position)) if position else step.statement_line
    kept = "nothing of this file was kept" if migration.transactional else "it may have left parts"
    problem = script.problem(line, f"{said(error)}; {kept}", _hint(error, migration, script))
    return MigrationError(str(problem))


@contextmanager
def named(doing: str) -> Generator[None]:
    """Turn what PostgreSQL refuses in the block into a MigrationError that begins with *doing*."""
    try:
        yield
    except psycopg.Error as error:
        hint = _HINTS.get(error.sqlstate or "", "run again: what was done is not done twice")
        raise MigrationError(f"{doing}: {said(error)}\n    hint: {hint}") from None


def said(error: psycopg.Error) -> str:
    """Return PostgreSQL's message and SQLSTATE, or what psycopg found on this side."""
    if error.diag.message_primary is None:
        return str(error).partition("\n")[0]
    message = error.diag.message_primary
    if error.sqlstate and error.sqlstate.startswith("22"):  # here alone it quotes a value
        message = re.sub(r"(?<=.)(?=[A-Z])", " ", type(error).__name__).lower()
    return f"{message} (SQLSTATE {error.sqlstate})"


def _hint(error: psycopg.Error, migration: Migration, script: Script) -> str:
    if not migration.transactional and error.sqlstate in _RUN_BEFORE:
        command = "mark" if script is migration.script else "unmark"
        return (
            "if an earlier run was stopped right after this statement, its work is done; look, "
            f"and say so with: yoyo {command} --revision {migration.id}"
        )
    if error.sqlstate is None:
        return "the connection was lost; run again when the server is back"
    return _HINTS.get(error.sqlstate, error.diag.message_hint or "correct it and run again")
