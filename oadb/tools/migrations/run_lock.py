"""Ensures one run of migrations at a time, with two locks: against oadb and the yoyo command.

Runs of oadb exclude each other with a lock on an empty table, held by a transaction that does
nothing else; PostgreSQL releases it however the process ends. The yoyo command looks only at a row
in its own table, so a run writes that row too; the next run recognises and deletes the row of a
killed run.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from time import monotonic, sleep

import psycopg
from psycopg.errors import DuplicateObject, DuplicateTable, LockNotAvailable, UniqueViolation

from oadb.engine.single_connection import SingleConnection
from oadb.errors import MigrationError
from oadb.tools.migrations import migration_history as history
from oadb.tools.migrations.yoyo_backend import Backend

_POLL_SECONDS = 0.1


@contextmanager
def hold(backend: Backend, wait: float) -> Generator[SingleConnection]:
    """Hold both locks, and give the session of the first; wait *wait* seconds for another run.

    Raises:
        MigrationError: another run, or a yoyo command, still holds its lock.
    """
    session = backend.session
    backend.create_lock_table()
    _create_lock(session)
    with backend.copy() as holder:
        _take_lock(holder, wait)
        history.free_yoyo_lock(session)
        if history.hold_yoyo_lock(session) is None:
            raise _held_by_yoyo(session)
        try:
            yield holder.session
        finally:
            holder.hurry()
            backend.hurry()  # after Ctrl-C as well
            # If the connection is lost, the next run deletes the row.
            with suppress(psycopg.OperationalError):
                history.free_yoyo_lock(session)


def check(session: SingleConnection) -> None:
    """Check that the session that holds the lock is alive.

    By taking it again. A SELECT would leave a snapshot, for which "create index concurrently" of a
    migration would wait.

    Raises:
        psycopg.Error: it is not.
    """
    history.lock_runs(session)


def _create_lock(session: SingleConnection) -> None:
    if history.has_run_lock(session):
        return
    is_namesake = history.find_current_schema(session) == "oadb"
    create = history.create_run_lock_in_public if is_namesake else history.create_run_lock
    with suppress(DuplicateTable, DuplicateObject, UniqueViolation):  # another run did
        create(session)


def _take_lock(holder: Backend, wait: float) -> None:
    deadline = monotonic() + wait
    while not _takes_lock(holder):
        if monotonic() >= deadline:
            raise _held_by_a_run(holder.session, wait)
        sleep(_POLL_SECONDS)


def _takes_lock(holder: Backend) -> bool:
    holder.begin()
    try:
        history.lock_runs(holder.session)
    except LockNotAvailable:
        holder.rollback()
        return False
    return True


def _held_by_a_run(session: SingleConnection, wait: float) -> MigrationError:
    holder = history.find_lock_holder(session)
    if holder is None:
        return MigrationError("another run of migrations ended a moment ago; run again")
    return MigrationError(
        f"another run of migrations did not end within {wait:g} s: {holder.application_name}, "
        f"server process {holder.pid}, connected since {holder.since:%Y-%m-%d %H:%M:%S %Z}\n"
        "    hint: wait until it ends, or terminate it with: "
        f"select pg_terminate_backend({holder.pid})"
    )


def _held_by_yoyo(session: SingleConnection) -> MigrationError:
    holder = history.find_yoyo_lock(session)
    if holder is None:
        return MigrationError("a yoyo command ended a moment ago; run again")
    row = (
        f"process {holder.pid}, a yoyo command, has held yoyo_lock since "
        f"{holder.since:%Y-%m-%d %H:%M:%S %Z}"
    )
    if _is_alive(holder.pid):
        return MigrationError(
            f"{row}; a process with that id runs on this host\n    hint: wait until it ends; "
            "if it is another program, remove the lock with: yoyo break-lock"
        )
    return MigrationError(
        f"{row}; no process with that id runs on this host\n    hint: unless the command runs on "
        "another host, it was killed: remove its lock with: yoyo break-lock"
    )


def _is_alive(pid: int) -> bool:
    """Return whether a process runs on this host, also one that this user may not signal."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
