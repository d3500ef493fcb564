"""The commands ``oadb instruments``: master contracts of brokers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from oadb.engine.binding.sendable_texts import readable
from oadb.engine.database import Database
from oadb.errors import LoadError
from oadb.market import brokers, instruments, loads
from oadb.market.brokers import files
from oadb.market.instruments import ExchangeCount
from oadb.market.loads import ExchangeStatus, LoadLimits, LoadReport, LoadStatus
from oadb.tools.commands import options
from oadb.tools.commands.json_output import AsJson, print_json
from oadb.tools.commands.options import DatabaseUrl, DryRun
from oadb.tools.commands.progress import watching

app = options.group("Load instruments of brokers, and show what is loaded.")

_SHOWN, _LONGEST_NAME = 10, 255
_USUAL = LoadLimits()


def _known(broker: str) -> str:
    if broker not in brokers.READERS:
        raise typer.BadParameter(
            f"no reader for {broker[:40]!r}; give one of {', '.join(brokers.READERS)}"
        )
    return broker


_MaxRejected = Annotated[
    float,
    typer.Option(metavar="PART", min=0, max=1, help="The part of the rows that may be invalid."),
]
_MaxRemoved = Annotated[
    float,
    typer.Option(metavar="PART", min=0, max=1, help="The part of an exchange that may be removed."),
]
_MaxVanished = Annotated[
    float,
    typer.Option(
        metavar="PART",
        min=0,
        max=1,
        help="The part of an exchange and type that may be gone before it has expired.",
    ),
]
_AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Leave exchanges that are missing as they are.")
]
_AllowExpired = Annotated[
    bool, typer.Option("--allow-expired", help="All contracts of an exchange may have expired.")
]


@app.command("load")
def run_load(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The broker's file, plain or gzip.")],
    broker: Annotated[
        str,
        typer.Option(metavar="BROKER", parser=_known, help=f"One of {', '.join(brokers.READERS)}."),
    ],
    exchange: Annotated[
        list[str] | None,
        typer.Option(
            metavar="EXCHANGE", help="An exchange that the file must contain; repeatable."
        ),
    ] = None,
    max_rejected: _MaxRejected = _USUAL.max_rejected,
    max_removed: _MaxRemoved = _USUAL.max_removed,
    max_vanished: _MaxVanished = _USUAL.max_vanished,
    allow_missing: _AllowMissing = False,
    allow_expired: _AllowExpired = False,
    force: Annotated[bool, typer.Option("--force", help="Load, whatever the limits say.")] = False,
    dry_run: DryRun = False,
    _url: DatabaseUrl = None,
) -> None:
    """Replace a broker's instruments with those of a file, in one transaction.

    A load that would lose more than its limits allow is refused, and nothing is changed.
    """
    limits = LoadLimits(
        max_removed=max_removed,
        max_rejected=max_rejected,
        max_vanished=max_vanished,
        allow_missing=allow_missing,
        allow_expired=allow_expired,
    )
    if dry_run:
        _preview(broker, file, exchange or None, limits, force)
    else:
        _load(broker, file, exchange or None, limits, force)


def _load(
    broker: str, file: Path, exchanges: list[str] | None, limits: LoadLimits, force: bool
) -> None:
    rows = brokers.read(broker, file)
    with Database.from_env() as db, watching(f"loading {file.name}") as watch:
        report = loads.load(
            db,
            broker,
            rows.through(watch),
            source=readable(file.name, _LONGEST_NAME),
            checksum=files.checksum(file),
            exchanges=exchanges,
            limits=limits,
            force=force,
        )
    _show(report)
    for objection in report.objections:
        typer.echo(f"  forced, although {objection}")


def _preview(
    broker: str, file: Path, exchanges: list[str] | None, limits: LoadLimits, force: bool
) -> None:
    """Show what a load would change; raises LoadError if it would be refused."""
    rows = brokers.read(broker, file)
    with Database.from_env() as db, watching(f"comparing {file.name}") as watch:
        report = loads.preview(db, broker, rows.through(watch), exchanges=exchanges, limits=limits)
    _show(report)
    for each in report.changes:
        typer.echo(
            f"  {each.exchange:<12} {each.instrument_type:<9} {each.added:>9,} new "
            f"{each.changed:>9,} changed {each.removed:>9,} gone"
        )
    for objection in report.objections if force else ():
        typer.echo(f"  would be forced, although {objection}")
    typer.echo("dry run, nothing was changed")
    if report.objections and not force:
        raise LoadError(f"the load would be refused: {'; '.join(report.objections)}")


def _show(report: LoadReport) -> None:
    typer.echo(str(report))
    for name, (before, after) in sorted(report.exchanges.items()):
        typer.echo(f"  {name:<12} {before:>9,} before {after:>9,} after")
    for line in _left_out(report):
        typer.echo(f"  {line}")


def _left_out(report: LoadReport) -> Iterator[str]:
    """Yield the first rows that were left out, and how many more there are."""
    yield from (f"{rows:,} omitted: {reason}" for reason, rows in report.omitted.reasons.items())
    rows = report.rejected.rows + report.duplicates.rows
    yield from map(str, (*report.rejected.sample, *report.duplicates.sample)[:_SHOWN])
    if rows > _SHOWN:
        yield f"and {rows - _SHOWN:,} more"


@app.command("status")
def run_status(
    broker: Annotated[
        str | None,
        typer.Argument(metavar="BROKER", help="One broker; without it, all with a load."),
    ] = None,
    as_json: AsJson = False,
    _url: DatabaseUrl = None,
) -> None:
    """Show each broker's last load, and the exchanges of which a new one is due.

    A load is due if the list of an exchange was not downloaded since 08:00 in India.
    """
    with Database.from_env() as db:
        loaded = [*_loaded(db, broker)]
    if as_json:
        print_json({"brokers": loaded})
        return
    for each in loaded:
        _show_status(each)
    if not loaded:
        typer.echo(f"{broker or 'no broker'}: never loaded; see oadb instruments load")


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What is loaded of a broker."""

    broker: str
    is_due: bool
    last_load: LoadStatus
    exchanges: list[ExchangeCount]
    downloads: list[ExchangeStatus]


