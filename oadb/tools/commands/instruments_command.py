"""The commands ``oadb instruments``: master contracts of brokers."""

from pathlib import Path
from typing import Annotated

import typer

from oadb.engine.binding.values import readable
from oadb.engine.database import Database
from oadb.market import brokers, loads
from oadb.market.brokers import files
from oadb.tools.commands.progress import watching

app = typer.Typer(help="Load instruments of brokers.", no_args_is_help=True, add_completion=False)

_SHOWN, _LONGEST_NAME = 10, 255


@app.callback()
def describe() -> None:
    """Load instruments of brokers."""


@app.command("load")
def run_load(
    file: Annotated[Path, typer.Argument(help="The broker's file, plain or gzip.")],
    broker: Annotated[str, typer.Option(help=f"The broker: {', '.join(brokers.READERS)}.")],
    exchange: Annotated[
        list[str] | None,
        typer.Option(help="An exchange that the file must contain; repeatable."),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Load even if an exchange loses more than half of its rows."),
    ] = False,
) -> None:
    """Replace a broker's instruments with those of a file, in one transaction."""
    rows, checksum = brokers.read(broker, file), files.checksum(file)
    with Database.from_env() as db, watching(f"loading {file.name}") as watch:
        report = loads.load(
            db,
            broker,
            watch(rows),
            source=readable(file.name, _LONGEST_NAME),
            checksum=checksum,
            exchanges=exchange or None,
            force=force,
        )
    typer.echo(str(report))
    for name, (before, after) in sorted(report.exchanges.items()):
        typer.echo(f"  {name:<12} {before:>9,} before {after:>9,} after")
    left_out = (*report.rejected, *report.duplicates)
    for each in left_out[:_SHOWN]:
        typer.echo(f"  {each}")
    if len(left_out) > _SHOWN:
        typer.echo(f"  and {len(left_out) - _SHOWN:,} more")
