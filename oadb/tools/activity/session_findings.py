"""Checks of sessions: how many, how long their transactions last, who waits for whom."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner
from oadb.tools.activity.alert_limits import AlertLimits
from oadb.tools.activity.quantities import duration
from oadb.tools.findings import Check, Finding, judged

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class Sight:
    """The role that asks. ``sees_all``: it is shown what other roles do (pg_monitor)."""

    role_name: str
    sees_all: bool


@dataclass(frozen=True, slots=True)
class ConnectionCount:
    """Connections of the server, the most there may be, and the role that has the most of them."""

    used: int
    most: int
    busiest: str | None


@dataclass(frozen=True, slots=True)
class LongTransaction:
    """A transaction at work. ``label`` is None for a statement of another program."""

    pid: int
    application_name: str
    label: str | None
    begun_at: datetime
    mending: str


@dataclass(frozen=True, slots=True)
class LockWait:
    """A session that waits, and one of those that it waits for.

    ``table_name`` is None where it waits for the end of a transaction, which has locked a row.
    ``blocker_state`` is None for a prepared transaction, and for what this role may not see.
    """

    pid: int
    application_name: str
    label: str | None
    waited: timedelta
    mode: str
    table_name: str | None
    blocker_pid: int
    blocker_name: str
    blocker_state: str | None
    mending: str


@query
def find_sight() -> Sight: ...


@query
def _find_connections() -> ConnectionCount: ...


@query
def _list_long_transactions(older_than: timedelta) -> list[LongTransaction]: ...


@query
def _list_lock_waits(longer_than: timedelta) -> list[LockWait]: ...


query.complete()


def checks(db: Runner, limits: AlertLimits) -> dict[str, Check]:
    """Return the checks by subject."""
    return {
        "visibility": partial(check_visibility, db),
        "connections": partial(check_connections, db, limits),
        "long transactions": partial(check_transactions, db, limits),
        "lock waits": partial(check_lock_waits, db, limits),
    }


def check_visibility(db: Runner) -> Iterator[Finding]:
    """Say what the other checks do not see as this role; it is no fault of the server."""
    sight = find_sight(db)
    text = f"{sight.role_name} sees what all roles do"
    if not sight.sees_all:
        text = (
            f"{sight.role_name} does not see transactions and statements of other roles, "
            f"standbys and the size of the WAL: grant pg_monitor to {sight.role_name};"
        )
    yield Finding(True, "visibility", text)


def check_connections(db: Runner, limits: AlertLimits) -> Iterator[Finding]:
    """Check that the server has connections left."""
    found = _find_connections(db)
    text = f"{found.used} of {found.most} are in use"
    if found.used >= limits.connections * found.most:
        text += (
            f", most of them by {found.busiest}, and one too many is refused: lower its pools, "
            "put PgBouncer before the server, or raise max_connections"
        )
        yield Finding(False, "connections", text)
    else:
        yield Finding(True, "connections", text)


def check_transactions(db: Runner, limits: AlertLimits) -> Iterator[Finding]:
    """Check that no transaction has worked for long; those left open are another check."""
    faults = [
        f"{_named(each.pid, each.application_name)} has worked on {each.label or 'a statement'} "
        f"since {each.begun_at:%Y-%m-%d %H:%M %Z}, and VACUUM removes nothing that was deleted "
        f"since; {each.mending}"
        for each in _list_long_transactions(db, limits.long_transaction)
    ]
    fine = f"none of more than {duration(limits.long_transaction)}"
    yield from judged("long transactions", faults, fine)


def check_lock_waits(db: Runner, limits: AlertLimits) -> Iterator[Finding]:
    """Check that nobody waits long for a lock, and name who holds it."""
    faults = [_described(each) for each in _list_lock_waits(db, limits.lock_wait)]
    fine = f"nobody has waited for more than {duration(limits.lock_wait)}"
    yield from judged("lock waits", faults, fine)


def _described(each: LockWait) -> str:
    what = f"{each.mode} on {each.table_name}" if each.table_name else "the end of a transaction"
    holder = "a prepared transaction"
    if each.blocker_pid:
        holder = _named(each.blocker_pid, each.blocker_name)
        holder += f", which is {each.blocker_state}" if each.blocker_state else ""
    return (
        f"{_named(each.pid, each.application_name)} waits for {what} since "
        f"{duration(each.waited)} in {each.label or 'a statement'}, because of {holder}; "
        f"{each.mending}"
    )


def _named(pid: int, application_name: str) -> str:
    return f"server process {pid}" + (f" ({application_name})" if application_name else "")
