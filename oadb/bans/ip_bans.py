"""IP bans: who is kept out, and who never is.

A ban is of an IPv4 address or of the /64 of an IPv6 address. One that is over stays on record for
a year, so that an offender is known again. Private, loopback, link-local and reserved networks are
never banned, nor are those that were exempted: proxies, gateways, offices. Listeners on CHANNEL
hear of each change; ``live_bans`` has the bans in memory, for every request.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Concatenate, ParamSpec

from oadb.changes import announcements
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import Query, queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.values import readable
from oadb.engine.executors import AsyncExecutor
from oadb.errors import ParameterError
from oadb.security.addresses import block, network

P = ParamSpec("P")

query = queries(__name__)

CHANNEL = "oadb_ip_bans"

LONGEST_DURATION = timedelta(days=36_500)
"""What lasts longer is permanent."""

_LONGEST_REASON, _LONGEST_NAME = 500, 254
_WIDEST = 8  # as the table has it


@dataclass(frozen=True, slots=True)
class Ban:
    """A network that is kept out until ``expires_at``; None: for ever.

    ``offences`` is how often it was banned, this time included.
    """

    network: str
    reason: str
    offences: int
    banned_at: datetime
    expires_at: datetime | None
    created_by: str


@dataclass(frozen=True, slots=True)
class Exemption:
    """A network that is never banned; a builtin one cannot be removed."""

    network: str
    reason: str
    is_builtin: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class BanCounts:
    """Bans that are in effect, and the permanent ones among them."""

    active: int
    permanent: int


@query
def _find_active(network: str) -> Ban | None: ...


@query
def _put(
    network: str,
    reason: str,
    duration: timedelta | None,
    created_by: str,
    repeat_offender_limit: int | None,
    is_automatic: bool,
) -> Ban | None: ...


@query
def _find_exemption(network: str) -> Exemption | None: ...


@query
def _unban(network: str) -> Affected: ...


@query
def list_bans(
    before_at: datetime | None = None,
    before_network: str | None = None,
    page_size: int = 100,
    with_expired: bool = False,
) -> list[Ban]: ...


@query
def count_active() -> BanCounts: ...


@query
def _exempt(network: str, reason: str) -> Affected: ...


@query
def _unexempt(network: str) -> Affected: ...


@query
def list_exemptions() -> list[Exemption]: ...


@query
def sweep(batch: int = 1000) -> Affected: ...


query.complete()


@operation
async def is_banned(db: AsyncExecutor, ip: str) -> Ban | None:
    """Return the ban that keeps an address out now, or None.

    One indexed lookup. Whatever goes wrong is raised: nobody is taken for unbanned, and nobody
    for banned, because the database is away. Raises ParameterError for what is no address.
    """
    return await _find_active(db, network("ip_bans.is_banned", ip))


@operation
async def ban(
    db: AsyncExecutor,
    ip: str,
    reason: str,
    duration: timedelta | None = timedelta(hours=24),
    *,
    created_by: str = "system",
    repeat_offender_limit: int | None = None,
) -> Ban:
    """Keep the network of an address out; *duration* None: for ever.

    A ban that lasts longer already is not shortened. It is for ever from the
    *repeat_offender_limit* th offence on; 0: only where *duration* says so; None: as the security
    settings say (see ``app_settings``). Raises ParameterError with the reason where the network is
    never banned, and for a duration that is none.
    """
    if duration is not None and not timedelta() < duration <= LONGEST_DURATION:
        raise ParameterError("ip_bans.ban: duration must be above 0, at most 36,500 days, or None")
    if repeat_offender_limit is not None and repeat_offender_limit < 0:
        raise ParameterError("ip_bans.ban: repeat_offender_limit must be 0 or more")
    banned = network("ip_bans.ban", ip)
    author = readable(created_by, _LONGEST_NAME)
    async with db.transaction() as tx:
        made = await impose(tx, banned, reason, duration, author, repeat_offender_limit)
        if made is None:
            exemption = await _find_exemption(tx, banned)
            why = exemption.reason if exemption else "exempt a moment ago"
            raise ParameterError(f"ip_bans.ban: ip is of a network that is never banned: {why}")
    return made


async def impose(
    tx: AsyncExecutor,
    network: str,
    reason: str,
    duration: timedelta | None,
    author: str,
    limit: int | None,
    *,
    is_automatic: bool = False,
) -> Ban | None:
    """Ban a network, in a transaction of the caller, and announce it.

    None where it is exempt, or *is_automatic* and it is banned already.
    """
    cut = readable(reason, _LONGEST_REASON)
    made = await _put(tx, network, cut, duration, author, limit, is_automatic)
    if made is not None:
        await announcements.notify(tx, CHANNEL, network)
    return made


@operation
async def unban(db: AsyncExecutor, ip: str) -> int:
    """Let a network in again, and forget its offences and hits; return how many bans, 0 or 1."""
    return await _write(db, _unban, network("ip_bans.unban", ip))


@operation
async def exempt(db: AsyncExecutor, networks: str, reason: str) -> int:
    """Never ban a network, such as 203.0.113.0/24 or 203.0.113.7; return 0 for a builtin one.

    Bans in it have no effect while it is exempt. An IPv6 network is at least a /64, and none may
    be wider than a /8. Raises ParameterError for what is none.
    """
    freed = block("ip_bans.exempt", networks)
    _, _, prefix = freed.partition("/")
    if prefix and int(prefix) < _WIDEST:
        raise ParameterError(f"ip_bans.exempt: network must not be wider than a /{_WIDEST}")
    return await _write(db, _exempt, freed, readable(reason, _LONGEST_REASON))


@operation
async def unexempt(db: AsyncExecutor, networks: str) -> int:
    """Take an exemption back; return how many there were, 0 or 1. Builtin ones stay."""
    return await _write(db, _unexempt, block("ip_bans.unexempt", networks))


async def _write(
    db: AsyncExecutor,
    statement: Query[Concatenate[str, P], Affected],
    network: str,
    *args: P.args,
    **kwargs: P.kwargs,
) -> int:
    """Run *statement* and announce in the same transaction what it changed; return how many."""
    async with db.transaction() as tx:
        changed = await statement(tx, network, *args, **kwargs)
        if changed:
            await announcements.notify(tx, CHANNEL, network)
    return changed
