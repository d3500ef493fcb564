"""What is wrong with logs: partitions that are missing, rows in the wrong place or not stored."""

from collections.abc import Iterator
from functools import partial

from oadb.engine.executors import Executor
from oadb.logs import partitions
from oadb.tools.findings import Finding, Look

_REMEDY = "run oadb maintain"


def looks(db: Executor) -> dict[str, Look]:
    """Return what there is to look at."""
    return {
        "maintain": partial(_maintain, db),
        "partitions": partial(missing_partitions, db),
        "default partitions": partial(default_partitions, db),
        "rows of logs": partial(_lost, db),
    }


def _maintain(db: Executor) -> Iterator[Finding]:
    last = partitions.find_last_maintenance(db)
    said = f"last ended {last.maintained_at:%Y-%m-%d %H:%M %Z}" if last.has_run else "not yet run"
    if last.is_long_ago or not last.has_run:
        said += "; schedule oadb maintain once a day or more often"
    yield Finding(not last.is_long_ago, "maintain", said)


def missing_partitions(db: Executor) -> Iterator[Finding]:
    """Say whether every table of logs has a partition for the next three days."""
    due = [missing.partition_name for missing in partitions.list_missing(db) if missing.is_due]
    text = f"without {', '.join(due)}; {_REMEDY}" if due else "made ahead"
    yield Finding(not due, "partitions", text)


def default_partitions(db: Executor) -> Iterator[Finding]:
    """Say whether rows are where no partition was made for them."""
    rows: dict[str, int] = {}
    for strays in partitions.list_strays(db):
        rows[strays.table_name] = rows.get(strays.table_name, 0) + strays.rows
    found = ", ".join(f"{count:,} rows in {table}_default" for table, count in rows.items())
    yield Finding(not rows, "default partitions", f"{found}; {_REMEDY}" if rows else "empty")


def _lost(db: Executor) -> Iterator[Finding]:
    lost = partitions.count_lost(db)
    if lost.rejected or lost.dropped:
        yield Finding(
            False,
            "rows of logs",
            f"in the last day {lost.rejected:,} were rejected and {lost.dropped:,} dropped; "
            "see oadb.log_rejects and oadb.log_drops",
        )
    else:
        yield Finding(True, "rows of logs", "none rejected or dropped in the last day")
