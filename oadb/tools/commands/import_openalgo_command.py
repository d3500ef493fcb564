"""The command ``oadb import-openalgo``; see ``oadb.importing``."""

import os
import re
from collections.abc import Iterable
from functools import partial
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from oadb.engine.database import Database
from oadb.importing import runs, sources
from oadb.importing.merging import Choices
from oadb.importing.reports import TableReport
from oadb.importing.sources import Sources
from oadb.tools.commands import options
from oadb.tools.commands.env_files import openalgo_variables
from oadb.tools.commands.options import DatabaseUrl
from oadb.tools.commands.progress import counting
from oadb.tools.commands.report import FOUND
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
Verify = Annotated[
    bool, typer.Option("--verify", help="Write nothing; compare every row with oadb, and count.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, with all ids.")]
Take = Annotated[
    list[str] | None,
    typer.Option(metavar="TABLE:ID", help="Make what differs in a row as in OpenAlgo; repeatable."),
]
Keep = Annotated[
    list[str] | None,
    typer.Option(metavar="TABLE:ID", help="Leave what differs in a row as in oadb; repeatable."),
]
Rename = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=OTHER", help="Give a user another name in oadb; repeatable."),
]
KeepField = Annotated[
    list[str] | None,
    typer.Option(metavar="FIELD", help="Keep a field of bodies in logs, too; repeatable."),
]

_ROW = re.compile("[a-z_]+:[0-9]+", re.ASCII)


@app.command()
def run_import(
    sqlite: Sqlite = None,
    postgresql: Postgresql = None,
    env_file: EnvFile = None,
    installation: Installation = "openalgo",
    broker: Broker = None,
    rename: Rename = None,
    keep_field: KeepField = None,
    take: Take = None,
    keep: Keep = None,
    apply: Apply = False,
    verify: Verify = False,
    json: Json = False,
    _url: DatabaseUrl = None,
) -> None:
    """Import an OpenAlgo installation; without --apply, only report.

    Exits with 3 if something was left out, or differs from OpenAlgo.
    """
    if not (sqlite or postgresql):
        raise UsageError("no source: give --sqlite FILE or --postgresql URL")
    if apply and verify:
        raise UsageError("--verify writes nothing: give it without --apply")
    environ = os.environ if env_file is None else openalgo_variables(env_file)
    choices = Choices(_rows(take), _rows(keep))
    plan = runs.Plan(
        installation, broker, apply, choices, _renames(rename), (*(keep_field or ()),), verify
    )
    show = _said_as_json if json else partial(_said, verify)
    with (
        sources.opened(sqlite or [], postgresql or []) as found,
        Database.from_env() as db,
        counting("logs") as watch,
    ):
        reports = show(plan, runs.run(db, found, environ, plan, watch), found)
    if any(report.differs or (verify and report.would_change) for report in reports):
        raise typer.Exit(FOUND)


def _said(
    verify: bool, plan: runs.Plan, reports: Iterable[TableReport], found: Sources
) -> list[TableReport]:
    """Print reports as they arrive, and return them."""
    made: list[TableReport] = []
    for report in reports:
        made.append(report)
        for line in report.lines("written" if plan.applies else "to be written"):
            typer.echo(line)
    for reason, rows in found.not_imported().items():
        for table, count in rows.items():
            said = "rows not counted" if count is None else f"{count:,} rows"
            typer.echo(f"not imported, {reason}: {table}, {said}")
    if verify:
        for report in made:
            typer.echo(report.figures())
    elif not plan.applies:
        typer.echo("dry run, nothing was changed; --apply writes")
    return made


def _said_as_json(
    plan: runs.Plan, reports: Iterable[TableReport], found: Sources
) -> list[TableReport]:
    """Print one document when all reports are there, and return them."""
    made = [*reports]
    document = {
        "installation": plan.installation,
        "applied": plan.applies,
        "tables": [report.as_json() for report in made],
        "not_imported": found.not_imported(),
    }
    typer.echo(dumps(document, indent=2))
    return made


def _rows(given: list[str] | None) -> frozenset[str]:
    """Return rows that were chosen.

    Raises:
        UsageError: one is not a table and an id.
    """
    wrong = [each for each in given or () if not _ROW.fullmatch(each)]
    if wrong:
        raise UsageError(f"{wrong[0]} is not a table and an id, such as api_keys:1")
    return frozenset(given or ())


def _renames(given: list[str] | None) -> dict[str, str]:
    """Return the names that users get, by their names in OpenAlgo.

    Raises:
        UsageError: one is not two names.
    """
    pairs = [each.rpartition("=") for each in given or ()]
    if not all(name and other for name, _, other in pairs):
        raise UsageError("--rename needs two names, such as 'Asha Rao=asha'")
    return {name: other for name, _, other in pairs}
