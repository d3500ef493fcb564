"""The command ``oadb maintain``; see ``oadb.tools.maintenance``."""

import os
import signal
from threading import Event
from typing import Annotated

import typer

from oadb.engine.config import Config
from oadb.tools import maintenance, retention
from oadb.tools.commands.report import show

app = typer.Typer(add_completion=False)


@app.command()
def run_maintain(
    every: Annotated[
        float | None,
        typer.Option(min=1, help="Repeat after this many seconds, until SIGTERM."),
    ] = None,
) -> None:
    """Make partitions ahead of need and delete expired rows. Exits with 1 if a step failed."""
    config, kept = Config.from_env(), retention.from_env(os.environ)
    if every is None:
        show(maintenance.run(config, kept))
        return
    ended = Event()
    signal.signal(signal.SIGTERM, lambda _signal, _frame: ended.set())
    for finding in maintenance.repeat(config, kept, every, ended):
        typer.echo(str(finding))
