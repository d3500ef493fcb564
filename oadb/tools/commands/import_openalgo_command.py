"""The command ``oadb import-openalgo``; see ``oadb.importing``."""

import os
from io import StringIO
from pathlib import Path
from typing import Annotated

import typer
from dotenv import dotenv_values

from oadb.engine.database import Database
from oadb.errors import ConfigError
from oadb.importing import runs, sources
from oadb.tools.commands import options
from oadb.tools.commands.options import DatabaseUrl
from oadb.tools.commands.progress import counting
from oadb.tools.usage import UsageError

app = options.command()


Sqlite = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="A SQLite file, or a folder of SQLite files; repeatable."),
]
Postgresql = Annotated[
    list[str] | None,
    typer.Option(metavar="URL", help="A database, repeatable; its password belongs in ~/.pgpass."),
]
EnvFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="OpenAlgo's .env, for pepper and salts; default: the environment."
    ),
]
Installation = Annotated[
    str,
    typer.Option(metavar="NAME", help="Names the installation; a repeated run with it continues."),
]
Broker = Annotated[
    str | None,
    typer.Option(metavar="BROKER", help="The broker of the master contract in the table symtoken."),
]
Apply = Annotated[bool, typer.Option("--apply/--dry-run", help="Write, or only report.")]


@app.command()
def run_import(
    sqlite: Sqlite = None,
    postgresql: Postgresql = None,
    env_file: EnvFile = None,
    installation: Installation = "openalgo",
    broker: Broker = None,
    apply: Apply = False,
    _url: DatabaseUrl = None,
) -> None:
    """Import an OpenAlgo installation; without --apply, only report."""
    if not (sqlite or postgresql):
        raise UsageError("no source: give --sqlite FILE or --postgresql URL")
    environ = os.environ if env_file is None else _variables(env_file)
    plan = runs.Plan(installation, broker, apply)
    done = "written" if apply else "to be written"
    with sources.opened(sqlite or [], postgresql or []) as found, Database.from_env() as db:
        with counting("logs") as watch:
            for report in runs.run(db, found, environ, plan, watch):
                for line in report.lines(done):
                    typer.echo(line)
        if found.short_lived:
            typer.echo(f"not imported, short-lived: {', '.join(found.short_lived)}")
        if found.unread:
            typer.echo(f"not imported, no counterpart in oadb: {', '.join(found.unread)}")
    if not apply:
        typer.echo("dry run, nothing was changed; --apply writes")


def _variables(file: Path) -> dict[str, str]:
    """Return the variables of an .env file as OpenAlgo reads them."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
    else:
        return {name: value or "" for name, value in dotenv_values(stream=StringIO(text)).items()}
    raise ConfigError(f"cannot read {file}: {reason}")
