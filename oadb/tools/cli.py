"""The command line ``oadb``; ``oadb --help`` names the environment variables that it reads."""

import atexit
import gc
import logging
import signal
import sys
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Annotated, Protocol, cast

import typer
from typer.core import TyperCommand, TyperGroup

import oadb
from oadb.errors import ConfigError, Error
from oadb.tools.commands.env_files import read_env_file
from oadb.tools.commands.output_streams import writing
from oadb.tools.usage import UsageError

# In the order of the help, with the first sentence of each; a test compares it with that of the
# command's own help. Each has a module in oadb.tools.commands.
_COMMANDS = {
    "demo": "Try the main functions on a temporary PostgreSQL server.",
    "doctor": "Check server, roles, keys, logs and migrations.",
    "ready": "Say whether a service can work with its database; for the probes of containers.",
    "top": "Show what each statement costs the server, by its name, the worst first.",
    "maintain": "Make partitions ahead of need and delete expired rows.",
    "stats": "Show traffic and latency until now.",
    "check": "Compare every query with the database, or with --schema the database with its "
    "migrations.",
    "compat": "Say whether a release can be deployed while the one before it runs.",
    "schema": "Print the schemas of the packages as SQL.",
    "statistics": "Files of statistics, from which the size of a database is simulated.",
    "plan": "Plan statements as in production, where the largest tables have 10^9 rows.",
    "explain": "Show the plan of a statement as a tree: indexes, rows, and with --analyze buffers "
    "and times.",
    "impact": "Show what depends on a column, table, index, function or other object.",
    "unused": "Find indexes, columns, statements and grants that nothing uses.",
    "grants": "Print the grants that roles need for the statements that they run.",
    "review": "Write a book of all SQL: a page for each statement, table and migration.",
    "shell": "Open psql on the database, with the limits of a service and every query at hand.",
    "new": "Write the first files of a package with SQL of its own, or of a service.",
    "migrate": "Apply all pending migrations; its commands list or undo migrations.",
    "distribute": "Make a Citus cluster of a migrated database; run it on the coordinator.",
    "instruments": "Load instruments of brokers, and show what is loaded.",
    "keys": "Create, rotate and retire the keys of sealed columns.",
    "users": "Create users, and help those who cannot sign in.",
    "bans": "List, add and remove bans of IP addresses.",
    "audit": "Link, verify and export security events, the audit of who may do what.",
    "import-openalgo": "Import an OpenAlgo installation; without --apply, only report.",
}

# A paragraph that begins with \b keeps its lines.
_EPILOG = """\b
Exit codes:
  0  done
  1  an error: one line on stderr, which begins with oadb:
  2  wrong usage: nothing was done
  3  done, and something was found: a line says FAIL, or what disagrees
  130  Ctrl-C    141  nobody read the output any longer    143  SIGTERM

Environment variables: DATABASE_URL; DB_... for the pool and its limits; OADB_KEYRING_FILE
or OADB_KEYRING; for maintain OADB_<TABLE>_RETENTION_DAYS. docs/configuration.md and
docs/reliability.md explain them.
"""


class _Formatter(Protocol):
    """What writes a help: of click, or of a typer that has taken click in."""

    def section(self, name: str) -> AbstractContextManager[None]: ...

    def write_dl(self, rows: list[tuple[str, str]]) -> None: ...


class _LazyCommands(TyperGroup):
    """Imports the module of a command when it is called: the help needs none."""

    def list_commands(self, ctx: object) -> list[str]:  # noqa: ARG002  # typer's signature
        return [*_COMMANDS]

    def get_command(self, ctx: object, cmd_name: str) -> TyperCommand | None:  # noqa: ARG002  # typer's signature
        if cmd_name not in _COMMANDS:
            return None
        name = f"{cmd_name.replace('-', '_')}_command"
        module = import_module(f"oadb.tools.commands.{name}")
        command = cast("TyperCommand", typer.main.get_command(module.app))
        command.name = cmd_name
        return command

    def format_commands(self, ctx: object, formatter: _Formatter) -> None:  # noqa: ARG002  # typer's signature
        with formatter.section("Commands"):
            formatter.write_dl([*_COMMANDS.items()])


app = typer.Typer(
    cls=_LazyCommands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"oadb {oadb.__version__}")
        raise typer.Exit


@app.callback()
def describe(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_show_version),
    ] = False,
    env_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Variables in NAME=value lines; those of the environment come first.",
            callback=read_env_file,
        ),
    ] = None,
) -> None:
    """Operate oadb, the data layer of a trading platform on PostgreSQL.

    Migrate its database and check it, keep logs and keys in order, load instruments of brokers,
    help users who cannot sign in, and ban addresses.
    """


def main() -> None:
    """Run the command line.

    An error of oadb or PostgreSQL becomes one line, with exit code 2 for wrong usage, else 1.
    """
    # What a command reads, such as thousands of plans, it keeps to its end. To look for garbage as
    # often as in a service costs an eighth of its time.
    gc.set_threshold(50_000, 20, 20)
    # At its exit Python would look for garbage among all that was imported, a tenth of the time of
    # a short command.
    atexit.register(gc.freeze)
    # The error message repeats what the pool logs about a failed connection.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    # SIGTERM raises SystemExit, so that context managers stop an embedded server.
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(128 + signal.SIGTERM))
    try:
        with writing():
            app()
    except UsageError as error:
        _fail(str(error), 2)
    except Error as error:
        _fail(str(error), 1)
    except OSError as error:
        _fail(f"{error.filename or 'the output'}: {error.strerror or error}", 1)
    except Exception as error:
        message = _explain(error)
        if message is None:
            raise
        _fail(message, 1)


def _explain(error: Exception) -> str | None:
    """Return an error of PostgreSQL as one line; None for any other error, which is a bug."""
    # Imported here because importing them would double the time that the help takes.
    import psycopg  # noqa: PLC0415  # slow

    from oadb.engine.config import Config  # noqa: PLC0415  # slow
    from oadb.tools.findings import explain_command_error  # noqa: PLC0415  # slow

    if not isinstance(error, psycopg.Error):
        return None
    try:
        return explain_command_error(error, str(Config.from_env().dsn))
    except ConfigError:  # the demo needs no configuration
        return explain_command_error(error, "the database")


def _fail(message: str, code: int) -> None:
    print(f"oadb: {message}", file=sys.stderr)  # noqa: T201  # the output of a command
    sys.exit(code)
