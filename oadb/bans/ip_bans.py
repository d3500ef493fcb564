"""IP bans and exemptions from them.

A ban covers an IPv4 address or the /64 of an IPv6 address. An expired ban stays on record for a
year, so that repeat offenders are recognised. Private, loopback, link-local and reserved networks
are exempt, as are networks exempted by hand: proxies, gateways, offices. Listeners on CHANNEL are
notified of every change; ``live_bans`` holds the bans in memory, for use in every request.
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
from oadb.validation.rules import ClientNetwork, Network

P = ParamSpec("P")

query = queries(__name__)

CHANNEL = "oadb_ip_bans"

LONGEST_DURATION = timedelta(days=36_500)
"""The longest ban that is not permanent."""

_LONGEST_REASON, _LONGEST_NAME = 500, 254
_WIDEST = 8  # shortest prefix of an exemption, as in the check of the table


@dataclass(frozen=True, slots=True)
class Ban:
    """A network that is kept out until ``expires_at``; None: permanently.

    ``offences`` counts its bans, including this one.
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
async def is_banned(db: AsyncExecutor, ip: ClientNetwork) -> Ban | None:
    """Look up whether an address is banned now: one indexed lookup.

    Errors never count as banned or as not banned: they are raised.

    Returns:
        The ban in effect, or None.

    Raises:
        ParameterError: *ip* is not an IP address.
    """
    return await _find_active(db, ip)


@operation
async def ban(
    db: AsyncExecutor,
    ip: ClientNetwork,
    reason: str,
    duration: timedelta | None = timedelta(hours=24),
    *,
    created_by: str = "system",
    repeat_offender_limit: int | None = None,
) -> Ban:
    """Ban the network of an address. A ban that already lasts longer is not shortened.

    Args:
        ip: an IPv4 address, or an IPv6 address, of which the /64 is banned.
        duration: above 0, at most LONGEST_DURATION; None bans permanently.
        repeat_offender_limit: the ban is permanent from this offence on; 0 never makes it so;
            None takes the limit of the security settings (``app_settings``).

    Returns:
        The ban as it is stored.

    Raises:
        ParameterError: the network is exempt (the text gives the reason of the exemption), or
            an argument is out of range.
    """
    if duration is not None and not timedelta() < duration <= LONGEST_DURATION:
        raise ParameterError("ip_bans.ban: duration must be above 0, at most 36,500 days, or None")
    if repeat_offender_limit is not None and repeat_offender_limit < 0:
        raise ParameterError("ip_bans.ban: repeat_offender_limit must be 0 or more")
    author = readable(created_by, _LONGEST_NAME)
    async with db.transaction() as tx:
        made = await impose(tx, ip, reason, duration, author, repeat_offender_limit)
        if made is None:
            exemption = await _find_exemption(tx, ip)
            why = exemption.reason if exemption else "it was exempt a moment ago"
            raise ParameterError(f"ip_bans.ban: the network of ip is exempt from bans: {why}")
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
    """Ban a network inside the caller's transaction, and announce it.

    Returns:
        The ban; None if the network is exempt, or if *is_automatic* and it is already banned.
    """
    cut = readable(reason, _LONGEST_REASON)
    made = await _put(tx, network, cut, duration, author, limit, is_automatic)
    if made is not None:
        await announcements.notify(tx, CHANNEL, network)
    return made


@operation
async def unban(db: AsyncExecutor, ip: ClientNetwork) -> int:
    """Delete the ban of a network, with its offences and the hits counted against it.

    Returns:
        The number of bans deleted, 0 or 1.

    Raises:
        ParameterError: *ip* is not an IP address.
    """
    return await _write(db, _unban, ip)


@operation
async def exempt(db: AsyncExecutor, network: Network, reason: str) -> int:
    """Exempt a network from bans; bans inside it have no effect while it is exempt.

    Args:
        network: a network or an address, such as 203.0.113.0/24 or 203.0.113.7. An IPv6 network
            is widened to a /64 at least.

    Returns:
        The number of exemptions written: 1, or 0 for a builtin one, which stays as it is.

    Raises:
        ParameterError: not a network, or wider than a /8.
    """
    _, _, prefix = network.partition("/")
    if prefix and int(prefix) < _WIDEST:
        raise ParameterError(f"ip_bans.exempt: network must not be wider than a /{_WIDEST}")
    return await _write(db, _exempt, network, readable(reason, _LONGEST_REASON))


@operation
async def unexempt(db: AsyncExecutor, network: Network) -> int:
    """Delete an exemption; builtin ones stay.

    Returns:
        The number of exemptions deleted, 0 or 1.

    Raises:
        ParameterError: not a network.
    """
    return await _write(db, _unexempt, network)


async def _write(
    db: AsyncExecutor,
    statement: Query[Concatenate[str, P], Affected],
    network: str,
    *args: P.args,
    **kwargs: P.kwargs,
) -> int:
    """Run *statement*, announce the change in the same transaction, and return the row count."""
    async with db.transaction() as tx:
        changed = await statement(tx, network, *args, **kwargs)
        if changed:
            await announcements.notify(tx, CHANNEL, network)
    return changed
