"""The command ``oadb check``; see ``oadb.tools.contract.comparison``."""

from typing import Annotated

import typer

from oadb.engine.config import Config
from oadb.tools import package_list
from oadb.tools.commands import options
from oadb.tools.commands.options import DatabaseUrl, Packages
from oadb.tools.commands.report import FOUND
from oadb.tools.contract import comparison, watching
from oadb.tools.migrations import runner, states

app = options.command()


@app.command()
def run_check(
    package: Packages = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay, and check again what is edited.")
    ] = False,
    _url: DatabaseUrl = None,
) -> None:
    """Compare every query with the database.

    Compares parameters, columns, types and nullability. Exits with 3 if one disagrees, or if a
    migration was marked as applied without being run.
    """
    config, packages = Config.from_env(), package_list.chosen(package or ())
    if watch:
        watching.watch(config, packages, typer.echo)
    found = runner.status(config.dsn, packages=packages, pooler=config.pooler)
    disagreements = [*states.doubts(found), *comparison.check(config, packages)]
    for line in disagreements:
        typer.echo(line)
    if disagreements:
        raise typer.Exit(FOUND)
    typer.echo("all declarations agree with the database")
