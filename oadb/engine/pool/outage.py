"""What the last attempts to connect showed: whether the server is there, and is a primary."""

from dataclasses import dataclass
from time import monotonic
from typing import Any

import psycopg


def explain_refusal(error: psycopg.Error) -> str:
    """Return why a connection was not made, in one line; of a pooler, what to do."""
    line = " ".join(str(error).split())
    if "unsupported startup parameter" in line:
        return (
            f"{line}; this is PgBouncer: set DB_POOLER=pgbouncer, from 1.21 on pgbouncer-prepared, "
            "or give the address of the server itself, which migrations and listeners need"
        )
    return line


@dataclass(slots=True)
class Outage:
    """The result of the last attempts to connect, shared by the pool and its callers.

    A service that had connections to a primary takes none to a standby, where it would read what
    was true some time ago: a name or a proxy may lead there after a failover. It does if its URL
    says which servers it takes (*takes_any*: ``target_session_attrs``); *seeks_primary* is False
    if it takes standbys.
    """

    takes_any: bool = False
    seeks_primary: bool = True
    since: float | None = None
    reason: str = ""
    had_primary: bool = False

    def failed(self, error: psycopg.Error) -> None:
        """Record a failed attempt; the first of several starts the outage."""
        self.reason = explain_refusal(error)
        if self.since is None:
            self.since = monotonic()

    def check_role(self, pgconn: Any) -> None:
        """Refuse a standby after a primary; the server reports what it is when it is connected.

        Raises:
            psycopg.OperationalError: it is a standby; the connection is closed.
        """
        role = pgconn.parameter_status(b"in_hot_standby")  # None behind a pooler
        if role == b"on" and self.had_primary and not self.takes_any:
            pgconn.finish()
            raise psycopg.OperationalError("the server is a standby, and was a primary before")
        self.had_primary |= role == b"off"

    def ended(self) -> None:
        """Record a successful attempt."""
        self.since = None
