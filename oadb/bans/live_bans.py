"""Bans in memory, for every request: read from the database, and read again when they change.

    with LiveBans(db) as bans:
        bans.is_banned("203.0.113.7")      # a dictionary lookup, no query

A process that listens for changes knows of a ban at once; one that cannot listen polls. A ban ends
after the time that was left when it was read, by the database's clock. Exempt networks are not
banned.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from time import monotonic

from oadb.bans.ip_bans import CHANNEL
from oadb.changes.following import AnyDatabase, AsyncFollower, Follower, Following
from oadb.engine.binding.queries import queries
from oadb.engine.database import AsyncDatabase, Database
from oadb.engine.executors import AsyncExecutor
from oadb.errors import ParameterError, UnavailableError
from oadb.security.addresses import network

__all__ = ["AsyncLiveBans", "LiveBans"]

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class ActiveBan:
    """A banned network and the time left; None: permanently banned."""

    network: str
    remaining: timedelta | None


@query
def _get_state() -> str: ...


@query
def _list_active() -> list[ActiveBan]: ...


query.complete()


# Addresses parsed before; about 10 megabytes when it is full.
@lru_cache(maxsize=65536)
def _network(ip: str) -> str:
    try:
        return network(ip)
    except ValueError as error:
        fault = str(error)
    raise ParameterError(f"LiveBans.is_banned: ip {fault}")


class _BansInMemory(Following[AnyDatabase]):
    """Bans and how fresh they are: what LiveBans and AsyncLiveBans share."""

    def __init__(
        self, db: AnyDatabase, *, interval_seconds: float = 0.5, patience_seconds: float = 60.0
    ) -> None:
        if not patience_seconds >= interval_seconds:
            raise ParameterError("bans: patience_seconds must be at least interval_seconds")
        super().__init__(db, "bans", CHANNEL, interval_seconds)
        self._patience = patience_seconds
        self._state: str | None = None
        self._ends: dict[str, float] = {}

    def is_banned(self, ip: str) -> bool:
        """Say whether an address is banned now.

        Raises:
            ParameterError: *ip* is not an IP address.
            UnavailableError: the bans are unknown: not read yet, or not confirmed by the
                database for *patience_seconds*.
        """
        now = monotonic()
        if now - self._current_at > self._patience:
            read = (
                "not read yet"
                if math.isinf(self.age_seconds)
                else f"last read {self.age_seconds:.0f} s ago"
            )
            raise UnavailableError(f"bans are not known: {read}")
        return self._ends.get(_network(ip), 0.0) > now

    def __len__(self) -> int:
        """Return how many bans are held, including those that ended since the last change."""
        return len(self._ends)

    async def _read(self, db: AsyncExecutor) -> None:
        """Read all bans if any changed."""
        # The state first: a change between the two reads costs another read, and is not missed.
        state = await _get_state(db)
        if state != self._state:
            found = await _list_active(db)
            now = monotonic()
            self._ends = {each.network: now + _seconds(each.remaining) for each in found}
            self._state = state


class LiveBans(_BansInMemory[Database], Follower):
    """Bans that follow the database, for threads. Enter it.

    A change is seen at once where notifications arrive, otherwise within *interval_seconds*. While
    the database is unavailable the bans are kept for *patience_seconds*; ``error`` says why,
    ``age_seconds`` for how long.
    """


class AsyncLiveBans(_BansInMemory[AsyncDatabase], AsyncFollower):
    """Bans that follow the database, for asyncio; see LiveBans."""


def _seconds(remaining: timedelta | None) -> float:
    return math.inf if remaining is None else remaining.total_seconds()
