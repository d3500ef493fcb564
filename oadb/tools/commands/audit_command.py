"""The commands ``oadb audit``; see ``oadb.tools.audit_chain``."""

import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.errors import ParameterError
from oadb.tools import audit_chain, audit_verification
from oadb.tools.audit_verification import Expected
from oadb.tools.commands import options, spans
from oadb.tools.commands.options import DatabaseUrl, DryRun
from oadb.tools.commands.report import show
from oadb.tools.commands.spans import Span
from oadb.tools.findings import Finding
from oadb.tools.rehearsal import rehearsed

app = options.group("Link, verify and export security events, the audit of who may do what.")

MOST_FINDINGS = 100
"""Findings that are shown."""

_PLACE = re.compile(r"(\d{4}-\d{2}-\d{2})/(\d{1,18})")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text[:40]!r} is not a day such as 2026-11-29") from None


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in the chain."""

    day: date
    position: int


def _place(text: str) -> _Place:
    found = _PLACE.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f"{text[:40]!r} is not a place such as 2026-11-29/17")
    return _Place(_day(found[1]), int(found[2]))


@app.command("link")
def run_link(
    reach: Annotated[
        Span | None,
        typer.Option(
            parser=spans.parse,
            metavar="SPAN",
            help="How long before the newest linked event others may have happened.  [default: 1d]",
        ),
    ] = None,
    dry_run: DryRun = False,
    _url: DatabaseUrl = None,
) -> None:
    """Add committed events to the chain, as oadb maintain does; as the owner of the tables."""
    span = reach.length if reach else audit_chain.REACH
    with _database() as db, rehearsed(db, dry_run) as executor:
        linked = audit_chain.link(executor, reach=span)
    typer.echo(f"{'would link' if dry_run else 'linked'} {linked:,} events")


@app.command("verify")
def run_verify(
    expect: Annotated[
        list[str] | None,
        typer.Option(
            "--expect",
            metavar="DAY=CHECKSUM|FILE",
            help="What was kept elsewhere: the last checksum of a day, or a file with an export; "
            "may be repeated.",
        ),
    ] = None,
    _url: DatabaseUrl = None,
) -> None:
    """Compute the chain again. Exits with 3 if an event was altered, deleted or inserted.

    A superuser can compute the whole chain anew; --expect finds that out.
    """
    expected = [each for given in expect or () for each in _expected(given)]
    with _database() as db:
        show(_first(audit_verification.verify(db, expected)))


def _expected(given: str) -> list[Expected]:
    if "=" in given and not Path(given).exists():
        return [audit_verification.expectation(given)]
    try:
        with Path(given).open(encoding="utf-8") as lines:
            return audit_verification.expectations(lines)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ParameterError(f"{given} cannot be read: {reason}") from None


def _first(findings: Iterator[Finding]) -> Iterator[Finding]:
    yield from islice(findings, MOST_FINDINGS)
    if next(findings, None) is not None:
        yield Finding(False, audit_verification.SUBJECT, "and more")


@app.command("export")
def run_export(
    since: Annotated[
        date | None,
        typer.Option(parser=_day, metavar="DAY", help="From this day on, in UTC."),
    ] = None,
    until: Annotated[
        date | None,
        typer.Option(parser=_day, metavar="DAY", help="Before this day."),
    ] = None,
    after: Annotated[
        _Place | None,
        typer.Option(
            parser=_place,
            metavar="DAY/POSITION",
            help="Behind this line, such as the last one of an export that was interrupted.",
        ),
    ] = None,
    _url: DatabaseUrl = None,
) -> None:
    """Write the linked events as JSON, one line each, in the order of the chain.

    Each line has its checksum at its end, so that a copy on another machine can be verified there,
    and be given to oadb audit verify --expect.
    """
    place = (after.day, after.position) if after else None
    with _database() as db:
        for line in audit_chain.export(db, since=since, until=until, after=place):
            typer.echo(line)


@contextmanager
def _database() -> Generator[Database]:
    """Open the database without the limits of a service."""
    config = replace(
        Config.from_env(), call_deadline_seconds=None, statement_timeout_seconds=3600.0
    )
    with Database(config) as db:
        yield db
