"""Bans in memory, for every request: read from the database, and again when others change them.

    with LiveBans(db) as bans:
        bans.is_banned("203.0.113.7")      # a dictionary's lookup, no query

Every process that listens knows of a ban at once; one that cannot listen asks every interval. A
ban ends when the time is over that the database said it had left. What is exempt is not banned.
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
from oadb.engine.listener import Event
from oadb.errors import ParameterError, UnavailableError
from oadb.security.addresses import network

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class ActiveBan:
    """A network that is kept out, and for how long yet; None: for ever."""

    network: str
    remaining: timedelta | None


@query
def _get_state() -> str: ...


@query
def _list_active() -> list[ActiveBan]: ...


query.complete()


# What an address was read as; about 10 megabytes when it is full.
@lru_cache(maxsize=65536)
def _network(ip: str) -> str:
    return network("LiveBans.is_banned", ip)


class _BansInMemory(Following[AnyDatabase]):
    """Bans and how fresh they are: what both colours share."""

    def __init__(self, db: AnyDatabase, *, interval: float = 0.5, patience: float = 60.0) -> None:
        if not patience >= interval:
            raise ParameterError("bans: patience must be at least the interval")
        super().__init__(db, "bans", CHANNEL, interval)
        self._patience = patience
        self._state: str | None = None
        self._ends: dict[str, float] = {}

    def is_banned(self, ip: str) -> bool:
        """Say whether an address is kept out now.

        Raises ParameterError for what is no address, and UnavailableError where the database has
        not answered for *patience* seconds, or was not asked yet: then it is not known.
        """
        now = monotonic()
        if now - self._current_at > self._patience:
            read = "not read yet" if math.isinf(self.age) else f"last read {self.age:.0f} s ago"
            raise UnavailableError(f"bans are not known: {read}")
        return self._ends.get(_network(ip), 0.0) > now

    def __len__(self) -> int:
        """Return how many networks are held, bans that ended since the last change included."""
        return len(self._ends)

    async def _read(self, db: AsyncExecutor) -> None:
        """Read all bans if one changed."""
        # Read first: a change between the two costs another reading, and is not missed.
        state = await _get_state(db)
        if state != self._state:
            found = await _list_active(db)
            now = monotonic()
            self._ends = {each.network: now + _seconds(each.remaining) for each in found}
            self._state = state

    def _concerns(self, event: Event) -> bool:  # noqa: ARG002  # the channel is of bans alone
        return True


class LiveBans(_BansInMemory[Database], Follower):
    """Bans that follow the database, for threads. Enter it.

    A change is known at once where it is notified, and otherwise after *interval* seconds. While
    the database is away the bans stay for *patience* seconds; ``error`` says why, ``age`` for how
    long.
    """


class AsyncLiveBans(_BansInMemory[AsyncDatabase], AsyncFollower):
    """Bans that follow the database, for asyncio; see LiveBans."""


def _seconds(remaining: timedelta | None) -> float:
    return math.inf if remaining is None else remaining.total_seconds()
