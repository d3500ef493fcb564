"""IP trackers: what makes a network suspect, and bans it by itself. The SQL is in ip_trackers.sql.

Each hit counts, also with the same path or the same wrong key, for 24 hours from the first one. A
hit costs one round trip; the one that bans three more, and its tracker begins anew.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from oadb import ip_bans, keys
from oadb.engine.executors import AsyncExecutor
from oadb.engine.operations import operation
from oadb.engine.queries import queries
from oadb.engine.results import Affected
from oadb.engine.transactions import refuse_transaction
from oadb.engine.values import readable
from oadb.errors import ParameterError
from oadb.ip_bans import LONGEST_DURATION, Ban
from oadb.security.addresses import network
from oadb.security.secret import Secret
from oadb.security.tokens import sha256_of

query = queries("ip_trackers")

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
class BanPolicy:
    """When a network is banned by itself. The defaults are those of OpenAlgo.

    A threshold is the hits within 24 hours that ban; 0: none do. A duration of 0 is for ever.
    ``repeat_offender_limit`` is the offence from which on a ban is for ever; 0: none is. Raises
    ParameterError for less than 0, and for more than LONGEST_DURATION.
    """

    auto_ban_enabled: bool = False
    not_found_threshold: int = 100
    not_found_duration: timedelta = timedelta()
    bad_key_threshold: int = 100
    bad_key_duration: timedelta = timedelta()
    repeat_offender_limit: int = 2

    def __post_init__(self) -> None:
        """Refuse what means nothing."""
        if min(self.not_found_threshold, self.bad_key_threshold, self.repeat_offender_limit) < 0:
            raise ParameterError("BanPolicy: thresholds and limit are 0 or more")
        durations = self.not_found_duration, self.bad_key_duration
        if min(durations) < timedelta() or max(durations) > LONGEST_DURATION:
            raise ParameterError("BanPolicy: durations are 0 to 36,500 days")

    def rule(self, kind: Kind) -> tuple[int, timedelta | None]:
        """Return the hits that ban, 0: none do, and for how long; None: for ever."""
        if kind == "not_found":
            threshold, duration = self.not_found_threshold, self.not_found_duration
        else:
            threshold, duration = self.bad_key_threshold, self.bad_key_duration
        return threshold if self.auto_ban_enabled else 0, duration or None


DEFAULT_POLICY = BanPolicy()
"""Counts, and bans nobody."""


@dataclass(frozen=True, slots=True)
class Hit:
    """The hits that were counted, and whether they are enough for a ban."""

    hits: int
    is_due: bool


@dataclass(frozen=True, slots=True)
class Tracked:
    """How many hits there were, this one included, and the ban that it made.

    ``hits`` is None where nothing was counted, because the network is banned already.
    """

    hits: int | None
    ban: Ban | None = None


@query
def count_hit(kind: Kind, network: str, sample: str | None, threshold: int) -> Hit | None: ...


@query
def claim(kind: Kind, network: str, threshold: int) -> int | None: ...


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
async def track_not_found(
    db: AsyncExecutor, ip: str, path: str, policy: BanPolicy = DEFAULT_POLICY
) -> Tracked:
    """Count a request for what does not exist; ban its network where *policy* says so.

    Raises ParameterError for what is no address, TransactionError in a transaction, whose
    rollback would take back a hit.
    """
    sample = re.split("[?#]", path[:LONGEST_PATH], maxsplit=1)[0]
    return await _track(db, "not_found", ip, readable(sample, LONGEST_PATH), policy)


@operation
async def track_bad_key(
    db: AsyncExecutor, ip: str, key: Secret | None = None, policy: BanPolicy = DEFAULT_POLICY
) -> Tracked:
    """Count a request with a wrong API key; ban its network where *policy* says so.

    Of *key* a keyed digest is kept, which the key cannot be guessed from. Raises what
    ``track_not_found`` raises, and KeyRingError.
    """
    sample = None
    if key is not None:
        ring = await keys.ring_of(db)
        sample = ring.digests("ip_trackers/samples", sha256_of(key))[0].hex()[:_DIGEST_DIGITS]
    return await _track(db, "bad_key", ip, sample, policy)


async def _track(
    db: AsyncExecutor, kind: Kind, ip: str, sample: str | None, policy: BanPolicy
) -> Tracked:
    refuse_transaction(db, f"ip_trackers.track_{kind}")
    suspect = network(f"ip_trackers.track_{kind}", ip)
    threshold, _ = policy.rule(kind)
    hit = await count_hit(db, kind, suspect, sample, threshold)
    if hit is None:
        return Tracked(None)
    return Tracked(hit.hits, await _ban(db, kind, suspect, policy) if hit.is_due else None)


async def _ban(db: AsyncExecutor, kind: Kind, suspect: str, policy: BanPolicy) -> Ban | None:
    """Ban a network whose hits are enough, and begin its tracker anew; None: another one did."""
    threshold, duration = policy.rule(kind)
    async with db.transaction() as tx:
        hits = await claim(tx, kind, suspect, threshold)
        if hits is None:
            return None
        made = await ip_bans.impose(
            tx, suspect, _REASONS[kind].format(hits), duration, "system",
            policy.repeat_offender_limit, is_automatic=True,
        )  # fmt: skip
        if made is not None:
            await delete(tx, kind, suspect)
    return made
