"""IP bans and exemptions from them.

A ban covers an IPv4 address or the /64 of an IPv6 address. An expired ban stays on record for a
year, so that repeat offenders are recognised. Private, loopback, link-local and reserved networks
are exempt, as are networks exempted by hand: proxies, gateways, offices. ``live_bans`` holds the
bans in memory, for use in every request.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Concatenate, Literal, ParamSpec

from oadb.engine.binding.operations import operation
from oadb.engine.binding.pages import Limit, Page
from oadb.engine.binding.queries import Query, queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.engine.repeating import transacted
from oadb.errors import ParameterError
from oadb.validation import argument_rules, owners
from oadb.validation.argument_rules import ClientNetwork, Duration, Network, Positive
from oadb.validation.said_texts import described

__all__ = [
    "CHANNEL", "LONGEST_DURATION", "Ban", "BanCounts", "BanSource", "Exemption", "ban", "count",
    "count_up_to", "delete_expired", "exempt", "find_by_ip", "list_all", "list_exemptions",
    "unban", "unexempt",
]  # fmt: skip  # a list

P = ParamSpec("P")

query = queries(__name__)

CHANNEL = "oadb_ip_bans"
"""The channel of hints that a ban or an exemption changed; they have no content."""

LONGEST_DURATION = argument_rules.LONGEST_DURATION
"""The longest ban that is not permanent."""

_LONGEST_REASON = 500
_WIDEST = 8  # shortest prefix of an exemption, as in the check of the table

BanSource = Literal["person", "tracker", "import"]
"""What banned a network: a person; its requests (``trackers``); the import from OpenAlgo."""


@dataclass(frozen=True, slots=True)
class Ban:
    """A network that is kept out until ``expires_at``; None: permanently.

    ``offences`` counts its bans with this one. ``by`` is who banned it; None: the platform.
    """

    network: str
    reason: str
    offences: int
    banned_at: datetime
    expires_at: datetime | None
    source: BanSource
    by: int | None


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
    *,
    duration: timedelta | None,
    source: BanSource,
    by: int | None,
    repeat_offender_limit: int | None,
) -> Ban | None: ...


@query
def _find_exemption(network: str) -> Exemption | None: ...


@query
def _unban(network: str) -> Affected: ...


@query
def list_all(
    *, with_expired: bool = False, cursor: str | None = None, limit: Limit = 100
) -> Page[Ban]:
    """List the bans that are in effect, newest first; and those that expired, if asked for."""
    ...


@query
def count() -> BanCounts:
    """Count the bans that are in effect: all of them are read; ``count_up_to`` reads some."""
    ...


@query
def count_up_to(*, most: Positive = 1000) -> BanCounts:
    """Count the bans that are in effect, and stop at *most*: as many or more."""
    ...


@query
def _exempt(network: str, reason: str) -> Affected: ...


@query
def _unexempt(network: str) -> Affected: ...


@query
def list_exemptions(*, cursor: str | None = None, limit: Limit = 100) -> Page[Exemption]:
    """List the networks that are never banned, builtin ones included."""
    ...


@query
def delete_expired(*, batch: Positive = 1000) -> Affected:
    """Delete at most *batch* bans that expired a year ago or earlier; return how many."""
    ...


query.complete()


@operation
async def find_by_ip(db: AsyncExecutor, ip: ClientNetwork) -> Ban | None:
    """Find the ban of an address that is in effect now: one indexed lookup.

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
    *,
    duration: Duration | None = timedelta(hours=24),
    by: int | None,
    repeat_offender_limit: int | None = None,
) -> Ban:
    """Ban the network of an address, and announce it.

    A ban that already lasts longer is not shortened; that of a repeat offender is permanent.

    Args:
        ip: an IPv4 address, or an IPv6 address, of which the /64 is banned.
        duration: above 0, at most LONGEST_DURATION; None bans permanently.
        by: the user who bans it; None: the platform.
        repeat_offender_limit: the ban is permanent from this offence on; 0 never makes it so;
            None takes the limit of the security settings (``app_settings``).

    Returns:
        The ban as it is stored.

    Raises:
        ParameterError: the network is exempt (the text says why); an argument is out of range.
        NoRowError: there is no user *by*.
    """
    if repeat_offender_limit is not None and repeat_offender_limit < 0:
        raise ParameterError("ip_bans.ban: repeat_offender_limit must be 0 or more")

    @transacted
    async def work(tx: AsyncExecutor) -> Ban:
        made = await impose(
            tx, ip, reason, duration=duration, source="person", by=by, limit=repeat_offender_limit
        )
        if made is None:
            await owners.require_actor(tx, "ip_bans.ban", by)
            exemption = await _find_exemption(tx, ip)
            why = exemption.reason if exemption else "it was exempt a moment ago"
            raise ParameterError(f"ip_bans.ban: the network of ip is exempt from bans: {why}")
        return made

    return await work(db)


async def impose(
    tx: AsyncExecutor,
    network: str,
    reason: str,
    *,
    duration: timedelta | None,
    source: BanSource,
    by: int | None,
    limit: int | None,
) -> Ban | None:
    """Ban a network inside the caller's transaction, and announce it.

    Returns:
        The ban; None if the network is exempt, if there is no user *by*, or if *source* is
        "tracker" and the network is already banned.
    """
    made = await _put(
        tx,
        network,
        described(reason, _LONGEST_REASON),
        duration=duration,
        source=source,
        by=by,
        repeat_offender_limit=limit,
    )
    if made is not None:
        tx.hint(CHANNEL)
    return made


@operation
async def unban(db: AsyncExecutor, ip: ClientNetwork) -> bool:
    """Delete the ban of a network, with its offences and the hits counted against it.

    Returns:
        Whether there was a ban; an expired one counts.

    Raises:
        ParameterError: *ip* is not an IP address.
    """
    return await _write(db, _unban, ip)


@operation
async def exempt(db: AsyncExecutor, network: Network, reason: str) -> bool:
    """Exempt a network from bans; bans inside it have no effect while it is exempt.

    Args:
        network: as 203.0.113.0/24, or 203.0.113.7; one of IPv6 is widened to a /64 at least.

    Returns:
        Whether it was written; False for a builtin exemption, which stays as it is.

    Raises:
        ParameterError: not a network, or wider than a /8.
    """
    _, _, prefix = network.partition("/")
    if prefix and int(prefix) < _WIDEST:
        raise ParameterError(f"ip_bans.exempt: network must not be wider than a /{_WIDEST}")
    return await _write(db, _exempt, network, described(reason, _LONGEST_REASON))


@operation
async def unexempt(db: AsyncExecutor, network: Network) -> bool:
    """Delete an exemption; builtin ones stay.

    Returns:
        Whether there was one to delete.

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
) -> bool:
    """Run *statement*; if it wrote a row, a hint follows the commit."""

    @transacted
    async def work(tx: AsyncExecutor) -> bool:
        changed = await statement(tx, network, *args, **kwargs)
        if changed:
            tx.hint(CHANNEL)
        return changed > 0

    return await work(db)
