"""The command ``oadb top``; see ``oadb.tools.activity``."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.tools import lock_holders, package_list
from oadb.tools.activity import load_views, plan_drift, statement_counters, statement_places
from oadb.tools.activity.plan_drift import DriftReport
from oadb.tools.activity.statement_counters import CounterSnapshot
from oadb.tools.activity.statement_load import CostReport, Measure, report
from oadb.tools.commands import options, spans
from oadb.tools.commands.json_output import AsJson, print_json
from oadb.tools.commands.options import DatabaseUrl, Packages
from oadb.tools.commands.report import FOUND
from oadb.tools.commands.spans import Span
from oadb.tools.plans import own_session

app = options.command()

# The width of output that does not go to a terminal: the longest label and path fit.
_PIPED_WIDTH = 240

_TWO_SECONDS = spans.parse("2s")


@app.command()
def run_top(
    every: Annotated[
        Span, typer.Option(parser=spans.parse, metavar="SPAN", help="How often to look again.")
    ] = _TWO_SECONDS,
    by: Annotated[Measure, typer.Option(help="What the worst have most of.")] = "time",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many statements to show.")] = 20,
    variants: Annotated[
        bool, typer.Option("--variants", help="Show the variants of a statement apart.")
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="Show what was counted since the reset, and end.")
    ] = False,
    plans: Annotated[
        bool, typer.Option("--plans", help="Compare their plans here with their locks, and end.")
    ] = False,
    as_json: AsJson = False,
    package: Packages = None,
    _url: DatabaseUrl = None,
) -> None:
    """Show what each statement costs the server, by its name, the worst first.

    On a terminal, what was counted since the last look, per second, until Ctrl-C. In a pipe, and
    with --once or --json, what was counted since the counters were reset. Reads pg_stat_statements;
    statements of no package are one line, other. With --plans, those that are shown are planned,
    not run; exits with 3 if one reads a large table in a way that its lock does not have, or cannot
    be planned here.
    """
    packages = package_list.chosen(package or ())
    places = statement_places.places(packages)
    config = Config.from_env()
    target = own_session.target(config) if plans else config.dsn
    console = Console(highlight=False, markup=False)
    with Database(lock_holders.patient(config)) as db:
        looks = _looks(db, partial(report, places=places, by=by, variants=variants))
        found = next(looks)
        if not (as_json or once or plans) and console.is_terminal:
            _stay(console, every, looks, limit)
            return
        labels = [load.label for load in found.loads[:limit]]
        drift = plan_drift.compare(db, target, packages, labels) if plans else None
    if as_json:
        compared = {} if drift is None else {"plans": drift}
        print_json({**load_views.document(found, limit), **compared})
    else:
        _show(console, found, limit, drift)
    if drift is not None and (drift.drifts or drift.unplanned):
        raise typer.Exit(FOUND)


def _show(console: Console, found: CostReport, limit: int, drift: DriftReport | None) -> None:
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    console.print(load_views.table(found, limit, width=console.width, rates=False))
    if drift is not None:
        for each in drift.drifts:
            typer.echo(str(each))
        typer.echo(f"{drift}; {'these' if drift.drifts else 'none'} drifted")


def _looks(
    db: Database, compared: Callable[[CounterSnapshot, CounterSnapshot | None], CostReport]
) -> Iterator[CostReport]:
    """Yield what was counted until the first look, then what was between each two."""
    earlier: CounterSnapshot | None = None
    while True:
        now = statement_counters.take(db)
        yield compared(now, earlier)
        earlier = now


def _stay(console: Console, every: Span, looks: Iterator[CostReport], limit: int) -> None:
    """Show each report in the place of the one before, until Ctrl-C."""
    with (
        suppress(KeyboardInterrupt),
        Live("looking ...", console=console, screen=True, auto_refresh=False) as live,
    ):
        live.refresh()
        while True:
            time.sleep(every.length.total_seconds())
            width, height = console.size
            shown = load_views.screen(next(looks), limit, width=width, height=height)
            live.update(shown, refresh=True)
