"""The command ``oadb maintain``; see ``oadb.tools.maintenance``."""

import os
import signal
from threading import Event
from typing import Annotated

import typer

from oadb.engine.config import Config
from oadb.tools import maintenance, maintenance_preview, retention
from oadb.tools.commands import options, spans
from oadb.tools.commands.options import DatabaseUrl, DryRun
from oadb.tools.commands.report import show
from oadb.tools.commands.spans import Span
from oadb.tools.retention import Retention
from oadb.tools.usage import UsageError

app = options.command()


@app.command()
def run_maintain(
    every: Annotated[
        Span | None,
        typer.Option(
            parser=spans.parse,
            metavar="SPAN",
            help="Run again this long after each run, until SIGTERM.",
        ),
    ] = None,
    dry_run: DryRun = False,
    _url: DatabaseUrl = None,
) -> None:
    """Make partitions ahead of need and delete expired rows. Exits with 3 if a step failed."""
    if dry_run and every is not None:
        raise UsageError("--dry-run shows one run; give it without --every")
    config, kept = Config.from_env(), retention.from_env(os.environ)
    if dry_run:
        _preview(config, kept)
        return
    if every is None:
        show(maintenance.run(config, kept))
        return
    ended = Event()
    signal.signal(signal.SIGTERM, lambda _signal, _frame: ended.set())
    for finding in maintenance.repeat(config, kept, every.length, ended):
        typer.echo(str(finding))


def _preview(config: Config, kept: Retention) -> None:
    findings = [*maintenance_preview.run(config, kept)]
    if not findings:
        typer.echo("nothing to do")
    show(findings)
