"""The command ``oadb check``; see ``oadb.tools.contract`` and ``oadb.tools.intended``."""

from collections.abc import Sequence
from typing import Annotated

import typer

from oadb.engine.config import Config
from oadb.tools import package_list
from oadb.tools.commands import options
from oadb.tools.commands.json_output import AsJson, print_json
from oadb.tools.commands.options import DatabaseUrl, Packages
from oadb.tools.commands.report import exit_if
from oadb.tools.contract import comparison, watching
from oadb.tools.intended import schema_check
from oadb.tools.intended.schema_check import SchemaReport
from oadb.tools.migrations import runner, states
from oadb.tools.scale import cluster_check
from oadb.tools.usage import UsageError

app = options.command()


@app.command()
def run_check(
    package: Packages = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay, and check again what is edited.")
    ] = False,
    schema: Annotated[
        bool,
        typer.Option(
            "--schema",
            help="Compare tables, indexes, functions, policies, privileges and all else of the "
            "schema with what they should be after the migrations that are applied.",
        ),
    ] = False,
    as_json: AsJson = False,
    _url: DatabaseUrl = None,
) -> None:
    """Compare every query with the database, or with --schema the database with its migrations.

    Compares parameters, columns, types and nullability. Exits with 3 if one disagrees, if a
    migration was marked as applied without being run, or if a package with a layout has a form that
    a Citus cluster refuses. Of a schema, each difference is a line: what
    is, what should be, and the statement that mends it, which is not run.
    """
    config, packages = Config.from_env(), package_list.chosen(package or ())
    if schema and watch:
        raise UsageError("--watch is about queries: leave out --schema")
    if watch and as_json:
        raise UsageError("--watch prints as long as it runs: leave out --json")
    if schema:
        reports = [*schema_check.check(config, packages, by_name=bool(package))]
        _show_schemas(reports, as_json=as_json)
        return
    if watch:
        watching.watch(config, packages, typer.echo)
    found = runner.status(config.dsn, packages=packages, pooler=config.pooler)
    disagreements = [
        *states.doubts(found),
        *comparison.check(config, packages),
        *cluster_check.faults(packages),
    ]
    if as_json:
        print_json({"ok": not disagreements, "disagreements": disagreements})
    for line in () if as_json else disagreements or ["all declarations agree with the database"]:
        typer.echo(line)
    exit_if(found=bool(disagreements))


def _show_schemas(reports: Sequence[SchemaReport], *, as_json: bool) -> None:
    is_intended = all(report.is_intended for report in reports)
    if as_json:
        print_json({"ok": is_intended, "packages": reports})
    for report in () if as_json else reports:
        _show(report)
    exit_if(found=not is_intended)


def _show(report: SchemaReport) -> None:
    for line in (*report.obstacles, *report.differences):
        typer.echo(str(line))
    if report.level is None:
        return
    if report.unread:
        tables = ", ".join(report.unread)
        typer.echo(
            f"{report.package}: this role may not read the rows of {tables}, which were not "
            "compared; connect as the owner"
        )
    count = len(report.differences)
    found = f"{count} difference{'s'[: count != 1]}" if count else "the schema is the intended one"
    typer.echo(f"{report.package}: {found} at level {report.level}")
