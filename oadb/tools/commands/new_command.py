"""The commands ``oadb new``; see ``oadb.tools.new_package`` and ``oadb.tools.new_service``."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from oadb.tools import new_package, new_service, skeleton_files
from oadb.tools.commands import options
from oadb.tools.commands.options import DryRun
from oadb.tools.new_service import Framework

app = options.group("Write the first files of a package with SQL of its own, or of a service.")


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
    _write(new_package.texts(name, target), target, dry_run=dry_run)


@app.command("service")
def run_service(
    folder: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER",
            help="Where to write; the service, its package and its schema are called as this is.",
        ),
    ],
    framework: Annotated[
        Framework, typer.Option(metavar="NAME", help="Of the web framework: fastapi or flask.")
    ] = "fastapi",
    dry_run: DryRun = False,
) -> None:
    """Write a web service that runs as it is, to begin with.

    It signs users in and stores orders with notes, a table of its own. It has migrations, plans,
    tests, a Dockerfile, a file for Docker Compose and a workflow for GitHub. No file is ever
    overwritten.
    """
    _write(new_service.texts(folder, framework), Path(folder), dry_run=dry_run)


def _write(found: Mapping[Path, str], folder: Path, *, dry_run: bool) -> None:
    if not dry_run:
        skeleton_files.write(found)
    for path in found:
        typer.echo(f"{'would create' if dry_run else 'created'} {path}")
    if not dry_run:
        typer.echo(f"next: cd {shlex.quote(str(folder))}; README.md there has the commands")
