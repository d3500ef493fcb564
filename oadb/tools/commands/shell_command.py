"""The command ``oadb shell``; see ``oadb.tools.psql_session`` and ``python_session``."""

from typing import Annotated

import typer

from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.tools import package_list, psql_session, python_session
from oadb.tools.commands import options
from oadb.tools.commands.options import DatabaseUrl, Packages

app = options.command()


@app.command()
def run_shell(
    python: Annotated[
        bool, typer.Option("--python", help="A Python prompt with db and the modules of queries.")
    ] = False,
    package: Packages = None,
    _url: DatabaseUrl = None,
) -> None:
    r"""Open psql on the database, with the limits of a service and every query at hand.

    Parameters are variables, and so are queries: \set user_id 7, then :users_get runs users.get.
    What comes through a pipe is run up to the first error, with exit code 1. The password is in no
    argument and no environment variable.
    """
    config, packages = Config.from_env(), package_list.chosen(package or ())
    if python:
        with Database(config) as db:
            python_session.run(db, str(config.dsn), packages)
    elif psql_session.run(config, packages):
        raise typer.Exit(1)
