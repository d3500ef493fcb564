"""The command ``oadb check``; see ``oadb.tools.contract.comparison``."""

import typer

from oadb.engine.config import Config
from oadb.tools.contract import comparison

app = typer.Typer(add_completion=False)


@app.command()
def run_check() -> None:
    """Compare every query with the database: parameters, columns, types, nullability."""
    disagreements = list(comparison.check(Config.from_env()))
    for line in disagreements:
        typer.echo(line)
    if disagreements:
        raise typer.Exit(1)
    typer.echo("all declarations agree with the database")
