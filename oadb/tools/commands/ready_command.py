"""The command ``oadb ready``; see ``oadb.engine.readiness``."""

import signal
from collections.abc import Generator
from contextlib import closing, contextmanager
from typing import Annotated

import typer

from oadb.engine.database import Database
from oadb.engine.readiness import ReadyFinding
from oadb.tools.commands import options, spans
from oadb.tools.commands.json_output import AsJson
from oadb.tools.commands.options import DatabaseUrl
from oadb.tools.commands.report import show, show_json
from oadb.tools.commands.spans import Span

app = options.command()

_USUAL = spans.parse("5s")


@app.command()
def run_ready(
    within: Annotated[
        Span, typer.Option("--within", metavar="SPAN", parser=spans.parse, help="Time for it all.")
    ] = _USUAL,
    as_json: AsJson = False,
    _url: DatabaseUrl = None,
) -> None:
    """Say whether a service can work with its database; for the probes of containers.

    It answers, all migrations are applied, keys and role fit. Exits with 3 if not. Writes nothing.
    """
    try:
        with closing(Database.from_env()) as db, _ended_after(within):
            found = db.ready(deadline=within.length).findings
    except TimeoutError as error:
        found = (ReadyFinding(False, "connection", str(error), "oadb doctor says more"),)
    output = show_json if as_json else show
    output(found)


@contextmanager
def _ended_after(within: Span) -> Generator[None]:
    """Interrupt what does not look at the time itself, such as a name server.

    Raises:
        TimeoutError: the time has passed.
    """

    def end(_signal: int, _frame: object) -> None:
        raise TimeoutError(f"not known within {within}")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, within.length.total_seconds())
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
