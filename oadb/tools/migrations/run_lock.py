"""One run of migrations at a time: two locks, one against ourselves, one against the yoyo command.

Ours is an advisory lock of the session: PostgreSQL frees it when the process dies, however it
dies. The yoyo command knows only its own row in a table, so that is written too; a row of ours
that a killed run left is known as ours and removed by the next.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from time import monotonic, sleep

import psycopg

from oadb.engine.single_connection import SingleConnection
from oadb.errors import MigrationError
from oadb.tools.migrations import migration_history as history
from oadb.tools.migrations.yoyo_backend import Backend

_PAUSE = 0.1  # seconds between two questions whether the lock is free


@contextmanager
def hold(backend: Backend, wait: float) -> Generator[None]:
    """Keep other runs out; wait at most *wait* seconds for one. Raises MigrationError."""
    session = backend.session
    _take_lock(session, wait)
    backend.create_lock_table()
    history.free_yoyo_lock(session)
    if history.hold_yoyo_lock(session) is None:
        raise _held_by_yoyo(session)
    try:
        yield
    finally:
        with suppress(psycopg.OperationalError):  # a lost connection; the next run will do it
            history.free_yoyo_lock(session)


def check(session: SingleConnection) -> None:
    """See that the session that holds the lock is alive. Raises psycopg.Error."""
    history.find_lock_holder(session)


def _take_lock(session: SingleConnection, wait: float) -> None:
    deadline = monotonic() + wait
    while not history.try_lock(session):
        if monotonic() >= deadline:
            raise _held_by_a_run(session, wait)
        sleep(_PAUSE)


def _held_by_a_run(session: SingleConnection, wait: float) -> MigrationError:
    holder = history.find_lock_holder(session)
    if holder is None:
        return MigrationError("another run of migrations has just ended; run again")
    return MigrationError(
        f"another run of migrations did not end within {wait:g} s: {holder.application_name}, "
        f"server process {holder.pid}, connected since {holder.since:%Y-%m-%d %H:%M:%S %Z}\n"
        f"    hint: wait for it, or end it with: select pg_terminate_backend({holder.pid})"
    )


def _held_by_yoyo(session: SingleConnection) -> MigrationError:
    holder = history.find_yoyo_lock(session)
    if holder is None:
        return MigrationError("a yoyo command has just ended; run again")
    row = (
        f"yoyo_lock is held by process {holder.pid} since {holder.since:%Y-%m-%d %H:%M:%S %Z}, "
        "written by a yoyo command"
    )
    if _is_alive(holder.pid):
        return MigrationError(
            f"{row}; a process of that number runs on this host\n    hint: wait for it to end; "
            "if it is another program, remove the lock with: yoyo break-lock"
        )
    return MigrationError(
        f"{row}; no such process runs on this host\n    hint: if the command did not run on "
        "another host, it was killed; remove its lock with: yoyo break-lock"
    )


def _is_alive(pid: int) -> bool:
    """Say whether *pid* is a process of this host; one that is not ours to signal is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
