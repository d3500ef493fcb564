"""The checks of ``oadb doctor`` of the running server, in the order of its lines."""

from oadb.engine.executors import Runner
from oadb.tools.activity import (
    counter_findings,
    index_findings,
    replication_findings,
    server_findings,
    session_findings,
    table_findings,
    vacuum_findings,
)
from oadb.tools.activity.alert_limits import AlertLimits
from oadb.tools.findings import Check


def checks(db: Runner, schemas: list[str], limits: AlertLimits) -> dict[str, Check]:
    """Return the checks by subject; *schemas* are those whose tables and indexes are meant."""
    return {
        **session_findings.checks(db, limits),
        **server_findings.checks(db),
        **index_findings.checks(db, schemas, limits),
        **table_findings.checks(db, schemas, limits),
        **vacuum_findings.checks(db, schemas, limits),
        **replication_findings.checks(db, limits),
        **counter_findings.checks(db, limits),
    }
