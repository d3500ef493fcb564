"""The command line: ``oadb``. Reads DATABASE_URL and the DB_ variables; see ``oadb --help``."""

import logging
import os
import signal
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from oadb import brokers, instrument_loads
from oadb.brokers import files
from oadb.engine import embedded
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import Dsn
from oadb.engine.values import readable
from oadb.errors import Error
from oadb.tools import (
    cli_import,
    cli_keys,
    cli_stats,
    contract,
    demo,
    doctor,
    maintenance,
    migrations,
    retention,
)
from oadb.tools.findings import Finding

T = TypeVar("T")

app = typer.Typer(
    help="The data layer of a trading platform on PostgreSQL.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
migrate_app = typer.Typer(help="Apply migrations, undo them, or say which are applied.")
instruments_app = typer.Typer(help="Master contracts of brokers.", no_args_is_help=True)
app.add_typer(migrate_app, name="migrate")
app.add_typer(instruments_app, name="instruments")
app.add_typer(cli_keys.app, name="keys")
app.command("stats")(cli_stats.run_stats)
app.command("import-openalgo")(cli_import.run_import)

# How often the number beside a progress bar is brought up to date, in rows.
_TICK = 500

_SHOWN, _LONGEST_NAME = 10, 255


def main() -> None:
    """Run the command line; an error of oadb is one message and exit code 1."""
    # What the pool would log of a refused connection is in the message already.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    # Ended from outside, we still stop the server that we started.
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(128 + signal.SIGTERM))
    try:
        app()
    except Error as error:
        print(f"oadb: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(1)


@app.command("demo")
def run_demo(
    file: Annotated[
        Path | None, typer.Option("--instruments", help="An instrument file of Zerodha.")
    ] = None,
) -> None:
    """Do the main job on an embedded PostgreSQL that is gone afterwards."""
    with _progress("loading instruments") as watch:
        for step in demo.run(file, watch):
            took = "" if step.seconds is None else _duration(step.seconds)
            typer.echo(f"{step.name:<20} {step.outcome:<58} {took:>8}".rstrip())


@app.command("doctor")
def run_doctor() -> None:
    """Look at the database as an operator would: one line for each finding."""
    _show(doctor.examine(Config.from_env()))


@app.command("maintain")
def run_maintain(
    every: Annotated[
        float | None,
        typer.Option(min=1, help="Run again after so many seconds, until SIGTERM."),
    ] = None,
) -> None:
    """Make partitions ahead of need and end what is old: one line for each thing done or found."""
    config, kept = Config.from_env(), retention.from_env(os.environ)
    if every is None:
        _show(maintenance.run(config, kept))
        return
    ended = Event()
    signal.signal(signal.SIGTERM, lambda _signal, _frame: ended.set())
    for finding in maintenance.repeat(config, kept, every, ended):
        typer.echo(str(finding))


@app.command("check")
def run_check() -> None:
    """Compare every declared query with the database: parameters, columns, types, nulls."""
    disagreements = list(contract.check(Config.from_env()))
    for line in disagreements:
        typer.echo(line)
    if disagreements:
        raise typer.Exit(1)
    typer.echo("every declaration agrees with the database")


@migrate_app.callback(invoke_without_command=True)
def run_migrate(context: typer.Context) -> None:
    """Apply every migration that the database lacks."""
    if context.invoked_subcommand is not None:
        return
    with _target() as target:
        report = migrations.migrate(target)
    for migration in report.adopted:
        typer.echo(f"recorded {migration}, applied earlier by yoyo")
    for migration in report.applied:
        typer.echo(f"applied {migration}")
    if not report.applied:
        typer.echo("nothing to apply")


@migrate_app.command("status")
def run_migrate_status() -> None:
    """List every migration and its state. Changes nothing."""
    with _target() as target:
        for status in migrations.status(target):
            when = "" if status.applied_at is None else f"{status.applied_at:%Y-%m-%d %H:%M %Z}"
            typer.echo(f"{status.state:<10} {status.migration_id:<40} {when}".rstrip())


@migrate_app.command("rollback")
def run_migrate_rollback(
    count: Annotated[int, typer.Option(help="How many migrations to undo, the last first.")] = 1,
) -> None:
    """Undo the last migrations. What they created is dropped, with its rows."""
    with _target() as target:
        for migration in migrations.rollback(target, count=count):
            typer.echo(f"rolled back {migration}")


@instruments_app.command("load")
def run_instruments_load(
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
    with Database.from_env() as db, _progress(f"loading {file.name}") as watch:
        report = instrument_loads.load(
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


def _show(findings: Iterable[Finding]) -> None:
    """Print each as it comes; exit with 1 at the end if something is amiss."""
    amiss = False
    for finding in findings:
        typer.echo(str(finding))
        amiss |= not finding.ok
    if amiss:
        raise typer.Exit(1)


@contextmanager
def _target() -> Generator[Dsn]:
    """Give the database of the environment, started if it is an embedded one."""
    with embedded.reachable(Config.from_env().dsn) as target:
        yield target


@contextmanager
def _progress(label: str) -> Generator[demo.Watch]:
    """Show rows as they pass, on a terminal; say nothing elsewhere."""
    columns = (SpinnerColumn(), TextColumn("{task.description} {task.completed:,.0f} rows"))
    console = Console(stderr=True)
    with Progress(
        *columns,
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:

        def watch(rows: Iterable[T]) -> Iterator[T]:
            task = progress.add_task(label, total=None)
            for number, row in enumerate(rows, 1):
                if number % _TICK == 0:
                    progress.update(task, completed=number)
                yield row
            progress.remove_task(task)

        yield watch


def _duration(seconds: float) -> str:
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} us" if seconds >= 1e-6 else f"{seconds * 1e9:.0f} ns"
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
