"""The command ``oadb statistics``: files from which the size of a database is simulated."""

import json
from functools import partial
from typing import Annotated

import typer

from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.tools import package_list
from oadb.tools.commands import options
from oadb.tools.commands.options import DatabaseUrl, Packages
from oadb.tools.commands.report import FOUND
from oadb.tools.migrations import created_schemas
from oadb.tools.plans import statistics_export

app = options.group("Files of statistics, from which the size of a database is simulated.")


@app.callback()
def describe() -> None:
    """Files of statistics, from which the size of a database is simulated."""


@app.command("export")
def run_export(
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--values",
            metavar="COLUMN",
            help="A column whose most common values and histogram may be written, such as "
            "oadb.traffic.status; may be repeated. They are values of rows.",
        ),
    ] = None,
    package: Packages = None,
    _url: DatabaseUrl = None,
) -> None:
    """Print the statistics of a live database, for a file in sql/statistics.

    Counts, shares and widths, as they were last analyzed. No table is read and nothing is written.
    A table whose columns cannot be read is named on stderr, with the exit code 3; and, without it,
    what create statistics made, which is left out.
    """
    packages = package_list.chosen(package or ())
    created = created_schemas.of_packages(packages, by_name=bool(package))
    schemas = [name for names in created.values() for name in names]
    work = partial(statistics_export.export, schemas=schemas, values=values or ())
    with Database(Config.from_env()) as db:
        found = db.transact(work, isolation="repeatable read", read_only=True)
    typer.echo(json.dumps(found.tables, indent=4))
    if found.left_out:
        typer.echo(
            "left out is what create statistics made, which PostgreSQL 18 cannot restore: "
            f"{', '.join(map(str, found.left_out))}",
            err=True,
        )
    for sentence in found.unread:
        typer.echo(sentence, err=True)
    if found.unread:
        raise typer.Exit(FOUND)
