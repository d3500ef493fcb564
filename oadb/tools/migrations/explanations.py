"""Errors of PostgreSQL in migrations, with hints; without DETAIL and CONTEXT, which quote rows."""

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager

import psycopg

from oadb.engine.constraint_errors import table_of
from oadb.errors import MigrationError
from oadb.tools.migrations.script_folder import Migration
from oadb.tools.migrations.scripts import Script, ScriptStep

_HINTS = {
    "55P03": "another session held a lock for longer than lock_timeout; find it in "
    "pg_stat_activity, and run again when it has ended",
    "57014": "the statement was cancelled or took longer than statement_timeout; run again",
    "57P01": "an administrator terminated the session; run again",
    "42501": "run migrations as a role that has this privilege",
}
# Who only looks, as a service does to say whether it is ready, need not be one that migrates.
_LOOKING = {
    "42501": "look as the role that migrates, or as the owner of the table: grant select on it to "
    "this role",
}
# Already exists: schema, table, other objects, column.
_THERE_ALREADY = frozenset({"42P06", "42P07", "42710", "42701"})
# The same, or does not exist: errors of a statement that is run a second time.
_RUN_BEFORE = frozenset({"42P07", "42710", "42701", "42704", "42P01", "42703"})


def refuse(problems: Sequence[str | None]) -> None:
    """Refuse a run if there are problems.

    Raises:
        MigrationError: lists those that are not None.
    """
    found = [problem for problem in problems if problem is not None]
    if found:
        raise MigrationError("\n".join(["nothing was run", *found]))


def failed_statement(
    error: psycopg.Error, migration: Migration, script: Script, step: ScriptStep
) -> MigrationError:
    """Return the error of a statement, with file and line."""
    position = error.diag.statement_position
    line = step.line_at(int(position)) if position else step.statement_line
    effect = "the migration was rolled back" if migration.transactional else "parts may remain"
    problem = script.problem(line, f"{_message(error)}; {effect}", _hint(error, migration, script))
    return MigrationError(str(problem))


def met_another_run(error: BaseException | None) -> bool:
    """Say whether another session has made or granted the same role at the same time."""
    if isinstance(error, psycopg.errors.UniqueViolation):
        return table_of(error).startswith("pg_auth")
    concurrent = "tuple concurrently updated"
    return isinstance(error, psycopg.errors.InternalError_) and concurrent in str(error)


@contextmanager
def explained(label: str, *, looking: bool = False) -> Generator[None]:
    """Convert psycopg.Error in the block into a MigrationError that begins with *label*.

    Args:
        looking: nothing is to be run, so the hint is one for readers.

    Raises:
        MigrationError: an error of PostgreSQL or psycopg.
    """
    try:
        yield
    except psycopg.Error as error:
        hints = {**_HINTS, **_LOOKING} if looking else _HINTS
        hint = hints.get(error.sqlstate or "", "run again; applied migrations are skipped")
        raise MigrationError(f"{label}: {_message(error)}\n    hint: {hint}") from None


def _message(error: psycopg.Error) -> str:
    """Return PostgreSQL's message with its SQLSTATE, or the message of psycopg."""
    if error.diag.message_primary is None:
        return str(error).partition("\n")[0]
    message = error.diag.message_primary
    if error.sqlstate and error.sqlstate.startswith("22"):  # only these messages quote a value
        message = re.sub(r"(?<=.)(?=[A-Z])", " ", type(error).__name__).lower()
    return f"{message} (SQLSTATE {error.sqlstate})"


def _hint(error: psycopg.Error, migration: Migration, script: Script) -> str:
    if not migration.transactional and error.sqlstate in _RUN_BEFORE:
        forward = script is migration.script
        command = "mark" if forward else "unmark"
        accept = f", then oadb migrate accept {migration.id}" if forward else ""
        return (
            "an earlier run may have been stopped right after this statement; if its work is done, "
            f"record that with: yoyo {command} --revision {migration.id}{accept}"
        )
    if migration.transactional and script is migration.script and error.sqlstate in _THERE_ALREADY:
        return (
            "if all that this file makes is there, as after a yoyo command that was stopped before "
            f"it recorded that: yoyo mark --revision {migration.id}, then oadb migrate accept "
            f"{migration.id}; if it belongs to somebody else, move it out of the way"
        )
    if error.sqlstate is None:
        return "the connection was lost; run again when the server is back"
    return _HINTS.get(error.sqlstate, error.diag.message_hint or "correct it and run again")
