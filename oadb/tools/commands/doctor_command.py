"""The command ``oadb doctor``; see ``oadb.tools.health``."""

from oadb.engine.config import Config
from oadb.tools import health
from oadb.tools.commands import options
from oadb.tools.commands.options import DatabaseUrl
from oadb.tools.commands.report import show

app = options.command()


@app.command()
def run_doctor(_url: DatabaseUrl = None) -> None:
    """Check server, roles, keys, logs and migrations. Exits with 3 if a check failed."""
    show(health.examine(Config.from_env()))