def _loaded(db: Database, broker: str | None) -> Iterator[_Loaded]:
    """Yield what is loaded of *broker*, or of all brokers, by name."""
    known = {*brokers.READERS, *instruments.list_brokers(db)}
    for name in sorted(known) if broker is None else [broker]:
        status = loads.get_status(db, name)
        if status is not None:
            downloads = loads.list_exchange_status(db, name)
            is_due = not downloads or any(each.is_due for each in downloads)
            counts = instruments.count_by_exchange(db, name)
            yield _Loaded(name, is_due, status, counts, downloads)


def _show_status(loaded: _Loaded) -> None:
    ages = {each.exchange: each for each in loaded.downloads}
    due = "a load is due" if loaded.is_due else "not due"
    typer.echo(f"{loaded.broker}: {_last_load(loaded.last_load)}; {due}")
    for each in loaded.exchanges:
        age = _age(ages.get(each.exchange))
        typer.echo(f"  {each.exchange:<12} {each.instruments:>9,} instruments{age}")


def _age(status: ExchangeStatus | None) -> str:
    if status is None or not status.is_due:
        return ""
    if status.downloaded_at is None:
        return ", due: not known when they were downloaded"
    return f", due: downloaded at {status.downloaded_at:%Y-%m-%d %H:%M %Z}"


def _last_load(status: LoadStatus) -> str:
    started = f"{status.started_at:%Y-%m-%d %H:%M %Z}"
    loaded = "never" if status.loaded_at is None else f"{status.loaded_at:%Y-%m-%d %H:%M %Z}"
    if status.is_running:
        return f"running since {started}, last loaded: {loaded}"
    if status.outcome == "loaded":
        return f"loaded at {loaded}"
    why = "its process died" if status.reason is None else status.reason.splitlines()[0]
    return f"the load of {started} failed ({why}), last loaded: {loaded}"
