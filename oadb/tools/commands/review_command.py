"""The command ``oadb review``; see ``oadb.tools.review``."""

from pathlib import Path
from typing import Annotated

import typer

from oadb.errors import ConfigError
from oadb.tools import package_list
from oadb.tools.commands import options
from oadb.tools.commands.options import Packages

app = options.command()

_MISSING = "oadb review needs jinja2 and pygments: pip install 'oadb[review,embedded]'"


@app.command()
def run_review(
    html: Annotated[
        Path,
        typer.Option(
            "--html",
            metavar="FOLDER",
            help="Where to write the pages; a new or empty folder, or an older book.",
        ),
    ],
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            metavar="REV|WHEEL",
            help="Show only what changed since this revision of git or wheel, old and new side by "
            "side, and print a summary for a pull request.",
        ),
    ] = None,
    package: Packages = None,
) -> None:
    """Write a book of all SQL: a page for each statement, table and migration.

    Open index.html in a browser; no server is needed. What PostgreSQL says is asked on a temporary
    server: no database of yours is connected to.
    """
    try:
        from oadb.tools.review import (  # noqa: PLC0415  # needs the extra "review"
            book_building,
            book_folder,
            book_pages,
            change_summary,
        )
    except ModuleNotFoundError as error:
        if error.name not in {"jinja2", "markupsafe", "pygments"}:
            raise
        raise ConfigError(_MISSING) from None
    packages = package_list.chosen(package or ())
    book_folder.require_replaceable(html)
    book = book_building.build(packages, base)
    summary = change_summary.render(book) if base is not None else ""
    pages = [*book_pages.render(book), *([("summary.md", summary)] if summary else [])]
    size = book_folder.write(html, pages)
    typer.echo(f"{summary}{html / 'index.html'}: {size / 1e6:.1f} MB")
