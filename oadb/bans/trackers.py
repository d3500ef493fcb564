"""IP trackers: suspicious requests, counted by network; enough of them ban it automatically.

Hits count for 24 hours from the first one; the same path or the same wrong key counts again. The
security settings (``app_settings``) say how many hits lead to a ban, and for how long. A hit costs
one round trip; the hit that bans costs three more and starts a new tracker.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from oadb.bans import ip_bans
from oadb.bans.ip_bans import Ban
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.values import readable
from oadb.engine.executors import AsyncExecutor
from oadb.engine.transactions import refuse_transaction
from oadb.keys import proof
from oadb.security.secret import Secret
from oadb.security.tokens import sha256_of
from oadb.validation.rules import ClientNetwork

query = queries(__name__)

MOST_TRACKERS = 100_000
"""Networks that ``sweep`` keeps: the most recent ones."""

LONGEST_PATH = 200
"""Characters kept of a path, without its query string, which may hold secrets."""

# Hexadecimal digits of a digest that identify a wrong key.
_DIGEST_DIGITS = 16

Kind = Literal["not_found", "bad_key"]

_REASONS: dict[Kind, str] = {
    "not_found": "{} requests that were not found",
    "bad_key": "{} requests with a wrong API key",
}


@dataclass(frozen=True, slots=True)
class Suspect:
    """The hits of a network in the 24 hours from ``first_at``.

    ``samples`` are up to 50 distinct paths, or keyed digests of wrong API keys.
    """

    kind: Kind
    network: str
    hits: int
    first_at: datetime
    last_at: datetime
    samples: list[str]


@dataclass(frozen=True, slots=True)
class Hit:
    """The number of hits so far, and whether they are enough for a ban."""

    hits: int
    is_due: bool


@dataclass(frozen=True, slots=True)
class Due:
    """Enough hits for a ban of ``duration``; None: permanent.

    From the offence ``repeat_offender_limit`` on it is permanent anyway; 0: never.
    """

    hits: int
    duration: timedelta | None
    repeat_offender_limit: int


@dataclass(frozen=True, slots=True)
class Tracked:
    """The number of hits, including this one, and the ban that it led to.

    ``hits`` is None if the network is already banned: then nothing is counted.
    """

    hits: int | None
    ban: Ban | None = None


@query
def _count_hit(kind: Kind, network: str, sample: str | None) -> Hit | None: ...


@query
def _claim(kind: Kind, network: str) -> Due | None: ...


@query
def delete(kind: Kind, network: str) -> Affected: ...


@query
def list_suspects(kind: Kind, least_hits: int = 5, page_size: int = 100) -> list[Suspect]: ...


@query
def count_suspects(kind: Kind, least_hits: int) -> int: ...


@query
def sweep(batch: int = 1000, most: int = MOST_TRACKERS) -> Affected: ...


query.complete()


@operation
async def track_not_found(db: AsyncExecutor, ip: ClientNetwork, path: str) -> Tracked:
    """Count a request that was not found; ban its network if that makes enough hits.

    Returns:
        The hits, and the ban that this one led to.

    Raises:
        ParameterError: *ip* is not an IP address.
        TransactionError: *db* is a transaction, whose rollback would undo the count.
    """
    sample = re.split("[?#]", path[:LONGEST_PATH], maxsplit=1)[0]
    return await _track(db, "not_found", ip, readable(sample, LONGEST_PATH))


@operation
async def track_bad_key(db: AsyncExecutor, ip: ClientNetwork, key: Secret | None = None) -> Tracked:
    """Count a request with a wrong API key; ban its network if that makes enough hits.

    Args:
        key: stored as a keyed digest, from which it cannot be guessed.

    Returns:
        The hits, and the ban that this one led to.

    Raises:
        ParameterError: *ip* is not an IP address.
        TransactionError: *db* is a transaction, whose rollback would undo the count.
        KeyRingError: the key ring does not fit the database.
    """
    sample = None
    if key is not None:
        ring = await proof.ring_of(db)
        sample = ring.digests("ip_trackers/samples", sha256_of(key))[0].hex()[:_DIGEST_DIGITS]
    return await _track(db, "bad_key", ip, sample)


async def _track(db: AsyncExecutor, kind: Kind, network: str, sample: str | None) -> Tracked:
    refuse_transaction(db, f"trackers.track_{kind}")
    hit = await _count_hit(db, kind, network, sample)
    if hit is None:
        return Tracked(None)
    return Tracked(hit.hits, await _ban(db, kind, network) if hit.is_due else None)


async def _ban(db: AsyncExecutor, kind: Kind, suspect: str) -> Ban | None:
    """Ban a network with enough hits and delete its tracker; None: another process did."""
    async with db.transaction() as tx:
        due = await _claim(tx, kind, suspect)
        if due is None:
            return None
        reason, limit = _REASONS[kind].format(due.hits), due.repeat_offender_limit
        made = await ip_bans.impose(
            tx, suspect, reason, due.duration, "system", limit, is_automatic=True
        )
        if made is not None:
            await delete(tx, kind, suspect)
    return made
