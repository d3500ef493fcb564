"""The command ``oadb impact``; see ``oadb.tools.dependencies.impact``."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from oadb.tools import package_list
from oadb.tools.commands import options
from oadb.tools.commands.json_output import AsJson, print_json
from oadb.tools.commands.options import Packages
from oadb.tools.dependencies import impact
from oadb.tools.dependencies.examination import examining
from oadb.tools.dependencies.impact import Impact

app = options.command()


@app.command()
def run_impact(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A column, table, view, index, function, type or constraint: oadb.users.email.",
        ),
    ],
    package: Packages = None,
    as_json: AsJson = False,
) -> None:
    """Show what depends on a column, table, index, function or other object.

    The statements that use it, with the code that calls them, and the policies, views, constraints,
    indexes, triggers, functions and grants. Migrates the packages on a temporary server, and reads
    no other database.
    """
    with examining(package_list.chosen(package or ())) as examination:
        found = impact.of(examination, name)
    if as_json:
        print_json(asdict(found))
        return
    for line in _lines(found):
        typer.echo(line)


def _lines(found: Impact) -> Iterator[str]:
    yield f"{found.kind} {found.name}"
    for statement in found.statements:
        yield f"  statement {statement.label} ({statement.place}): {', '.join(statement.how)}"
        for caller in statement.callers:
            yield f"    {caller}"
    for dependent in found.dependents:
        yield f"  {dependent.kind} {dependent.name}"
    if not (found.statements or found.dependents):
        yield "  nothing depends on it"
