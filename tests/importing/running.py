"""Runs of an import, as a person starts them."""

from collections.abc import Mapping

from oadb import Database
from oadb.importing import runs, sources
from oadb.importing.reports import TableReport
from tests.importing.openalgo import ENVIRON, Installation

Reports = dict[str, TableReport]


def bring(
    db: Database,
    there: Installation,
    *,
    applies: bool = True,
    environ: Mapping[str, str] = ENVIRON,
    installation: str = "openalgo",
    broker: str | None = None,
) -> Reports:
    plan = runs.Plan(installation, broker, applies)
    with sources.opened([there.folder], []) as found:
        return {
            report.table: report
            for report in runs.run(db, found, environ, plan, lambda _rows: None)
        }


def told(reports: Reports) -> str:
    return "\n".join(line for report in reports.values() for line in report.lines("written"))
