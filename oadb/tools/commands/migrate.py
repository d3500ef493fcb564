"""The commands ``oadb migrate``. What they do is in ``oadb.tools.migrations``."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated

import typer

from oadb.engine import embedded
from oadb.engine.config import Config
from oadb.engine.dsn import Dsn
from oadb.tools import migrations

app = typer.Typer(
    help="Apply migrations, undo them, or say which are applied.", add_completion=False
)


@app.callback(invoke_without_command=True)
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


@app.command("status")
def run_status() -> None:
    """List every migration and its state. Changes nothing."""
    with _target() as target:
        for status in migrations.status(target):
            when = "" if status.applied_at is None else f"{status.applied_at:%Y-%m-%d %H:%M %Z}"
            typer.echo(f"{status.state:<10} {status.migration_id:<40} {when}".rstrip())


@app.command("rollback")
def run_rollback(
    count: Annotated[int, typer.Option(help="How many migrations to undo, the last first.")] = 1,
) -> None:
    """Undo the last migrations. What they created is dropped, with its rows."""
    with _target() as target:
        for migration in migrations.rollback(target, count=count):
            typer.echo(f"rolled back {migration}")


@contextmanager
def _target() -> Generator[Dsn]:
    """Give the database of the environment, started if it is an embedded one."""
    with embedded.reachable(Config.from_env().dsn) as target:
        yield target
