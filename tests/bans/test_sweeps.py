"""Sweeps of bans and trackers: they leave a row that another transaction holds to the next one."""

from collections.abc import Callable

import pytest

from oadb import Database
from oadb.bans import ip_bans, trackers
from tests.support.log_rows import held
from tests.support.rig import Observer

pytestmark = pytest.mark.changes_rows

BAN = (
    "insert into oadb.ip_bans (network, reason, offences, banned_at, expires_at, source) values "
    "('203.0.113.{number}', 'x', 1, now() - interval '3 years', now() - interval '2 years', "
    "'person')"
)
TRACKER = (
    "insert into oadb.ip_trackers (kind, network, hits, first_at, last_at, samples) values "
    "('not_found', '203.0.113.{number}', 1, now() - interval '2 days', "
    "now() - interval '2 days', '{{}}')"
)


@pytest.mark.parametrize(
    ("sweep", "table", "insert"),
    [
        (ip_bans.delete_expired, "ip_bans", BAN),
        (trackers.delete_expired, "ip_trackers", TRACKER),
    ],
    ids=["bans", "trackers"],
)
def test_a_sweep_does_not_wait_for_a_locked_row(
    db: Database, oadb_database_url: str, sweep: Callable[[Database], int], table: str, insert: str
) -> None:
    observer = Observer(oadb_database_url)
    observer.rows(insert.format(number=1))
    with held(oadb_database_url, f"select from oadb.{table} for update"):
        observer.rows(insert.format(number=2))

        assert sweep(db) == 1
    assert sweep(db) == 1
