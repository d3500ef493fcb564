"""Security events of several days, and commands on them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import psycopg

from oadb import Database
from oadb.tools import audit_chain, audit_verification
from oadb.tools.audit_verification import Expected

TODAY = datetime.now(UTC).date()
INSERT = (
    "insert into oadb.security_events (happened_at, kind, user_id, db_role, ip, detail) "
    "values (%s, 'email_changed', 7, 'service', '203.0.113.7', %s)"
)


def day(ago: int) -> date:
    return TODAY - timedelta(days=ago)


def noon(ago: int, minutes: int = 0) -> datetime:
    """Return a time of a day in UTC."""
    start = datetime.combine(day(ago), datetime.min.time(), UTC)
    return start + timedelta(hours=12, minutes=minutes)


def put(url: str, *times: datetime) -> None:
    """Insert events that happened at these times."""
    with psycopg.connect(url) as connection:
        for number, time in enumerate(times):
            detail = psycopg.types.json.Jsonb({"email": {"old": "ä@x.in", "new": f"{number}@x.in"}})
            connection.execute(INSERT, [time, detail])


def link_days(url: str, *ago: int) -> None:
    """Insert three events of each day, and link them."""
    put(url, *(noon(days, minutes) for days in ago for minutes in range(3)))
    with Database.from_url(url) as db:
        audit_chain.link(db)


def faults(url: str, *expected: Expected) -> list[str]:
    """Return what a verification finds wrong, without its summary."""
    with Database.from_url(url) as db:
        found = [*audit_verification.verify(db, expected)]
    return [each.text for each in found[:-1] if not each.ok]


def lines(url: str) -> list[str]:
    """Return the export."""
    with Database.from_url(url) as db:
        return [*audit_chain.export(db)]


@contextmanager
def as_superuser(url: str) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    """Give a connection for which the triggers that refuse changes are off."""
    with psycopg.connect(url) as connection:
        connection.execute("set session_replication_role = replica")
        yield connection


def forget_migrations(url: str) -> None:
    """Begin with no event: migrations that change privileges write some."""
    with as_superuser(url) as connection:
        connection.execute(
            "truncate oadb.security_event_links, oadb.security_events restart identity"
        )
