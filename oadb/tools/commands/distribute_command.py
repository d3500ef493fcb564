"""The commands ``oadb distribute``; see ``oadb.tools.scale.distribution``."""

from collections.abc import Iterator
from typing import Annotated

import typer

from oadb.engine.config import Config
from oadb.engine.dsn import Dsn
from oadb.errors import ConfigError
from oadb.tools import package_list
from oadb.tools.commands import options
from oadb.tools.commands.options import DatabaseUrl, DryRun, Packages
from oadb.tools.commands.report import exit_if
from oadb.tools.scale import distribution
from oadb.tools.scale.distribution import DistributionPlan
from oadb.tools.usage import UsageError

app = options.command()


@app.callback(invoke_without_command=True)
def run_distribute(
    context: typer.Context,
    dry_run: DryRun = False,
    shards: Annotated[
        int,
        typer.Option(
            min=1, max=1024, metavar="COUNT", help="Parts of each table that is distributed first."
        ),
    ] = distribution.SHARDS,
    package: Packages = None,
    _url: DatabaseUrl = None,
) -> None:
    """Make a Citus cluster of a migrated database; run it on the coordinator.

    Each table goes where sql/layout.toml of its package says, and why. If the command is stopped,
    run it again. docs/scale.md has the whole recipe. With --dry-run, exits with 3 if something
    stands in the way.
    """
    if context.invoked_subcommand is not None:
        if dry_run or package:
            raise UsageError(f"give options behind {context.invoked_subcommand}")
        return
    dsn, packages = _dsn(), package_list.chosen(package or ())
    if dry_run:
        planned = distribution.plan(dsn, packages)
        for line in _steps(planned):
            typer.echo(line)
        _show_faults(planned)
        return
    distribution.distribute(dsn, packages, shards=shards, tell=typer.echo)
    typer.echo("the cluster fits the layout")


@app.command("status")
def run_status(package: Packages = None, _url: DatabaseUrl = None) -> None:
    """Say of each table where it is, where it belongs and why. Changes nothing.

    Exits with 3 if steps are left, or something stands in the way.
    """
    planned = distribution.plan(_dsn(), package_list.chosen(package or ()))
    for line in _tables(planned):
        typer.echo(line)
    for step in planned.steps:
        typer.echo(f"left: {step}")
    _show_faults(planned)
    exit_if(found=bool(planned.steps))


def _dsn() -> Dsn:
    """Return the address of the coordinator itself.

    Raises:
        ConfigError: it is that of a pooler, which would share the session with others.
    """
    config = Config.from_env()
    if config.pooler != "none":
        raise ConfigError(
            "DB_POOLER: distribute needs a session of its own; give the DATABASE_URL of the "
            "coordinator itself, and unset DB_POOLER"
        )
    return config.dsn


def _steps(planned: DistributionPlan) -> Iterator[str]:
    for step in planned.steps:
        is_placing = step.kind in {"reference", "distribute"}
        reason = planned.layout[step.name].why if is_placing else ""
        yield f"would {step}: {reason}" if reason else f"would {step}"
    if not planned.steps:
        yield "nothing to do"


def _tables(planned: DistributionPlan) -> Iterator[str]:
    found = {each.name: each.placement for each in planned.state.tables}
    for place in sorted(planned.layout.values(), key=lambda each: each.table):
        place_now = found.get(place.table, "coordinator")
        by = f" by {place.by}" if place.by and not place.kept_back else ""
        kept = f"; kept back: {place.kept_back}" if place.kept_back else ""
        yield f"{place_now:<12} {place.table}{by}: {place.why}{kept}"


def _show_faults(planned: DistributionPlan) -> None:
    for fault in planned.faults:
        typer.echo(f"FAIL {fault}")
    exit_if(found=bool(planned.faults))
