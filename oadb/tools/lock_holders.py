"""Tells who holds the lock that a check would have waited for, and bounds how long it waits."""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

import psycopg

from oadb.engine.binding.queries import queries
from oadb.engine.config import Config
from oadb.engine.executors import Runner
from oadb.errors import Error, UnavailableError
from oadb.tools import findings

query = queries(__name__)

PATIENCE = 0.5
"""Seconds that a check waits for a lock: what all checks find must be told within five."""

LOCKED = "55P03"
"""The SQLSTATE of a lock that was not free in time."""

# Names of tables in a line.
_MOST = 3


@dataclass(frozen=True, slots=True)
class Blocker:
    """A session that keeps readers out of tables. ``application_name`` is None if it has ended."""

    pid: int
    application_name: str | None
    tables: list[str]


@query
def _list_lock_holders() -> list[Blocker]: ...


query.complete()


def patient(config: Config) -> Config:
    """Return the configuration of a check, whose statements hardly wait for a lock."""
    limit = min(config.lock_timeout_seconds or PATIENCE, PATIENCE)
    return replace(config, lock_timeout_seconds=limit)


@contextmanager
def told(db: Runner) -> Generator[None]:
    """Name the holder of a lock that a statement in the block did not get in time.

    Raises:
        UnavailableError: another session holds it.
    """
    try:
        yield
    except psycopg.Error as error:
        if error.sqlstate != LOCKED:
            raise
        raise UnavailableError(explain(db, error)) from None


def explain(db: Runner, error: psycopg.Error) -> str:
    """Return an error of a check as one line; of a lock, who holds it."""
    if error.sqlstate != LOCKED:
        return findings.explain_error(error)
    found: list[Blocker] = []
    with suppress(psycopg.Error, Error):  # the catalog itself may be locked
        found = _list_lock_holders(db)
    holders = ", ".join(_described(each) for each in found)
    return (
        f"another session holds a lock on what is checked: {holders or 'it has ended meanwhile'}; "
        "nothing was changed: run again when it has ended"
    )


def _described(each: Blocker) -> str:
    names = ", ".join(each.tables[:_MOST])
    more = f" and {len(each.tables) - _MOST} more" if len(each.tables) > _MOST else ""
    program = f" ({each.application_name})" if each.application_name else ""
    return f"server process {each.pid}{program} has locked {names}{more}"
