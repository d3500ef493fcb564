"""The check of plans: whether the statements that cost the most are run as their locks say."""

from collections.abc import Iterator, Sequence
from functools import partial

from oadb.engine.binding.packages import Package
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.errors import ConfigError, DeclarationError
from oadb.tools import lock_holders
from oadb.tools.activity import (
    plan_drift,
    server_findings,
    statement_counters,
    statement_load,
    statement_places,
)
from oadb.tools.findings import Check, Finding, judged
from oadb.tools.plans import own_session
from oadb.tools.plans.planning import Limits
from oadb.tools.usage import UsageError

_SUBJECT = "plans"

# How many statements are planned, and the seconds of each: together five at most.
_MOST = 10
_LIMITS: Limits = (0.5, lock_holders.PATIENCE)


def checks(db: Database, config: Config, packages: Sequence[Package]) -> dict[str, Check]:
    """Return the check by its subject."""
    return {_SUBJECT: partial(check_plans, db, config, packages)}


def check_plans(
    db: Database,
    config: Config,
    packages: Sequence[Package],
    least: int = plan_drift.LEAST_ROWS,
) -> Iterator[Finding]:
    """Plan the statements that took the most time, run none, and compare with their locks.

    Args:
        least: rows of a table below which it does not matter how it is read.
    """
    found = server_findings.find_statement_statistics(db)
    obstacle = server_findings.explain_missing(db, found)
    if obstacle is not None:
        yield Finding(True, _SUBJECT, f"not looked at, because nobody counts calls: {obstacle}")
        return
    try:
        target = own_session.target(config)
    except ConfigError as error:
        yield Finding(True, _SUBJECT, f"not looked at, because {error}")
        return
    loads = statement_load.report(
        statement_counters.take(db),
        None,
        statement_places.places(packages),
        by="time",
        variants=True,
    )
    labels = [load.label for load in loads.loads[:_MOST]]
    try:
        report = plan_drift.compare(db, target, packages, labels, limits=_LIMITS, least=least)
    except (DeclarationError, UsageError) as error:
        yield Finding(False, _SUBJECT, f"not looked at: {' '.join(str(error).split())}")
        return
    faults = [
        f"{each.label} reads by {', '.join(each.live)}, which its lock does not have; "
        "oadb top --plans shows the plan of its lock, oadb explain the one here; analyze of the "
        "table or its missing index may mend it"
        for each in report.drifts
    ]
    faults += [f"{each}; see oadb top --plans" for each in report.unplanned]
    yield from judged(_SUBJECT, faults, f"of those that took the most time, {report}")
