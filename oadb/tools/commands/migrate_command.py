"""The commands ``oadb migrate``; see ``oadb.tools.migrations.runner``."""

from typing import Annotated

import typer

from oadb.engine.config import Config
from oadb.tools.migrations import runner

app = typer.Typer(
    help="Apply all pending migrations; its commands list or undo migrations.",
    add_completion=False,
)


@app.callback(invoke_without_command=True)
def run_migrate(context: typer.Context) -> None:
    """Apply all pending migrations."""
    if context.invoked_subcommand is not None:
        return
    report = runner.migrate(Config.from_env().dsn)
    for migration in report.adopted:
        typer.echo(f"recorded {migration}, applied earlier by the yoyo command")
    for migration in report.applied:
        typer.echo(f"applied {migration}")
    if not report.applied:
        typer.echo("nothing to apply")


@app.command("status")
def run_status() -> None:
    """List every migration with its state. Changes nothing."""
    for status in runner.status(Config.from_env().dsn):
        when = "" if status.applied_at is None else f"{status.applied_at:%Y-%m-%d %H:%M %Z}"
        typer.echo(f"{status.state:<10} {status.migration_id:<40} {when}".rstrip())


@app.command("rollback")
def run_rollback(
    count: Annotated[int, typer.Option(help="The number of migrations to undo, newest first.")] = 1,
) -> None:
    """Undo the last migrations: drops the tables that they created, with all rows."""
    for migration in runner.rollback(Config.from_env().dsn, count=count):
        typer.echo(f"rolled back {migration}")
