"""The command ``oadb doctor``. What it looks at is in ``oadb.tools.doctor``."""

import typer

from oadb.engine.config import Config
from oadb.tools import doctor
from oadb.tools.commands.findings import show

app = typer.Typer(add_completion=False)


@app.command()
def run_doctor() -> None:
    """Look at the database as an operator would: one line for each finding."""
    show(doctor.examine(Config.from_env()))
