"""What the engine knows of a connection, and what a new one must fulfil."""

import math
import os
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Self

import psycopg

from oadb.engine.config import Config
from oadb.engine.dsn import SESSION_FORMS
from oadb.engine.jitter import between
from oadb.engine.observing import ConnectionChange
from oadb.engine.pool.outage import Outage
from oadb.engine.pool.renamed_statements import RenamedStatements
from oadb.engine.wire import Setups, SetupStatement

# The peer has closed (RDHUP, Linux only), hung up, or the descriptor is invalid.
GONE = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR | select.POLLNVAL


@dataclass(slots=True)
class ConnectionState:
    """What the engine knows of a connection."""

    expires: float
    prepares: bool
    patience: float
    poll: select.poll
    descriptor: int
    """A duplicate of libpq's: shutting it down never hits a socket that libpq has closed."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while the duplicate is shut down or closed."""
    statements: dict[Any, Any] = field(default_factory=dict[Any, Any])
    setups: Setups | None = None
    """Setup statements that are prepared. None: none may be, as a pooler is between."""
    renamed: RenamedStatements | None = None
    """What the pool shares through a pooler that renames prepared statements."""
    mark: bytes = b""
    """Added to the text of what is prepared."""
    limits: tuple[SetupStatement, ...] = ()
    """What is sent at the beginning of each transaction."""
    streams: int = 0
    limit: float = math.inf
    """When its lease must end (monotonic clock)."""
    due: float = math.inf
    """When the server must have answered; infinite while nobody waits for it."""
    overdue: bool = False
    """Whether the watchdog has disconnected it."""
    is_spoiled: bool = False
    """Whether it must be replaced instead of used again."""
    interruption: BaseException | None = None
    """What interrupted its owner in the middle of an exchange with the server."""
    unfinished: Any = None
    """The rest of that exchange."""
    given: float = 0.0
    """When it was given to a caller that had waited (monotonic clock)."""
    is_observed: bool = False
    """Whether the two that follow are noted."""
    answered: float = 0.0
    """When the server has answered last (monotonic clock)."""
    answer: Any = None
    """The last answer."""
    replayed: int = 0
    """Of a replica: the position in the log that its server is known to have replayed."""
    reader: Any = None
    """On an event loop, what waits for the duplicate, and closes it."""
    seeks_primary: bool = True
    """Whether another connection may be to a primary, should this one be to a standby."""

    def renew_texts(self) -> None:
        """Have other connections prepare other texts, because the plan of one is stale."""
        if self.renamed is not None:
            self.renamed.renew(self.mark)

    def take_unfinished(self) -> Any:
        """Return the rest of an interrupted exchange, to be run, or None."""
        rest, self.unfinished, self.interruption = self.unfinished, None, None
        return rest

    def disconnect(self) -> None:
        """End every wait for the server, from any thread, without touching libpq."""
        self.is_spoiled = True
        with self.lock:
            if self.descriptor >= 0:
                with suppress(OSError):  # the server has disconnected it; it was cut off in a child
                    duplicate = socket.socket(fileno=self.descriptor)
                    try:
                        duplicate.shutdown(socket.SHUT_RDWR)
                    finally:
                        duplicate.detach()

    def close(self) -> None:
        """Close the duplicate."""
        with self.lock:
            descriptor, self.descriptor = self.descriptor, -1
            if descriptor < 0:
                return
            if self.reader is None:
                os.close(descriptor)
            else:
                self.reader.close()

    def __del__(self) -> None:
        self.close()  # of a connection that its event loop left open


@dataclass(frozen=True, slots=True)
class ConnectionTerms:
    """How connections are made and used.

    ``recycle`` is the seconds after which one expires, about; ``patience`` the seconds within which
    the server must answer; either may be infinite. ``tell`` hears of each. ``ticks`` says whether
    exchanges look at the time while they wait, ten times a second, as those of listeners do.
    """

    outage: Outage
    recycle: float = math.inf
    patience: float = math.inf
    prepares: bool = True
    tell: Callable[[ConnectionChange], None] | None = None
    renamed: RenamedStatements | None = None
    ticks: bool = True

    @classmethod
    def of(
        cls, config: Config, outage: Outage, tell: Callable[[ConnectionChange], None] | None
    ) -> Self:
        """Return those of a pool."""
        renames = config.pooler == "pgbouncer-prepared"
        return cls(
            outage,
            config.pool_recycle_seconds,
            config.call_seconds,
            prepares=config.pooler != "pgbouncer",
            tell=tell,
            renamed=RenamedStatements(config._limits) if renames else None,
            ticks=False,
        )

    def accept(self, pgconn: Any, limits: tuple[SetupStatement, ...] = ()) -> ConnectionState:
        """Return the state of a new connection.

        Args:
            limits: what it sends at the beginning of each transaction.

        Raises:
            psycopg.OperationalError: it is to a standby, after a primary; or values have another
                form in it than oadb reads; it is closed.
        """
        _require_forms(pgconn)
        self.outage.check_role(pgconn)
        self.outage.ended()
        poll = select.poll()
        poll.register(pgconn.socket, select.POLLIN | GONE)
        # A little early, at random: connections made together must not expire together.
        expires = monotonic() + self.recycle * between(0.95, 1.0)
        state = ConnectionState(expires, self.prepares, self.patience, poll, os.dup(pgconn.socket))
        state.limits, state.renamed = limits, self.renamed
        state.setups = {} if self.prepares and self.renamed is None else None
        state.seeks_primary = self.outage.seeks_primary
        state.mark = b"" if self.renamed is None else self.renamed.mark
        if self.tell is not None:
            state.is_observed = True
            self.tell(ConnectionChange("opened", "wanted"))
        return state


def _require_forms(pgconn: Any) -> None:
    """Compare what the server reports of a session. Through a pooler, nothing else has set it."""
    for name in ("client_encoding", "DateStyle", "IntervalStyle", "standard_conforming_strings"):
        wanted = SESSION_FORMS.get(name, "UTF8")
        reported = pgconn.parameter_status(name.encode())
        if reported is not None and reported.partition(b",")[0] != wanted.encode():
            pgconn.finish()
            raise psycopg.OperationalError(
                f"{name} of the session is {reported.decode()!r}, and oadb needs {wanted}: alter "
                f"role ... set {name} = '{wanted}', or the same for the database"
            )
