"""The command ``oadb doctor``; see ``oadb.tools.health``."""

import typer

from oadb.engine.config import Config
from oadb.tools import health
from oadb.tools.commands.report import show

app = typer.Typer(add_completion=False)


@app.command()
def run_doctor() -> None:
    """Check server, roles, keys, logs and migrations. Exits with 1 if a check failed."""
    show(health.examine(Config.from_env()))
