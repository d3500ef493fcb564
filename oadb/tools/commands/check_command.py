"""The command ``oadb check``. What it compares is in ``oadb.tools.contract.comparison``."""

import typer

from oadb.engine.config import Config
from oadb.tools.contract import comparison

app = typer.Typer(add_completion=False)


@app.command()
def run_check() -> None:
    """Compare every declared query with the database: parameters, columns, types, nulls."""
    disagreements = list(comparison.check(Config.from_env()))
    for line in disagreements:
        typer.echo(line)
    if disagreements:
        raise typer.Exit(1)
    typer.echo("every declaration agrees with the database")
