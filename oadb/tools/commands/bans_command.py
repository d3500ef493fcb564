"""The commands ``oadb bans``: bans of addresses, for an operator."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

import typer

from oadb.bans import ip_bans
from oadb.bans.ip_bans import Ban
from oadb.engine.database import Database
from oadb.engine.executors import Executor
from oadb.errors import ParameterError
from oadb.security import addresses
from oadb.tools.commands import options, spans
from oadb.tools.commands.json_output import AsJson, print_json
from oadb.tools.commands.options import DatabaseUrl, DryRun
from oadb.tools.commands.spans import Span
from oadb.tools.rehearsal import rehearsed
from oadb.tools.usage import UsageError

app = options.group("List, add and remove bans of IP addresses.")

_DAY = spans.parse("24h")


def _network(text: str) -> str:
    try:
        return addresses.network(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Ip = Annotated[
    str,
    typer.Argument(
        metavar="IP", parser=_network, help="An IPv4 address, or an IPv6 address for its /64."
    ),
]


@app.command("list")
def run_list(
    with_expired: Annotated[
        bool, typer.Option("--with-expired", help="Also those of the last year that expired.")
    ] = False,
    as_json: AsJson = False,
    _url: DatabaseUrl = None,
) -> None:
    """List the bans that are in effect, newest first."""
    with Database.from_env() as db:
        if as_json:
            print_json({"bans": [*_bans(db, with_expired=with_expired)]})
            return
        found = False
        for ban in _bans(db, with_expired=with_expired):
            found = True
            typer.echo(
                f"{ban.network:<24} {_until(ban):<28} offence {ban.offences}, "
                f"by {_author(ban)} at {ban.banned_at:%Y-%m-%d %H:%M %Z}: "
                f"{' '.join(ban.reason.split())}"
            )
    if not found:
        typer.echo("no bans")


def _bans(db: Executor, *, with_expired: bool) -> Iterator[Ban]:
    cursor: str | None = None
    while True:
        page = ip_bans.list_all(db, with_expired=with_expired, cursor=cursor, limit=1000)
        yield from page
        if page.next is None:
            return
        cursor = page.next


def _until(ban: Ban) -> str:
    if ban.expires_at is None:
        return "permanently"
    return f"until {ban.expires_at:%Y-%m-%d %H:%M %Z}"


def _author(ban: Ban) -> str:
    if ban.source != "person":
        return ban.source
    return "the platform" if ban.by is None else f"user {ban.by}"


@app.command("add")
def run_add(
    ip: Ip,
    reason: Annotated[
        str, typer.Option("--reason", metavar="REASON", help="Why; shown to administrators.")
    ],
    duration: Annotated[
        Span | None,
        typer.Option("--for", parser=spans.parse, metavar="SPAN", help="How long.  [default: 24h]"),
    ] = None,
    permanent: Annotated[
        bool, typer.Option("--permanent", help="Until it is removed, instead of --for.")
    ] = False,
    dry_run: DryRun = False,
    _url: DatabaseUrl = None,
) -> None:
    """Ban an address, in the name of the platform.

    A ban that lasts longer already is not shortened, and repeated offences make a ban permanent:
    the output says until when it lasts.
    """
    if permanent and duration is not None:
        raise UsageError("--for and --permanent exclude each other; give one of them")
    length = None if permanent else (duration or _DAY).length
    with Database.from_env() as db, rehearsed(db, dry_run) as executor:
        ban = _ban(executor, ip, reason, length)
    typer.echo(f"{'would ban' if dry_run else 'banned'} {ban.network} {_until(ban)}")


def _ban(db: Executor, ip: str, reason: str, duration: timedelta | None) -> Ban:
    try:
        return ip_bans.ban(db, ip, reason, duration=duration, by=None)
    except ParameterError as error:
        reason = str(error).removeprefix("ip_bans.ban: ")
        raise ParameterError(f"IP {ip} is not banned: {reason}") from None


@app.command("remove")
def run_remove(ip: Ip, dry_run: DryRun = False, _url: DatabaseUrl = None) -> None:
    """Delete the ban of an address, with its offences and the hits counted against it."""
    with Database.from_env() as db, rehearsed(db, dry_run) as executor:
        removed = ip_bans.unban(executor, ip)
    if not removed:
        typer.echo(f"there is no ban of {ip}; nothing to remove")
        return
    typer.echo(f"{'would remove' if dry_run else 'removed'} the ban of {ip}")
