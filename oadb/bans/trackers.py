"""IP trackers: what makes a network suspect, and bans it by itself.

Each hit counts, also with the same path or the same wrong key, for 24 hours from the first one. How
many are enough for a ban, and for how long it is, the security settings say (oadb.app_settings). A
hit costs one round trip; the one that bans three more, and its tracker begins anew.
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
from oadb.security.addresses import network
from oadb.security.secret import Secret
from oadb.security.tokens import sha256_of

query = queries(__name__)

MOST_TRACKERS = 100_000
"""Networks that ``sweep`` leaves, those that began last."""

LONGEST_PATH = 200
"""Characters of a path that are kept, without its query, which may hold secrets."""

# Hexadecimal digits by which a wrong key is known again.
_DIGEST_DIGITS = 16

Kind = Literal["not_found", "bad_key"]

_REASONS: dict[Kind, str] = {
    "not_found": "{} requests for what does not exist",
    "bad_key": "{} requests with a wrong API key",
}


@dataclass(frozen=True, slots=True)
class Suspect:
    """What was counted of a network for 24 hours from ``first_at``.

    ``samples`` are up to 50 different paths, or keyed digests of wrong API keys.
    """

    kind: Kind
    network: str
    hits: int
    first_at: datetime
    last_at: datetime
    samples: list[str]


@dataclass(frozen=True, slots=True)
class Hit:
    """The hits that were counted, and whether they are enough for a ban."""

    hits: int
    is_due: bool


@dataclass(frozen=True, slots=True)
class Due:
    """Hits that are enough for a ban of ``duration``, None: for ever.

    From the offence ``repeat_offender_limit`` on it is for ever anyway; 0: from none.
    """

    hits: int
    duration: timedelta | None
    repeat_offender_limit: int


@dataclass(frozen=True, slots=True)
class Tracked:
    """How many hits there were, this one included, and the ban that it made.

    ``hits`` is None where nothing was counted, because the network is banned already.
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
async def track_not_found(db: AsyncExecutor, ip: str, path: str) -> Tracked:
    """Count a request for what does not exist; ban its network where the settings say so.

    Raises ParameterError for what is no address, TransactionError in a transaction, whose
    rollback would take back a hit.
    """
    sample = re.split("[?#]", path[:LONGEST_PATH], maxsplit=1)[0]
    return await _track(db, "not_found", ip, readable(sample, LONGEST_PATH))


@operation
async def track_bad_key(db: AsyncExecutor, ip: str, key: Secret | None = None) -> Tracked:
    """Count a request with a wrong API key; ban its network where the settings say so.

    Of *key* a keyed digest is kept, which the key cannot be guessed from. Raises what
    ``track_not_found`` raises, and KeyRingError.
    """
    sample = None
    if key is not None:
        ring = await proof.ring_of(db)
        sample = ring.digests("ip_trackers/samples", sha256_of(key))[0].hex()[:_DIGEST_DIGITS]
    return await _track(db, "bad_key", ip, sample)


async def _track(db: AsyncExecutor, kind: Kind, ip: str, sample: str | None) -> Tracked:
    refuse_transaction(db, f"ip_trackers.track_{kind}")
    suspect = network(f"ip_trackers.track_{kind}", ip)
    hit = await _count_hit(db, kind, suspect, sample)
    if hit is None:
        return Tracked(None)
    return Tracked(hit.hits, await _ban(db, kind, suspect) if hit.is_due else None)


async def _ban(db: AsyncExecutor, kind: Kind, suspect: str) -> Ban | None:
    """Ban a network whose hits are enough, and begin its tracker anew; None: another one did."""
    async with db.transaction() as tx:
        due = await _claim(tx, kind, suspect)
        if due is None:
            return None
        made = await ip_bans.impose(
            tx, suspect, _REASONS[kind].format(due.hits), due.duration, "system",
            due.repeat_offender_limit, is_automatic=True,
        )  # fmt: skip
        if made is not None:
            await delete(tx, kind, suspect)
    return made
