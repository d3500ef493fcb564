"""The pages for who is on call explain every finding once, with the thresholds that hold."""

from dataclasses import fields
from pathlib import Path

from oadb.tools.activity.alert_limits import GIBIBYTE, MEBIBYTE, USUAL
from tests.support.finding_names import EVERY_SUBJECT, OF_REPLICAS

DOCS = Path(__file__).parents[3] / "docs"

# What the column of thresholds, or a sentence, says of each.
SAID = {
    "clock_skew": ("clock", f"{USUAL.clock_skew.total_seconds():g} s"),
    "certificate": ("transport", f"{USUAL.certificate.days} days"),
    "idle_transaction": (
        "idle transactions", f"{USUAL.idle_transaction.total_seconds() / 60:g} minutes",
    ),
    "long_transaction": (
        "long transactions", f"{USUAL.long_transaction.total_seconds() / 60:g} minutes",
    ),
    "lock_wait": ("lock waits", f"{USUAL.lock_wait.total_seconds():g} s"),
    "connections": ("connections", f"{USUAL.connections * 100:g} %"),
    "sequence": ("sequences", f"{USUAL.sequence * 100:g} %"),
    "index_waste": ("bloated indexes", f"{USUAL.index_waste // MEBIBYTE} MB"),
    "index_bloat": ("bloated indexes", f"{USUAL.index_bloat * 100:g} %"),
    "table_waste": ("bloated tables", f"{USUAL.table_waste // MEBIBYTE} MB"),
    "table_bloat": ("bloated tables", f"{USUAL.table_bloat * 100:g} %"),
    "changed_rows": ("vacuum", f"{USUAL.changed_rows:,} rows"),
    "vacuum_delay": ("vacuum", f"{USUAL.vacuum_delay:g} times"),
    "analyze_delay": ("stale statistics", f"{USUAL.analyze_delay:g} times"),
    "freeze_delay": ("wraparound", f"{USUAL.freeze_delay:g} times"),
    "standby_delay": ("standbys", f"{USUAL.standby_delay.total_seconds() / 60:g} minute"),
    "standby_bytes": ("standbys", f"{USUAL.standby_bytes // GIBIBYTE} GB"),
    "slot_bytes": ("replication slots", f"{USUAL.slot_bytes // GIBIBYTE} GB"),
    "held_transactions": ("replication slots", f"{USUAL.held_transactions:,} transactions"),
    "cache_hits": ("cache", f"{USUAL.cache_hits * 100:g} %"),
    "cache_reads": ("cache", f"{USUAL.cache_reads:,} reads"),
    "temporary_bytes": ("temporary files", f"{USUAL.temporary_bytes // GIBIBYTE} GB a day"),
    "deadlocks": ("deadlocks", f"{USUAL.deadlocks:g} a day"),
    "requested_checkpoints": ("checkpoints", f"{USUAL.requested_checkpoints * 100:g} %"),
    "checkpoints": ("checkpoints", f"{USUAL.checkpoints:g} a day"),
    "counted": ("checkpoints", f"{USUAL.counted.total_seconds() / 3600:g} hour"),
    "wal_times": ("disk", f"{USUAL.wal_times:g} times"),
}  # fmt: skip  # a table


def explained(page: str) -> dict[str, str]:
    """Return what the table of a page says of each finding that it explains."""
    table = (DOCS / page).read_text().partition("| finding |")[2].partition("\n\n")[0]
    rows = [row.split(" | ", 1) for row in table.splitlines()[2:]]
    return {name: said for names, said in rows for name in names.strip("| ").split(", ")}


def test_every_finding_is_explained_once() -> None:
    named = [*explained("reliability.md"), *explained("operations.md")]

    assert sorted(named) == sorted([*EVERY_SUBJECT, *OF_REPLICAS])


def test_every_threshold_is_said() -> None:
    said = {**explained("reliability.md"), **explained("operations.md")}

    assert {*SAID} == {each.name for each in fields(USUAL)}
    assert {name: value for name, (row, value) in SAID.items() if value not in said[row]} == {}
