"""The command ``oadb demo``; see ``oadb.tools.demonstration.tour``."""

from pathlib import Path
from typing import Annotated

import typer

from oadb.tools.commands import options
from oadb.tools.commands.progress import watching
from oadb.tools.demonstration import tour

app = options.command()


@app.command()
def run_demo(
    file: Annotated[
        Path | None,
        typer.Option(
            "--instruments",
            metavar="FILE",
            help="Zerodha's instrument file, plain or gzip; without it, generated rows.",
        ),
    ] = None,
) -> None:
    """Try the main functions on a temporary PostgreSQL server.

    It is deleted at the end.
    """
    with watching("loading instruments") as watch:
        for step in tour.run(file, watch):
            took = "" if step.seconds is None else _duration(step.seconds)
            typer.echo(f"{step.name:<20} {step.outcome:<58} {took:>8}".rstrip())


def _duration(seconds: float) -> str:
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} us" if seconds >= 1e-6 else f"{seconds * 1e9:.0f} ns"
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
