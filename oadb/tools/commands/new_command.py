"""The commands ``oadb new``; see ``oadb.tools.new_package``."""

from pathlib import Path
from typing import Annotated

import typer

from oadb.tools import new_package
from oadb.tools.commands import options
from oadb.tools.commands.options import DryRun

app = options.group("Write the first files of a package with SQL of its own.")


@app.callback()
def describe_new() -> None:
    """Make a group of what would be a single command."""


@app.command("package")
def run_package(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Of the package and of its schema, such as shop.")
    ],
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Where to write; default: a folder of that name, in this one."
        ),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Write a package that runs as it is, to begin with.

    It has a table, three statements, their declarations and a test. No file is ever overwritten.
    """
    target = Path(name) if folder is None else folder
    found = new_package.texts(name, target)
    if not dry_run:
        new_package.write(found)
    for path in found:
        typer.echo(f"{'would create' if dry_run else 'created'} {path}")
    if not dry_run:
        typer.echo(f"next: cd {target}; README.md there has the commands")
