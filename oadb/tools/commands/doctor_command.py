"""The command ``oadb doctor``; see ``oadb.tools.health``."""

from oadb.engine.config import Config
from oadb.tools import health, package_list
from oadb.tools.commands import options
from oadb.tools.commands.json_output import AsJson
from oadb.tools.commands.options import DatabaseUrl, Packages
from oadb.tools.commands.report import show, show_json

app = options.command()


@app.command()
def run_doctor(package: Packages = None, as_json: AsJson = False, _url: DatabaseUrl = None) -> None:
    """Check server, roles, keys, logs and migrations. Exits with 3 if a check failed.

    The tables of oadb are left out where the packages do not use them.
    """
    output = show_json if as_json else show
    output(health.examine(Config.from_env(), package_list.chosen(package or ())))
