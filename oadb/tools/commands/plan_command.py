"""The command ``oadb plan``; see ``oadb.tools.plans``."""

from collections.abc import Sequence
from typing import Annotated

import typer

from oadb.tools import package_list
from oadb.tools.commands import options
from oadb.tools.commands.options import Packages
from oadb.tools.commands.report import FOUND
from oadb.tools.plans import named_statements, plan_check, sized_database
from oadb.tools.plans.named_statements import PlacedStatement
from oadb.tools.plans.plan_check import PlannedPackages
from oadb.tools.plans.planned_catalog import ExtendedStatistics
from oadb.tools.usage import UsageError

app = options.command()


@app.command()
def run_plan(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="A statement, such as users.get: show its plans."),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write the plans of all statements into their locks.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Compare the plans of all statements with their locks.")
    ] = False,
    package: Packages = None,
) -> None:
    """Plan statements as in production, where the largest tables have 10^9 rows.

    It needs no database: plans are made on a temporary server, in databases without rows whose
    statistics and files have the size of 10^9, 10^6 and 10^4 rows. With --check, a plan that is
    another one than in sql/plans is shown as a diff, and a statement that grows with its tables is
    refused unless its comment says -- grows: why, and so is a foreign key without an index, unless
    the comment on the constraint does. Tables that sql/statistics does not have are named. Exits
    with 3 if anything was found.
    """
    if [name is not None, write, check].count(True) != 1:
        raise UsageError("one of NAME, --write and --check is needed: oadb plan users.get")
    packages = package_list.chosen(package or ())
    if name is not None:
        named = named_statements.named(packages, *_split(name))
        with sized_database.sizing(packages) as sizes:
            _show(plan_check.plan(sizes.database, named), named)
            _name_extended(sizes.left_out().extended)
        return
    with sized_database.sizing(packages) as sizes:
        every = [*named_statements.every(packages)]
        planned = plan_check.plan(sizes.database, every)
        left_out = sizes.left_out()
    _name_without_statistics(left_out.tables)
    _name_extended(left_out.extended)
    if write:
        planned.write()
        _report([*planned.problems()], "all plans are written")
    else:
        _report([*planned.check()], "all plans are those of their locks, and none is unbounded")


def _split(name: str) -> tuple[str, str]:
    label, _, variant = name.partition(" ")
    return label, variant


def _show(planned: PlannedPackages, statements: list[PlacedStatement]) -> None:
    for file in planned.files:
        for label, block in file.blocks.items():
            typer.echo("\n    ".join([label, *block]))
    for each in planned.unplanned:
        typer.echo(str(each))
    if not any(file.plans for file in planned.files) and not planned.unplanned:
        typer.echo(f"{statements[0].statement.label}: PostgreSQL makes no plan for it")


def _name_extended(extended: Sequence[ExtendedStatistics]) -> None:
    if extended:
        typer.echo(
            "planned without what create statistics says, which PostgreSQL 18 cannot restore, so "
            "that rows of conditions on several columns may be estimated otherwise in production: "
            f"{', '.join(map(str, extended))}",
            err=True,
        )


def _name_without_statistics(tables: Sequence[str]) -> None:
    if tables:
        typer.echo(
            "planned with as many rows as the largest tables, because no file of sql/statistics "
            f"has them: {', '.join(tables)}",
            err=True,
        )


def _report(found: list[plan_check.Disagreement], otherwise: str) -> None:
    for each in found:
        typer.echo(str(each))
    if found:
        raise typer.Exit(FOUND)
    typer.echo(otherwise)
