"""The command ``oadb grants``; see ``oadb.tools.dependencies.grant_check``."""

from itertools import chain
from typing import Annotated

import typer

from oadb.tools import package_list
from oadb.tools.commands import options
from oadb.tools.commands.options import Packages
from oadb.tools.commands.report import show
from oadb.tools.dependencies import grant_check, unused
from oadb.tools.dependencies.examination import Examination, examining

app = options.command()


@app.command()
def run_grants(
    package: Packages = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Compare them with the grants that the migrations make."),
    ] = False,
) -> None:
    """Print the grants that roles need for the statements that they run.

    Which role runs which statement stands in sql/uses.toml. Migrates the packages on a temporary
    server, and reads no other database. With --check, exits with 3 if a grant is missing, or needed
    by no statement of its role.
    """
    with examining(package_list.chosen(package or ())) as examination:
        if check:
            _check(examination)
            return
        needed = (
            need
            for role, statements in examination.runs.items()
            for each in statements
            for need in grant_check.needs(role, each)
            if need.schema_name in examination.schema_names
        )
        for line in grant_check.as_statements(needed):
            typer.echo(line)


def _check(examination: Examination) -> None:
    show(
        chain(
            unused.find_unknown_patterns(examination),
            unused.find_missing_grants(examination),
            unused.find_needless_grants(examination),
        )
    )
