"""The commands ``oadb instruments``: master contracts of brokers."""

from pathlib import Path
from typing import Annotated

import typer

from oadb.engine.binding.values import readable
from oadb.engine.database import Database
from oadb.market import brokers, loads
from oadb.market.brokers import files
from oadb.tools.commands.progress import watching

app = typer.Typer(help="Master contracts of brokers.", no_args_is_help=True, add_completion=False)

_SHOWN, _LONGEST_NAME = 10, 255


@app.callback()
def describe() -> None:
    """Load master contracts of brokers."""


@app.command("load")
def run_load(
    file: Annotated[Path, typer.Argument(help="The broker's file, plain or gzip.")],
    broker: Annotated[str, typer.Option(help=f"Whose format it is: {', '.join(brokers.READERS)}.")],
    exchange: Annotated[
        list[str] | None,
        typer.Option(help="An exchange that the file has to have; may be given more than once."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also if an exchange loses more than half.")
    ] = False,
) -> None:
    """Replace a broker's instruments by those of a file, in one transaction, and report."""
    rows, checksum = brokers.read(broker, file), files.checksum(file)
    with Database.from_env() as db, watching(f"loading {file.name}") as watch:
        report = loads.load(
            db, broker, watch(rows), source=readable(file.name, _LONGEST_NAME), checksum=checksum,
            exchanges=exchange or None, force=force,
        )  # fmt: skip
    typer.echo(str(report))
    for name, (before, after) in sorted(report.exchanges.items()):
        typer.echo(f"  {name:<12} {before:>9,} before {after:>9,} after")
    left_out = (*report.rejected, *report.duplicates)
    for each in left_out[:_SHOWN]:
        typer.echo(f"  {each}")
    if len(left_out) > _SHOWN:
        typer.echo(f"  and {len(left_out) - _SHOWN:,} more")
