"""The commands ``oadb instruments``: master contracts of brokers."""

from pathlib import Path
from typing import Annotated

import typer

from oadb.engine.binding.sendable_texts import readable
from oadb.engine.database import Database
from oadb.market import brokers, instruments, loads
from oadb.market.brokers import files
from oadb.market.loads import LoadReport, LoadStatus
from oadb.tools.commands import options
from oadb.tools.commands.options import DatabaseUrl, DryRun
from oadb.tools.commands.progress import watching
from oadb.tools.rehearsal import rehearsed

app = options.group("Load instruments of brokers, and show what is loaded.")

_SHOWN, _LONGEST_NAME = 10, 255


def _known(broker: str) -> str:
    if broker not in brokers.READERS:
        raise typer.BadParameter(
            f"no reader for {broker[:40]!r}; give one of {', '.join(brokers.READERS)}"
        )
    return broker


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
    force: Annotated[
        bool,
        typer.Option("--force", help="Load even if an exchange loses more than half of its rows."),
    ] = False,
    dry_run: DryRun = False,
    _url: DatabaseUrl = None,
) -> None:
    """Replace a broker's instruments with those of a file, in one transaction."""
    rows, checksum = brokers.read(broker, file), files.checksum(file)
    with (
        Database.from_env() as db,
        watching(f"loading {file.name}") as watch,
        rehearsed(db, dry_run) as executor,
    ):
        report = loads.load(
            executor,
            broker,
            watch(rows),
            source=readable(file.name, _LONGEST_NAME),
            checksum=checksum,
            exchanges=exchange or None,
            force=force,
        )
    _show(report)
    if dry_run:
        typer.echo("dry run, nothing was changed")


def _show(report: LoadReport) -> None:
    typer.echo(str(report))
    for name, (before, after) in sorted(report.exchanges.items()):
        typer.echo(f"  {name:<12} {before:>9,} before {after:>9,} after")
    left_out = (*report.rejected, *report.duplicates)
    for each in left_out[:_SHOWN]:
        typer.echo(f"  {each}")
    if len(left_out) > _SHOWN:
        typer.echo(f"  and {len(left_out) - _SHOWN:,} more")


@app.command("status")
def run_status(
    broker: Annotated[
        str | None,
        typer.Argument(metavar="BROKER", help="One broker; without it, all with a load."),
    ] = None,
    _url: DatabaseUrl = None,
) -> None:
    """Show each broker's last load, and whether a new one is due.

    Also how many instruments it has. A load is due if none has succeeded since 08:00 in India.
    """
    with Database.from_env() as db:
        known = {*brokers.READERS, *instruments.list_brokers(db)}
        found = False
        for name in sorted(known) if broker is None else [broker]:
            status = loads.get_status(db, name)
            if status is not None:
                found = True
                _show_status(db, name, status)
    if not found:
        typer.echo(f"{broker or 'no broker'}: never loaded; see oadb instruments load")


def _show_status(db: Database, broker: str, status: LoadStatus) -> None:
    due = "a load is due" if loads.is_due(db, broker) else "not due"
    counts = instruments.count_by_exchange(db, broker)
    typer.echo(f"{broker}: {_last_load(status)}; {due}")
    for each in counts:
        typer.echo(f"  {each.exchange:<12} {each.instruments:>9,} instruments")


def _last_load(status: LoadStatus) -> str:
    started = f"{status.started_at:%Y-%m-%d %H:%M %Z}"
    loaded = "never" if status.loaded_at is None else f"{status.loaded_at:%Y-%m-%d %H:%M %Z}"
    if status.is_running:
        return f"running since {started}, last loaded: {loaded}"
    if status.outcome == "loaded":
        return f"loaded at {loaded}"
    why = "its process died" if status.reason is None else status.reason.splitlines()[0]
    return f"the load of {started} failed ({why}), last loaded: {loaded}"
