"""Checks of counters and sizes: cache, temporary files, deadlocks, checkpoints, WAL.

Free space is not among them: SQL does not tell how large a volume is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner
from oadb.tools import managed_servers
from oadb.tools.activity import checkpoint_counters, session_findings
from oadb.tools.activity.alert_limits import AlertLimits
from oadb.tools.activity.quantities import duration, size
from oadb.tools.findings import Check, Finding

query = queries(__name__)

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DatabaseCounters:
    """What was counted in this database in the time *counted*: blocks, files, bytes, deadlocks."""

    hits: int
    reads: int
    temporary_files: int
    temporary_bytes: int
    deadlocks: int
    counted: timedelta

    def a_day(self, count: float) -> float:
        """Return the average of a day; what is younger counts as one, so that none is guessed."""
        return count / max(self.counted / _DAY, 1.0)


@dataclass(frozen=True, slots=True)
class WalSize:
    """The bytes of all files of the WAL, and those that the settings mean it to have."""

    used: int
    meant: int


@query
def _find_counters() -> DatabaseCounters: ...


@query
def _get_database_size() -> int: ...


@query
def _get_wal_size() -> WalSize: ...


query.complete()


def checks(db: Runner, limits: AlertLimits) -> dict[str, Check]:
    """Return the checks by subject."""
    return {
        "cache": partial(check_cache, db, limits),
        "temporary files": partial(check_temporary_files, db, limits),
        "deadlocks": partial(check_deadlocks, db, limits),
        "checkpoints": partial(check_checkpoints, db, limits),
        "disk": partial(check_disk, db, limits),
    }


def check_cache(db: Runner, limits: AlertLimits) -> Iterator[Finding]:
    """Check that most blocks are found in the server's memory."""
    found = _find_counters(db)
    share = found.hits / max(found.hits + found.reads, 1)
    text = f"{share:.1%} of blocks were in shared_buffers"
    if found.reads >= limits.cache_reads and share < limits.cache_hits:
        text += (
            ": oadb top --by reads shows whose were not; then raise shared_buffers, or add memory"
        )
        yield Finding(False, "cache", text)
    else:
        yield Finding(True, "cache", text)


def check_temporary_files(db: Runner, limits: AlertLimits) -> Iterator[Finding]:
    """Check that statements sort and hash in memory."""
    found = _find_counters(db)
    text = f"{size(found.temporary_bytes)} in {found.temporary_files:,} files"
    text += f" within {duration(found.counted)}"
    if found.a_day(found.temporary_bytes) > limits.temporary_bytes:
        text += ": oadb top --by temp shows whose; alter role ... set work_mem for that role"
        yield Finding(False, "temporary files", text)
    else:
        yield Finding(True, "temporary files", text)


def check_deadlocks(db: Runner, limits: AlertLimits) -> Iterator[Finding]:
    """Check that deadlocks are rare."""
    found = _find_counters(db)
    text = f"{found.deadlocks:,} within {duration(found.counted)}"
    if found.a_day(found.deadlocks) > limits.deadlocks:
        text += (
            ": the server's log has the statements of each; lock rows in one order everywhere, "
            "select ... order by ... for update"
        )
        yield Finding(False, "deadlocks", text)
    else:
        yield Finding(True, "deadlocks", text)


def check_checkpoints(db: Runner, limits: AlertLimits) -> Iterator[Finding]:
    """Check that checkpoints come by time, not because so much WAL was written."""
    found = checkpoint_counters.find(db)
    total = found.timed + found.requested
    a_day = found.requested / max(found.counted / _DAY, 1 / 24)
    text = f"{found.requested:,} of {total:,} were requested within {duration(found.counted)}"
    if (
        found.counted >= limits.counted
        and a_day >= limits.checkpoints
        and found.requested > limits.requested_checkpoints * total
    ):
        administration = managed_servers.find(db)
        text += f"; {administration.change('set max_wal_size')} to twice what it is"
        text += "" if administration.place else "; then pg_reload_conf()"
        yield Finding(False, "checkpoints", text)
    else:
        yield Finding(True, "checkpoints", text)


def check_disk(db: Runner, limits: AlertLimits) -> Iterator[Finding]:
    """Check that WAL takes no more than it should, and tell the size of the database."""
    text = f"the database takes {size(_get_database_size(db))}"
    rest = "; SQL does not tell what is free: watch the volume itself"
    if not session_findings.find_sight(db).sees_all:
        yield Finding(True, "disk", text + rest)
        return
    wal = _get_wal_size(db)
    text += f", WAL {size(wal.used)} of {size(wal.meant)} that it should have"
    if wal.used > limits.wal_times * wal.meant:
        text += ": something keeps it; see replication slots, archiving and standbys"
        yield Finding(False, "disk", text + rest)
    else:
        yield Finding(True, "disk", text + rest)
