"""The command line of imports: ``oadb import-openalgo``. What it does is in ``oadb.importing``."""

import os
from io import StringIO
from pathlib import Path
from typing import Annotated

import typer
from dotenv import dotenv_values

from oadb.engine.database import Database
from oadb.errors import ConfigError
from oadb.importing import runs, sources
from oadb.tools.commands.progress import counting

app = typer.Typer(add_completion=False)


@app.command()
def run_import(
    sqlite: Annotated[
        list[Path] | None,
        typer.Option(help="A SQLite file, or a folder of them; may be given more than once."),
    ] = None,
    postgresql: Annotated[
        list[str] | None,
        typer.Option(help="The URL of a database; keep its password in ~/.pgpass."),
    ] = None,
    env_file: Annotated[
        Path | None,
        typer.Option(help="OpenAlgo's .env, with pepper and salts; else the environment has them."),
    ] = None,
    installation: Annotated[
        str, typer.Option(help="A name for where it comes from; each is brought over once.")
    ] = "openalgo",
    broker: Annotated[
        str | None, typer.Option(help="Whose master contract the table symtoken is.")
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Write; without it nothing is changed.")
    ] = False,
) -> None:
    """Say what bringing an OpenAlgo installation over would do; with --apply, do it."""
    if not (sqlite or postgresql):
        raise ConfigError("nothing to read: give --sqlite or --postgresql")
    environ = os.environ if env_file is None else _variables(env_file)
    plan = runs.Plan(installation, broker, apply)
    done = "written" if apply else "to be written"
    with sources.opened(sqlite or [], postgresql or []) as found, Database.from_env() as db:
        with counting("logs") as watch:
            for report in runs.run(db, found, environ, plan, watch):
                for line in report.lines(done):
                    typer.echo(line)
        if found.short_lived:
            typer.echo(f"not brought over, short-lived: {', '.join(found.short_lived)}")
        if found.unread:
            typer.echo(f"not brought over, no counterpart here: {', '.join(found.unread)}")
    if not apply:
        typer.echo("nothing was changed; --apply writes")


def _variables(file: Path) -> dict[str, str]:
    """Return what OpenAlgo reads in an .env file. Raises ConfigError if it cannot be read."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "not UTF-8"
    else:
        return {name: value or "" for name, value in dotenv_values(stream=StringIO(text)).items()}
    raise ConfigError(f"cannot read {file}: {said}")
