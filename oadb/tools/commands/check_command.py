"""The command ``oadb check``; see ``oadb.tools.contract.comparison``."""

import typer

from oadb.engine.config import Config
from oadb.tools import package_list
from oadb.tools.commands import options
from oadb.tools.commands.options import DatabaseUrl, Packages
from oadb.tools.commands.report import FOUND
from oadb.tools.contract import comparison

app = options.command()


@app.command()
def run_check(package: Packages = None, _url: DatabaseUrl = None) -> None:
    """Compare every query with the database.

    Compares parameters, columns, types and nullability. Exits with 3 if one disagrees.
    """
    disagreements = list(comparison.check(Config.from_env(), package_list.chosen(package or ())))
    for line in disagreements:
        typer.echo(line)
    if disagreements:
        raise typer.Exit(FOUND)
    typer.echo("all declarations agree with the database")
