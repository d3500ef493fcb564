"""What is amiss with logs: partitions that are missing, rows in the wrong place or not stored."""

from collections.abc import Iterator

from psycopg.errors import InsufficientPrivilege, UndefinedTable

from oadb import log_partitions
from oadb.engine.executors import Executor
from oadb.tools.findings import Finding

_REMEDY = "run oadb maintain"


def examine(db: Executor) -> Iterator[Finding]:
    """Yield the findings; none before the tables are there, which has a finding of its own."""
    try:
        maintenance = log_partitions.find_last_maintenance(db)
    except UndefinedTable:
        return
    except InsufficientPrivilege:
        yield Finding(False, "logs", "this role may not look; connect as a member of oadb_app")
        return
    last = f"last ended {maintenance.maintained_at:%Y-%m-%d %H:%M %Z}"
    late = f"{last}; schedule oadb maintain once a day or more often"
    yield Finding(
        not maintenance.is_long_ago, "maintain", late if maintenance.is_long_ago else last
    )
    yield partitions(db)
    yield default_partitions(db)
    yield _lost(db)


def partitions(db: Executor) -> Finding:
    """Say whether every table of logs has a partition for the next three days."""
    due = [missing.partition_name for missing in log_partitions.list_missing(db) if missing.is_due]
    if due:
        return Finding(False, "partitions", f"without {', '.join(due)}; {_REMEDY}")
    return Finding(True, "partitions", "made ahead")


def default_partitions(db: Executor) -> Finding:
    """Say whether rows are where no partition was made for them."""
    rows: dict[str, int] = {}
    for strays in log_partitions.list_strays(db):
        rows[strays.table_name] = rows.get(strays.table_name, 0) + strays.rows
    if rows:
        told = ", ".join(f"{count:,} rows in {table}_default" for table, count in rows.items())
        return Finding(False, "default partitions", f"{told}; {_REMEDY}")
    return Finding(True, "default partitions", "empty")


def _lost(db: Executor) -> Finding:
    lost = log_partitions.count_lost(db)
    if lost.rejected or lost.dropped:
        return Finding(
            False,
            "rows of logs",
            f"in the last day {lost.rejected:,} were rejected and {lost.dropped:,} dropped; "
            "see oadb.log_rejects and oadb.log_drops",
        )
    return Finding(True, "rows of logs", "none rejected or dropped in the last day")
