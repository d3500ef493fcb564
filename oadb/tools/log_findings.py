"""Checks of logs: missing partitions, rows in default partitions, rows that were not stored."""

from collections.abc import Iterator
from functools import partial

from oadb.engine.executors import Executor
from oadb.logs import partitions
from oadb.tools.findings import Check, Finding

_REMEDY = "run oadb maintain"


def checks(db: Executor) -> dict[str, Check]:
    """Return the checks of logs by subject."""
    return {
        "maintain": partial(_check_maintenance, db),
        "partitions": partial(check_missing_partitions, db),
        "default partitions": partial(check_default_partitions, db),
        "rows of logs": partial(_check_lost_rows, db),
    }


def _check_maintenance(db: Executor) -> Iterator[Finding]:
    last = partitions.find_last_maintenance(db)
    text = f"last run ended {last.maintained_at:%Y-%m-%d %H:%M %Z}" if last.has_run else "never run"
    if last.is_long_ago or not last.has_run:
        text += "; run oadb maintain at least once a day"
    yield Finding(not last.is_long_ago, "maintain", text)


def check_missing_partitions(db: Executor) -> Iterator[Finding]:
    """Check that every table of logs has partitions for the next three days."""
    due = [missing.partition_name for missing in partitions.list_missing(db) if missing.is_due]
    text = f"{', '.join(due)} missing; {_REMEDY}" if due else "exist for the next three days"
    yield Finding(not due, "partitions", text)


def check_default_partitions(db: Executor) -> Iterator[Finding]:
    """Check that the default partitions, for rows without a partition of their own, are empty."""
    rows: dict[str, int] = {}
    for strays in partitions.list_strays(db):
        rows[strays.table_name] = rows.get(strays.table_name, 0) + strays.rows
    found = ", ".join(f"{count:,} rows in {table}_default" for table, count in rows.items())
    yield Finding(not rows, "default partitions", f"{found}; {_REMEDY}" if rows else "empty")


def _check_lost_rows(db: Executor) -> Iterator[Finding]:
    lost = partitions.count_lost(db)
    if lost.rejected or lost.dropped:
        yield Finding(
            False,
            "rows of logs",
            f"{lost.rejected:,} rejected and {lost.dropped:,} dropped in the last day; "
            "see oadb.log_rejects and oadb.log_drops",
        )
    else:
        yield Finding(True, "rows of logs", "none rejected or dropped in the last day")
