"""Runs imports of an installation, and shows what they did."""

from collections.abc import Mapping

from oadb import Database
from oadb.importing import runs, sources
from oadb.importing.merging import Choices
from oadb.importing.reports import TableReport
from tests.importing.openalgo import ENVIRON, Installation
from tests.support.rig import Observer

Reports = dict[str, TableReport]

HISTORIES = ("order_logs", "analyzer_logs", "traffic_logs", "order_latency", "login_attempts")
LOGS = ("api_logs", "analyzer_logs", "traffic", "latency", "login_attempts")
"""The tables of oadb that have the rows of the histories, in the same order."""


def run_import(
    db: Database,
    origin: Installation,
    *,
    applies: bool = True,
    environ: Mapping[str, str] = ENVIRON,
    installation: str = "openalgo",
    broker: str | None = None,
    choices: Choices | None = None,
    renames: Mapping[str, str] | None = None,
    kept_fields: tuple[str, ...] = (),
    verifies: bool = False,
) -> Reports:
    """Import an installation; return the reports by table."""
    chosen = (choices or Choices(), renames or {}, kept_fields, verifies)
    plan = runs.Plan(installation, broker, applies, *chosen)
    with sources.opened([origin.folder], []) as found:
        return {
            report.table: report
            for report in runs.run(db, found, environ, plan, lambda _rows: None)
        }


def text_of(reports: Reports) -> str:
    return "\n".join(line for report in reports.values() for line in report.lines("written"))


def tally(report: TableReport) -> tuple[int, int, int]:
    return report.found, report.written, report.existing


def counts(observer: Observer) -> dict[str, int]:
    """Return the number of rows of each table in LOGS."""
    return {log: observer.ask(f"select count(*) from oadb.{log}") for log in LOGS}
