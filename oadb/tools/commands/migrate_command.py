"""The commands ``oadb migrate``; see ``oadb.tools.migrations.runner``."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from oadb.engine.binding.packages import Package
from oadb.engine.config import Config
from oadb.engine.dsn import Dsn
from oadb.errors import ConfigError
from oadb.tools import package_list
from oadb.tools.commands import options, spans
from oadb.tools.commands.json_output import AsJson, print_json
from oadb.tools.commands.options import DatabaseUrl, DryRun, Packages
from oadb.tools.commands.report import FOUND
from oadb.tools.commands.spans import Span
from oadb.tools.migrations import (
    migration_preview,
    migration_rehearsal,
    preview_text,
    rehearsal_text,
    runner,
)
from oadb.tools.usage import UsageError

app = options.command()

_TEN_MINUTES = spans.parse("10m")


@app.callback(invoke_without_command=True)
def run_migrate(
    context: typer.Context,
    dry_run: DryRun = False,
    package: Packages = None,
    _url: DatabaseUrl = None,
) -> None:
    """Apply all pending migrations; its commands list or undo migrations.

    Then build indexes that a migration created "on only" a partitioned table, on each partition.

    With --dry-run, run them on a temporary server instead, and tell for each, from the sizes of the
    tables of the database, which locks it takes, what it reads and writes again, and what waits
    meanwhile. Exits with 3 if callers would wait for what is done to many rows, or if a migration
    or its rollback fails.
    """
    if context.invoked_subcommand is not None:
        if dry_run:
            raise UsageError(f"give --dry-run behind {context.invoked_subcommand}")
        if package:
            raise UsageError(f"give --package behind {context.invoked_subcommand}")
        return
    dsn, packages = _direct().dsn, package_list.chosen(package or ())
    if dry_run:
        _show(dsn, packages)
        return
    report = runner.migrate(dsn, packages=packages, tell=typer.echo)
    if not (report.applied or report.indexed):
        typer.echo("nothing to apply")


def _show(dsn: Dsn, packages: Sequence[Package]) -> None:
    """Say what a run would do, and what would wait for it."""
    report = runner.plan(dsn, packages=packages)
    for migration in report.adopted:
        typer.echo(f"would record {migration}, applied earlier by the yoyo command")
    is_safe = True
    if report.applied:
        for found in migration_preview.preview(dsn, packages, report.applied):
            typer.echo(preview_text.block(found))
            is_safe = is_safe and found.is_safe
    for part in report.indexed:
        typer.echo(f"would build {part}")
    if not (report.applied or report.indexed):
        typer.echo("nothing to apply")
    if not is_safe:
        typer.echo(preview_text.WHY)
        raise typer.Exit(FOUND)


@app.command("status")
def run_status(package: Packages = None, as_json: AsJson = False, _url: DatabaseUrl = None) -> None:
    """List every migration with its state. Changes nothing."""
    packages = package_list.chosen(package or ())
    config = Config.from_env()
    statuses = runner.status(config.dsn, packages=packages, pooler=config.pooler)
    if as_json:
        print_json({"migrations": statuses})
        return
    for status in statuses:
        when = "" if status.applied_at is None else f"{status.applied_at:%Y-%m-%d %H:%M %Z}"
        name = f"{status.package:<10} " if len(packages) > 1 else ""
        typer.echo(f"{status.state:<10} {name}{status.migration_id:<40} {when}".rstrip())


@app.command("rollback")
def run_rollback(
    count: Annotated[
        int,
        typer.Option(min=1, metavar="COUNT", help="How many migrations to undo, newest first."),
    ] = 1,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")] = False,
    dry_run: DryRun = False,
    package: Packages = None,
    _url: DatabaseUrl = None,
) -> None:
    """Undo the last migrations: drops the tables that they created, with all rows.

    Asks on a terminal; elsewhere it needs --yes.
    """
    config, packages = _direct(), package_list.chosen(package or ())
    planned = runner.plan_rollback(config.dsn, count=count, packages=packages)
    if dry_run:
        for migration in planned:
            typer.echo(f"would roll back {migration}")
        return
    if not yes:
        _ask(planned, str(config.dsn))
    runner.rollback(config.dsn, count=count, packages=packages, expected=planned, tell=typer.echo)


@app.command("accept")
def run_accept(
    migration: Annotated[str, typer.Argument(metavar="MIGRATION", help="Its name without .sql.")],
    dry_run: DryRun = False,
    package: Packages = None,
    _url: DatabaseUrl = None,
) -> None:
    """Record a migration that status calls marked or misplaced as applied.

    Look first whether what it changes is there, with oadb check --schema.
    """
    accept = runner.plan_accept if dry_run else runner.accept
    accept(_direct().dsn, migration, packages=package_list.chosen(package or ()))
    typer.echo(f"{'would record' if dry_run else 'recorded'} {migration} as applied")


@app.command("rehearse")
def run_rehearse(
    rows: Annotated[
        int,
        typer.Option(min=1, max=100_000_000, metavar="COUNT", help="Of the largest table."),
    ] = 100_000,
    dump: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Of pg_dump: the schema, instead of the migrations."),
    ] = None,
    timeout: Annotated[
        Span,
        typer.Option(parser=spans.parse, metavar="SPAN", help="For all.  [default: 10m]"),
    ] = _TEN_MINUTES,
    package: Packages = None,
    _url: DatabaseUrl = None,
) -> None:
    """Run pending migrations on a temporary server, with rows and callers. Changes nothing.

    The tables that they touch get rows that their constraints allow, in proportion to those of the
    database, and callers run the statements of the packages on them all the time. Tells for each
    migration how long it took, which statements waited how long and what failed. Exits with 3 if
    one failed, a caller waited for more than 100 ms or saw an error, or the schema is not the
    intended one.
    """
    rehearsal = migration_rehearsal.Rehearsal(
        _direct().dsn,
        package_list.chosen(package or ()),
        rows=rows,
        dump=dump,
        seconds=timeout.length.total_seconds(),
    )
    if not rehearsal.is_needed:
        typer.echo("nothing to apply")
        return
    is_safe = True
    for part in rehearsal.run():
        typer.echo(rehearsal_text.text(part))
        is_safe = is_safe and part.is_safe
    if not is_safe:
        raise typer.Exit(FOUND)


def _direct() -> Config:
    """Return the configuration of an address that leads to the server itself.

    Raises:
        ConfigError: DB_POOLER is not none.
    """
    config = Config.from_env()
    if config.is_pooled:
        raise ConfigError(
            f"DB_POOLER is {config.pooler}, and a run of migrations needs a session that is its "
            "own, for its lock: set DB_POOLER=none and give the address of the server itself in "
            "DATABASE_URL or --database-url; nothing was run"
        )
    return config


def _ask(migrations: tuple[str, ...], database: str) -> None:
    listed = ", ".join(migrations)
    if not sys.stdin.isatty():
        raise UsageError(
            f"standard input is not a terminal, so nobody was asked whether to roll back {listed}; "
            "give --yes to do it, or --dry-run to see it"
        )
    question = f"Roll back {listed} in {database}? Tables that they created are dropped."
    if not typer.confirm(question):
        typer.echo("nothing was changed")
        raise typer.Exit(1)
