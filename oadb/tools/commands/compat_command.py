"""The command ``oadb compat``; see ``oadb.tools.compat``."""

from collections.abc import Sequence
from typing import Annotated

import typer

from oadb.embedded import embedded_server
from oadb.engine.dsn import Dsn
from oadb.tools import package_list
from oadb.tools.commands import options
from oadb.tools.commands.options import Packages
from oadb.tools.commands.report import FOUND
from oadb.tools.compat import base_release, verdict
from oadb.tools.compat.verdict import CompatFinding

app = options.command()


@app.command()
def run_compat(
    base: Annotated[
        str,
        typer.Option(
            "--base",
            metavar="REV|WHEEL",
            help="The release that runs now: a git revision, such as its tag, or its wheel.",
        ),
    ],
    package: Packages = None,
) -> None:
    """Say whether a release can be deployed while the one before it runs.

    Applies the migrations since on a temporary server, and compares after each of them what the old
    code declares with the schema; and what the new code declares with the schema before them. Exits
    with 3 if a statement of the old code would fail or do something else.
    """
    packages = package_list.chosen(package or ())
    with (
        base_release.unpacked(base, packages, by_name=bool(package)) as release,
        embedded_server.temporary() as server,
    ):
        findings = verdict.compare(Dsn(server.keywords), release, packages)
    for each in findings:
        typer.echo(str(each))
    typer.echo(_summary(base, findings))
    if any(each.is_refused for each in findings):
        raise typer.Exit(FOUND)


def _summary(base: str, findings: Sequence[CompatFinding]) -> str:
    refused = [each for each in findings if each.is_refused]
    needs = any(each.direction == "new code" for each in findings)
    if refused:
        line = f"refused beside {base}: {len(refused)} finding{'s'[: len(refused) != 1]}"
        if needs or any(each.direction == "migrations" for each in refused):
            return line
        return f"{line}; the new code runs on the old schema, so it can be deployed before"
    order = "migrate first, then start the new code" if needs else "in any order"
    return f"safe beside {base}: {order}"
