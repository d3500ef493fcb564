"""Bans of all clients that asked for a host, such as scanners that use the bare address."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from oadb.bans import ip_bans
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.values import Rule
from oadb.engine.executors import AsyncExecutor
from oadb.engine.repeating import transacted
from oadb.validation import owners
from oadb.validation.argument_rules import Duration
from oadb.validation.said_texts import described

__all__ = ["HostBan", "ban_clients"]

query = queries(__name__)

# Two characters are part of almost every host.
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{1,251}[A-Za-z0-9]", re.ASCII)

_LONGEST_REASON = 500


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError(
            "must be a host or 3 to 253 characters of one: letters, digits and ._:- between them"
        )
    return text


HostPart = Annotated[str, Rule("a host or a part of one", _host)]


@dataclass(frozen=True, slots=True)
class HostBan:
    """The networks that asked for a host: how many there are, were banned now, and were spared.

    Spared are networks that are exempt or in use: with a live session, or from which somebody
    signed in during the last 30 days. The rest was banned already, for at least as long.
    """

    clients: int
    banned: int
    spared: int


@query
def _ban_clients(
    host: str,
    reason: str,
    *,
    duration: timedelta | None,
    by: int | None,
    since: datetime | None = None,
) -> HostBan: ...


query.complete()


@operation
async def ban_clients(
    db: AsyncExecutor,
    host: HostPart,
    reason: str,
    *,
    duration: Duration | None = timedelta(hours=24),
    by: int | None,
    since: datetime | None = None,
) -> HostBan:
    """Ban the networks of all addresses that asked for a host, by the traffic log.

    One statement, which can be repeated. A ban that lasts longer is not shortened; that of a repeat
    offender is permanent, by the security settings. An address is banned by ``ip_bans.ban``;
    ``traffic.list_clients`` shows whom it concerns.

    Args:
        host: of the requests, in any case; also a part, such as example.com for its subdomains.
        reason: cut to 500 characters.
        duration: above 0, at most 36,500 days; None bans permanently.
        by: the user who bans them; None: the platform.
        since: only requests from then on count; None: all that are stored.

    Returns:
        How many networks there are, and what became of them.

    Raises:
        ParameterError: *host* is not a part of a host, or *duration* is out of range.
        NoRowError: there is no user *by*.
    """

    @transacted
    async def work(tx: AsyncExecutor) -> HostBan:
        said = described(reason, _LONGEST_REASON)
        made = await _ban_clients(tx, host, said, duration=duration, by=by, since=since)
        if made.banned:
            tx.hint(ip_bans.CHANNEL)
        else:
            await owners.require_actor(tx, "host_bans.ban_clients", by)
        return made

    return await work(db)
