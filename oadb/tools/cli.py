"""The command line: ``oadb``. Reads DATABASE_URL and the DB_ variables; see ``oadb --help``."""

import logging
import signal
import sys
from importlib import import_module
from typing import cast

import typer
from typer.core import TyperCommand, TyperGroup

from oadb.errors import Error

_COMMANDS = (
    "demo", "doctor", "maintain", "stats", "check", "migrate", "instruments", "keys",
    "import-openalgo",
)  # fmt: skip
"""In the order of the help; each is a module of oadb.tools.commands."""


class _Commands(TyperGroup):
    """Commands whose modules are imported when they are asked for: it takes half the time."""

    def list_commands(self, ctx: object) -> list[str]:  # noqa: ARG002  # typer's own
        return [*_COMMANDS]

    def get_command(self, ctx: object, cmd_name: str) -> TyperCommand | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"oadb.tools.commands.{cmd_name.replace('-', '_')}")
        command = cast("TyperCommand", typer.main.get_command(module.app))
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def describe() -> None:
    """Show what the data layer of a trading platform on PostgreSQL can do."""


def main() -> None:
    """Run the command line; an error of oadb is one message and exit code 1."""
    # What the pool would log of a refused connection is in the message already.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    # Ended from outside, we still stop the server that we started.
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(128 + signal.SIGTERM))
    try:
        app()
    except Error as error:
        print(f"oadb: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
