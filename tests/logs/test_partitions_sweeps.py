"""Batches, rejected rows and dropped rows are swept when they are old, and not needed any more."""

from collections.abc import Callable

import pytest

from oadb import Database
from oadb.logs import partitions
from tests.support.log_rows import held
from tests.support.rig import Observer

BATCH = (
    "insert into oadb.log_batches (batch_id, table_name, rows, first_at, last_at, stored_at, "
    "rolled_up_at) values (gen_random_uuid(), '{table}', 1, now(), now(), "
    "now() - interval '{days} days', {rolled_up_at})"
)
REJECT = (
    "insert into oadb.log_rejects (rejected_at, batch_id, table_name, reason, row_text) "
    "values (now() - interval '{days} days', gen_random_uuid(), 'traffic', 'x', 'x')"
)
DROP = (
    "insert into oadb.log_drops (dropped_at, writer, table_name, rows) "
    "values (now() - interval '{days} days', 'x', 'traffic', 7)"
)


def test_batches_are_swept_after_a_week_unless_rollups_still_need_them(
    db: Database, observer: Observer
) -> None:
    for table, days, rolled_up_at in [
        ("traffic", 8, "null"),
        ("traffic", 8, "now()"),
        ("traffic", 6, "now()"),
        ("api_logs", 8, "null"),
        ("api_logs", 6, "null"),
    ]:
        observer.rows(BATCH.format(table=table, days=days, rolled_up_at=rolled_up_at))

    assert partitions.delete_expired_batches(db, batch=1) == 1
    assert partitions.delete_expired_batches(db) == 1
    assert observer.rows(
        "select table_name, rolled_up_at is null from oadb.log_batches order by 1, 2"
    ) == [("api_logs", True), ("traffic", False), ("traffic", True)]


def test_rejected_and_dropped_rows_are_counted_for_a_day_and_kept_for_30(
    db: Database, observer: Observer
) -> None:
    for days in (0, 2, 31):
        observer.rows(REJECT.format(days=days))
        observer.rows(DROP.format(days=days))

    assert partitions.count_lost(db) == partitions.Lost(rejected=1, dropped=7)
    assert (partitions.delete_expired_rejects(db), partitions.delete_expired_drops(db)) == (1, 1)


@pytest.mark.parametrize(
    ("sweep", "table", "insert"),
    [
        (partitions.delete_expired_batches, "log_batches", BATCH),
        (partitions.delete_expired_rejects, "log_rejects", REJECT),
        (partitions.delete_expired_drops, "log_drops", DROP),
    ],
    ids=["batches", "rejects", "drops"],
)
def test_a_sweep_does_not_wait_for_a_locked_row(
    db: Database,
    url: str,
    observer: Observer,
    sweep: Callable[[Database], int],
    table: str,
    insert: str,
) -> None:
    values = {"table": "api_logs", "rolled_up_at": "null"}
    observer.rows(insert.format(days=50, **values))
    with held(url, f"select from oadb.{table} for update"):
        observer.rows(insert.format(days=40, **values))

        assert sweep(db) == 1
    assert sweep(db) == 1
