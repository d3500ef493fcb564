"""IP trackers: suspicious requests, counted by network; enough of them ban it automatically.

Hits count for 24 hours from the first one; the same path or the same wrong key counts again. The
security settings (``app_settings``) say whether hits lead to a ban, which at first they do not,
from how many on, and for how long. A network with a live session, or from which somebody signed in
during the last 30 days, is counted and not banned: a page of somebody else can make a browser send
what is not found. A hit costs one round trip; the hit that bans costs three more and starts a new
tracker. While a network in use has enough hits, each further one asks again.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from oadb.bans import ip_bans
from oadb.bans.ip_bans import Ban
from oadb.engine.binding.operations import operation
from oadb.engine.binding.pages import Limit, Page
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.engine.outside_transactions import refuse_transaction
from oadb.engine.repeating import transacted
from oadb.keys import proof
from oadb.security.kept_paths import hide_path
from oadb.security.secret import Secret
from oadb.security.tokens import sha256_of
from oadb.validation.argument_rules import ClientNetwork, Network, Positive

__all__ = [
    "MOST_TRACKERS",
    "Suspect",
    "Tracked",
    "TrackedKind",
    "count_suspects",
    "delete",
    "delete_expired",
    "list_suspects",
    "track_bad_key",
    "track_not_found",
]

query = queries(__name__)

MOST_TRACKERS = 100_000
"""Networks that ``delete_expired`` keeps: the most recent ones."""

# Characters kept of a path, without its query string; segments of no known route are hidden.
_LONGEST_PATH = 200

# Hexadecimal digits of a digest that identify a wrong key.
_DIGEST_DIGITS = 16

TrackedKind = Literal["not_found", "bad_key"]
"""What makes a network suspect: requests that were not found, or with a wrong API key."""

_REASONS: dict[TrackedKind, str] = {
    "not_found": "{} requests that were not found",
    "bad_key": "{} requests with a wrong API key",
}


@dataclass(frozen=True, slots=True)
class Suspect:
    """The hits of a network in the 24 hours from ``first_at``.

    ``samples`` are up to 50 distinct paths, or keyed digests of wrong API keys.
    """

    kind: TrackedKind
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
def _count_hit(kind: TrackedKind, network: str, sample: str | None) -> Hit | None: ...


@query
def _claim(kind: TrackedKind, network: str) -> Due | None: ...


@query
def _delete(kind: TrackedKind, network: str) -> Affected: ...


@query
def list_suspects(
    kind: TrackedKind, *, least_hits: Positive = 5, cursor: str | None = None, limit: Limit = 100
) -> Page[Suspect]:
    """List the networks with at least so many hits, most hits first."""
    ...


@query
def count_suspects(kind: TrackedKind, *, least_hits: Positive = 5) -> int:
    """Count the networks with at least so many hits."""
    ...


@query
def delete_expired(*, batch: Positive = 1000, most: Positive = MOST_TRACKERS) -> Affected:
    """Delete at most *batch* trackers that are old or too many; return how many."""
    ...


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
    sample = re.split("[?#]", path[: 2 * _LONGEST_PATH], maxsplit=1)[0]
    return await _track(db, "not_found", ip, hide_path(sample)[:_LONGEST_PATH])


@operation
async def track_bad_key(
    db: AsyncExecutor, ip: ClientNetwork, *, key: Secret | None = None
) -> Tracked:
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


@operation
async def delete(db: AsyncExecutor, kind: TrackedKind, network: Network) -> bool:
    """Delete what was counted of a network; a ban that came of it stays.

    Args:
        network: as in ``Suspect``, or an address of it.

    Returns:
        Whether there was anything to delete.

    Raises:
        ParameterError: *network* is not a network or an IP address.
    """
    return await _delete(db, kind, network) > 0


async def _track(db: AsyncExecutor, kind: TrackedKind, network: str, sample: str | None) -> Tracked:
    refuse_transaction(db, f"trackers.track_{kind}")
    hit = await _count_hit(db, kind, network, sample)
    if hit is None:
        return Tracked(None)
    return Tracked(hit.hits, await _ban(db, kind, network) if hit.is_due else None)


@transacted
async def _ban(tx: AsyncExecutor, kind: TrackedKind, suspect: str) -> Ban | None:
    """Ban a network with enough hits and delete its tracker; None: another process did."""
    due = await _claim(tx, kind, suspect)
    if due is None:
        return None
    made = await ip_bans.impose(
        tx,
        suspect,
        _REASONS[kind].format(due.hits),
        duration=due.duration,
        source="tracker",
        by=None,
        limit=due.repeat_offender_limit,
    )
    if made is not None:
        await _delete(tx, kind, suspect)
    return made
