"""What the options and arguments of several commands have in common."""

import os
from typing import Annotated

import typer

from oadb.engine import dsn
from oadb.errors import ConfigError


def _override_url(url: str | None) -> None:
    """Put the URL into the environment, from which every command reads its configuration."""
    if url is None:
        return
    try:
        dsn.parse(url)
    except ConfigError as error:
        reason = str(error).removeprefix("DATABASE_URL").lstrip(": ").removeprefix("is ")
        raise typer.BadParameter(reason) from None
    os.environ["DATABASE_URL"] = url


DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        metavar="URL",
        callback=_override_url,
        help="The database, instead of DATABASE_URL; a password belongs in ~/.pgpass.",
    ),
]
"""The database; its callback has done all of the work, so that a command ignores the value."""

Packages = Annotated[
    list[str] | None,
    typer.Option(
        "--package",
        metavar="NAME",
        help="A package with SQL, such as shop; may be repeated. Default: all that are found.",
    ),
]

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would be done, and change nothing.")
]


def command() -> typer.Typer:
    """Return the application of a command without a name, alone or above others."""
    return typer.Typer(add_completion=False, rich_markup_mode=None)


def group(text: str) -> typer.Typer:
    """Return the application of several commands, which *text* describes."""
    return typer.Typer(help=text, no_args_is_help=True, add_completion=False, rich_markup_mode=None)
