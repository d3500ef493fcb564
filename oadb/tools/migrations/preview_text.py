"""The text of a dry run: a block for each migration, with what waits for it first."""

from collections.abc import Iterator

from oadb.tools.migrations.live_tables import TableSize
from oadb.tools.migrations.migration_preview import (
    LARGE,
    Backfill,
    LockHold,
    MigrationPreview,
    SizedWork,
)
from oadb.tools.migrations.migration_trial import TrialResult
from oadb.tools.migrations.table_states import Work

WHY = (
    f"FAIL: callers wait while more than {LARGE:,} rows are read or written, of which about that "
    "many take the 100 ms that a caller may wait; docs/online-changes.md has ways without"
)

_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_DOES = {
    "rewrite": "writes {table} again, with its indexes",
    "replace": "gives {table} a new file: empties it, or writes it again",
    "index": "builds index {index} on {table}",
    "scan": "reads all of {table}",
    "insert": "adds rows to {table}",
    "update": "changes or deletes rows of {table}, which stay locked until it ends",
}


def block(found: MigrationPreview) -> str:
    """Return the lines about a migration."""
    return "\n".join(_lines(found))


def _lines(found: MigrationPreview) -> Iterator[str]:
    migration = found.trial.migration
    yield f"{'ok  ' if found.is_safe else 'FAIL'} {migration.package} {migration.id}: {_sum(found)}"
    if found.trial.failure is not None:
        yield from (f"     {line}" for line in found.trial.failure.splitlines())
        return
    for hold in found.locks:
        yield f"     {_held(hold)}"
    for work in sorted(found.works, key=lambda each: each.line):
        yield f"     line {work.line} {_done(work)}"
    for backfill in found.backfills:
        yield from _planned(backfill)
    yield f"     {_conditions(found.trial)}"


def _sum(found: MigrationPreview) -> str:
    """Return the sentence that says what waits."""
    if found.trial.failure is not None:
        return "it fails on an empty database, and what comes after it was not tried"
    worst = next((each for each in found.locks if each.stopped), None)
    undone = "" if found.trial.undoing_failure is None else ", and its rollback fails"
    if worst is None:
        return f"nobody waits for it{undone}"
    if not worst.is_long:
        return f"{worst.stopped} of {worst.table_name} wait for an instant{undone}"
    longest = next(each for each in worst.works if each.is_large)
    return f"{worst.stopped} of {worst.table_name} wait while it {_done(longest)}{undone}"


def _held(hold: LockHold) -> str:
    stopped = f"{hold.stopped} wait" if hold.stopped else "nobody waits but maintenance"
    if hold.mode == "row exclusive" and not hold.stopped:
        stopped = "nobody waits"
    works = [each for each in hold.works if each.rows != 0]
    how_long = f"until line {max(each.line for each in works)} is done" if works else "an instant"
    return f"line {hold.line} {hold.mode} lock on {hold.table_name}, {how_long}: {stopped}"


def does(work: Work) -> str:
    """Return what is done to the rows of a table."""
    return _DOES[work.kind].format(table=work.table_name, index=work.index_name)


def _done(each: SizedWork) -> str:
    return f"{does(each.work)}: {_amount(each)}"


def _amount(each: SizedWork) -> str:
    if each.size is None:
        return "it is not in the live database"
    if each.rows is None:
        return (
            f"{_bytes(each.size)}, nobody knows how many rows: run analyze {each.size.table_name}"
        )
    if each.work.kind in {"insert", "update"}:
        return f"about {each.rows:,} rows"
    return f"about {each.rows:,} rows, {_bytes(each.size)}"


def _bytes(size: TableSize) -> str:
    amount, unit = float(size.bytes), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    parts = f" in {size.parts} partitions" if size.parts > 1 else ""
    return f"{amount:.{1 if unit else 0}f} {_UNITS[unit]}{parts}"


def _planned(backfill: Backfill) -> Iterator[str]:
    line = f"     line {backfill.line}"
    if backfill.plan is None:
        tables = ", ".join(backfill.tables)
        yield f"{line} has no plan to show: {backfill.reason}, and writes {tables}"
        return
    whose = "the live database"
    if backfill.reason:
        whose = f"an empty database; the live one says: {backfill.reason}"
    yield f"{line} has this plan in {whose}"
    yield from (f"         {line}" for line in backfill.plan.lines)


def _conditions(trial: TrialResult) -> str:
    how = "in one transaction" if trial.migration.transactional else "without a transaction"
    undone = "its rollback runs"
    if trial.undoing_failure is not None:
        undone = f"its rollback FAILS: {' '.join(trial.undoing_failure.split())}"
    lost = f", without what was in {', '.join(trial.dropped)}" if trial.dropped else ""
    return f"{how}; waits at most {trial.lock_timeout} for a lock; {undone}{lost}"
