"""The command line: ``oadb``. What it reads of the environment is said by ``oadb --help``."""

import logging
import signal
import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, cast

import typer
from typer.core import TyperCommand, TyperGroup

from oadb.errors import ConfigError, Error

_COMMANDS = (
    "demo", "doctor", "maintain", "stats", "check", "migrate", "instruments", "keys",
    "import-openalgo",
)  # fmt: skip
"""In the order of the help; each has a module in oadb.tools.commands."""

_ENVIRONMENT = (
    "Reads DATABASE_URL, the DB_ variables of the pool and its limits, OADB_KEYRING_FILE or "
    "OADB_KEYRING, for maintain OADB_<TABLE>_RETENTION_DAYS. README.md and docs/reliability.md "
    "say what each means."
)


class _Commands(TyperGroup):
    """Commands whose modules are imported when they are asked for: it takes half the time."""

    def list_commands(self, ctx: object) -> list[str]:  # noqa: ARG002  # typer's own
        return [*_COMMANDS]

    def get_command(self, ctx: object, cmd_name: str) -> TyperCommand | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        name = f"{cmd_name.replace('-', '_')}_command"
        module = import_module(f"oadb.tools.commands.{name}")
        command = cast("TyperCommand", typer.main.get_command(module.app))
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog=_ENVIRONMENT,
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"oadb {version('oadb')}")
        raise typer.Exit


@app.callback()
def describe(
    version: Annotated[
        bool,
        typer.Option("--version", help="Say which oadb this is.", callback=_show_version),
    ] = False,
) -> None:
    """Show what the data layer of a trading platform on PostgreSQL can do."""


def main() -> None:
    """Run the command line; an error of oadb, or of PostgreSQL, is one line and exit code 1."""
    # What the pool would log of a refused connection is in the message already.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    # Ended from outside, we still stop the server that we started.
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(128 + signal.SIGTERM))
    try:
        app()
    except Error as error:
        _fail(str(error))
    except Exception as error:
        refused = _refused(error)
        if refused is None:
            raise
        _fail(refused)


def _refused(error: Exception) -> str | None:
    """Return what PostgreSQL refused; None for what is our own mistake."""
    # What the help does not wait for, as it takes as long as all of that.
    import psycopg  # noqa: PLC0415

    from oadb.engine.config import Config  # noqa: PLC0415
    from oadb.tools.findings import refusal  # noqa: PLC0415

    if not isinstance(error, psycopg.Error):
        return None
    try:
        return refusal(error, str(Config.from_env().dsn))
    except ConfigError:  # of the demo, which reads none
        return refusal(error, "the database")


def _fail(message: str) -> None:
    print(f"oadb: {message}", file=sys.stderr)  # noqa: T201
    sys.exit(1)
