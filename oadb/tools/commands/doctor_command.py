"""The command ``oadb doctor``. What it looks at is in ``oadb.tools.health``."""

import typer

from oadb.engine.config import Config
from oadb.tools import health
from oadb.tools.commands.report import show

app = typer.Typer(add_completion=False)


@app.command()
def run_doctor() -> None:
    """Look at the database as an operator would: one line for each finding."""
    show(health.examine(Config.from_env()))
