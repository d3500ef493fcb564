"""Checks of replication: standbys that are behind, slots that keep WAL, archiving that fails."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner
from oadb.tools.activity.alert_limits import AlertLimits
from oadb.tools.activity.quantities import duration, size
from oadb.tools.findings import Check, Finding, judged

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class StandbyDelay:
    """A receiver of WAL: bytes and time behind, and transactions for which it keeps rows.

    None: nothing was replayed yet, or nothing was written since, or it keeps none.
    """

    name: str
    state: str
    behind: int | None
    delay: timedelta | None
    held: int | None


@dataclass(frozen=True, slots=True)
class SlotHold:
    """What a replication slot keeps: bytes of WAL, and rows of how many transactions.

    ``is_lost``: the WAL that it needs is gone. None: it keeps none.
    """

    name: str
    is_active: bool
    is_lost: bool | None
    kept: int | None
    held: int | None
    mending: str


@dataclass(frozen=True, slots=True)
class ArchivingState:
    """Archiving of WAL. ``failed_at`` is None if the last attempt was none that failed."""

    is_on: bool
    last_failed_wal: str | None
    failed_at: datetime | None
    archived_at: datetime | None


@query
def _list_standbys() -> list[StandbyDelay]: ...


@query
def _list_slots() -> list[SlotHold]: ...


@query
def _find_archiving() -> ArchivingState: ...


query.complete()


def checks(db: Runner, limits: AlertLimits) -> dict[str, Check]:
    """Return the checks by subject."""
    return {
        "standbys": partial(check_standbys, db, limits),
        "replication slots": partial(check_slots, db, limits),
        "archiving": partial(check_archiving, db),
    }


def check_standbys(db: Runner, limits: AlertLimits) -> Iterator[Finding]:
    """Check that what follows this server is close to it, and keeps no rows for long."""
    found = _list_standbys(db)
    faults = [fault for each in found for fault in _standby_faults(each, limits)]
    fine = f"{len(found)} connected, none far behind" if found else "none is seen"
    yield from judged("standbys", faults, fine)


def _standby_faults(each: StandbyDelay, limits: AlertLimits) -> Iterator[str]:
    behind, delay, held = each.behind or 0, each.delay or timedelta(), each.held or 0
    if behind > limits.standby_bytes or delay > limits.standby_delay:
        yield (
            f"{each.name} ({each.state}) is {size(behind)} and {duration(delay)} behind, which a "
            "failover would lose: look at its log, disk and network, and for queries that it "
            "waits for (pg_stat_activity there)"
        )
    if held > limits.held_transactions:
        yield (
            f"a query on {each.name} keeps rows of {held:,} transactions from VACUUM: end it "
            "there, or set hot_standby_feedback = off there"
        )


def check_slots(db: Runner, limits: AlertLimits) -> Iterator[Finding]:
    """Check that no replication slot fills the disk with WAL, or the tables with dead rows."""
    found = _list_slots(db)
    faults = [fault for each in found for fault in _slot_faults(each, limits)]
    yield from judged("replication slots", faults, f"{len(found)}, none keeps much")


def _slot_faults(each: SlotHold, limits: AlertLimits) -> Iterator[str]:
    kept, held = each.kept or 0, each.held or 0
    use = "in use" if each.is_active else "not in use"
    if each.is_lost:
        yield f"{each.name} is lost: WAL that it needs is gone; {each.mending}, and copy anew"
    elif kept > limits.slot_bytes or held > limits.held_transactions:
        yield (
            f"{each.name}, {use}, keeps {size(kept)} of WAL and rows of {held:,} transactions: "
            f"start what reads it, or, if nobody will, {each.mending}"
        )


def check_archiving(db: Runner) -> Iterator[Finding]:
    """Check that WAL arrives in the archive, if there is one."""
    found = _find_archiving(db)
    if not found.is_on:
        yield Finding(True, "archiving", "off: a restore ends at the last backup")
    elif found.failed_at is None:
        yield Finding(True, "archiving", "on, and the last attempt did not fail")
    else:
        yield Finding(
            False,
            "archiving",
            f"{found.last_failed_wal} failed at {found.failed_at:%Y-%m-%d %H:%M %Z}, and WAL is "
            "kept until it succeeds, so that the disk fills: the server's log says why",
        )
