"""The command ``oadb explain``; see ``oadb.tools.plans.planning``."""

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Annotated

import typer
from psycopg.errors import InsufficientPrivilege, InvalidParameterValue
from rich.console import Console

from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.packages import Package
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import Dsn, reachable
from oadb.errors import ConfigError
from oadb.tools import package_list
from oadb.tools.commands import options
from oadb.tools.commands.options import DatabaseUrl, Packages
from oadb.tools.commands.report import FOUND
from oadb.tools.plans import (
    named_statements,
    own_session,
    plan_view,
    sized_database,
    unseen_text,
    unseen_work,
)
from oadb.tools.plans.planning import Limits, Planned, Planner, Unplanned
from oadb.tools.usage import UsageError

app = options.command()

# The width of output that does not go to a terminal.
_PIPED_WIDTH = 120

# Seconds that a statement may run, and wait for a lock, if the configuration allows more.
_LIMITS: Limits = (15.0, 1.0)

_MOST_ROWS = 10**10


def _rows(text: str) -> int:
    try:
        rows = float(text)
    except ValueError:
        rows = 0.0
    if not 1 <= rows <= _MOST_ROWS:
        raise typer.BadParameter("must be a number of rows from 1 to 1e10, such as 1e9")
    return round(rows)


_Given = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A parameter's value, as PostgreSQL reads it; may be repeated.",
    ),
]
_Rows = Annotated[
    int | None,
    typer.Option(
        parser=_rows,
        metavar="COUNT",
        help="Plan it where the largest tables have so many rows, without a database.",
    ),
]


@app.command()
def run_explain(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A statement, such as users.get.")],
    given: _Given = None,
    variant: Annotated[
        str, typer.Option(metavar="NAME", help="What its label has behind the name: +status.")
    ] = "",
    role: Annotated[
        str | None, typer.Option(metavar="NAME", help="Plan and run it as this role.")
    ] = None,
    identity: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="USER_ID", help="As db.as_user does: as oadb_user, for this user."
        ),
    ] = None,
    rows: _Rows = None,
    analyze: Annotated[
        bool, typer.Option("--analyze", help="Run it, measure it, and undo what it writes.")
    ] = False,
    package: Packages = None,
    _url: DatabaseUrl = None,
) -> None:
    """Show the plan of a statement as a tree: indexes, rows, and with --analyze buffers and times.

    Without values it is the plan for any values. All is done in a transaction that is rolled back,
    and for a statement that reads in one that may not write. Exits with 3 if there is no plan.
    """
    if rows is not None and analyze:
        raise UsageError("--rows has no rows to run a statement on: leave out --analyze")
    packages = package_list.chosen(package or ())
    statement = _found(packages, name, variant)
    values = _values(statement, given or (), needed=analyze)
    with (
        _planner(packages, rows) as (planner, limits, dsn),
        _acting(planner, role, identity, limits, statement),
    ):
        planned = planner.plan(statement, values, analyze=analyze)
        beside = _beside(dsn, statement, planned)
    if isinstance(planned, Unplanned):
        typer.echo(str(planned))
        raise typer.Exit(FOUND)
    _show(planned, beside)


@contextmanager
def _acting(
    planner: Planner, role: str | None, identity: int | None, limits: Limits, statement: Declaration
) -> Generator[None]:
    """Plan in the block as a role, or under an identity.

    Raises:
        ConfigError: the session may do neither.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(
                planner.acting(
                    role=role, user_id=identity, is_read=statement.is_read, limits=limits
                )
            )
        except (InsufficientPrivilege, InvalidParameterValue) as error:
            given = {"--role": role, "--identity": identity}
            wanted = " ".join(f"{name} {value}" for name, value in given.items() if value)
            raise ConfigError(
                f"{wanted}: {error.diag.message_primary}; connect as oadb_app, as another member "
                "of the role, or as one that may become it"
            ) from None
        yield


def _beside(dsn: Dsn, statement: Declaration, planned: Planned | Unplanned) -> list[str]:
    """Return what the plan does not show: what it fires, looks up and calls."""
    if isinstance(planned, Unplanned):
        return []
    with reachable(dsn) as target, Database(Config(target)) as db:
        work = unseen_work.read(db)
        fired = unseen_text.lines(work, unseen_text.of_tree(planned.tree))
        return [*fired, *unseen_text.calls(db, statement.statement)]


def _show(planned: Planned, beside: Sequence[str]) -> None:
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    console.print(plan_view.view(planned))
    if beside:
        console.print("beside the plan:", *beside, sep="\n  ")
    for each in planned.triggers:
        console.print(
            f"{each.name} of {each.table_name}: {each.calls:,} times, {each.total_ms:.2f} ms"
        )
    if planned.execution_ms is not None:
        console.print(f"planned in {planned.planning_ms} ms, run in {planned.execution_ms} ms")


@contextmanager
def _planner(
    packages: Sequence[Package], rows: int | None
) -> Generator[tuple[Planner, Limits, Dsn]]:
    """Give what plans on the live database, or at a simulated size, and that database."""
    if rows is not None:
        with sized_database.sized(packages, rows) as dsn, Planner.to(dsn) as planner:
            yield planner, _LIMITS, dsn
        return
    config = Config.from_env()
    statement = min(config.statement_timeout_seconds or _LIMITS[0], _LIMITS[0])
    lock = min(config.lock_timeout_seconds or _LIMITS[1], _LIMITS[1])
    dsn = own_session.target(config)
    with Planner.to(dsn) as planner:
        yield planner, (statement, lock), dsn


def _found(packages: Sequence[Package], name: str, variant: str) -> Declaration:
    label, _, behind = name.partition(" ")
    found = named_statements.named(packages, label, variant or behind)
    if len(found) > 1:
        suffixes = [each.statement.label.removeprefix(label).strip() for each in found]
        raise UsageError(f"{label} has variants; choose one: --variant {suffixes}")
    return found[0].statement


def _values(
    statement: Declaration, given: Sequence[str], *, needed: bool
) -> dict[str, str | None] | None:
    """Return the values of parameters as texts; None if there are none."""
    known = {name: str(kind) for name, kind in statement.parameters.items()}
    listed = ", ".join(f"{name} ({kind})" for name, kind in known.items()) or "none"
    values: dict[str, str | None] = {}
    for each in given:
        name, separator, value = each.partition("=")
        if not separator or name not in known:
            raise UsageError(
                f"--set {name}: {statement.label} has no such parameter; there are: {listed}"
            )
        values[name] = value
    if not values and not (needed and known):
        return None if known else {}
    missing = [
        name
        for name, kind in statement.parameters.items()
        if not kind.optional and name not in values
    ]
    if missing:
        raise UsageError(
            f"{statement.label} needs values of {', '.join(missing)} as well; there are: {listed}"
        )
    return values
