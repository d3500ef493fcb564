"""oadb maintain is killed at any point: no row is lost or doubled, and the next run continues."""

import os
import random
import subprocess
import sys
from datetime import timedelta

import pytest

from oadb.engine.config import Config
from oadb.tools import maintenance
from oadb.tools.retention import DEFAULT_DAYS
from tests.support.log_rows import partitions_of
from tests.support.rig import Observer, eventually

pytestmark = pytest.mark.fault

_STRAYS = """
insert into oadb.traffic (logged_at, ip, method, path, status, duration_ms)
select
    timestamptz '2020-02-01 00:00+00' + n * interval '20 minutes', '203.0.113.7', 'GET', '/', 200, 1
from generate_series(0, 2159) as n
"""


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.holds("F22", "F25")
def test_a_killed_run_loses_no_row_and_is_finished_by_the_next(
    oadb_database_url: str, seed: int
) -> None:
    """The run is killed while it moves 30 days of 72 rows out of the default partition."""
    observer = Observer(oadb_database_url)
    observer.rows(_STRAYS)
    variables = {"DATABASE_URL": oadb_database_url, "OADB_TRAFFIC_RETENTION_DAYS": "-1"}
    with subprocess.Popen(
        [sys.executable, "-m", "oadb", "maintain"],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
    ) as run:
        assert run.stdout is not None
        for _ in range(random.Random(seed).randrange(1, 29)):
            run.stdout.readline()
        run.kill()
    eventually(lambda: not observer.backends())

    count = "select count(*), count(distinct log_id) from oadb.traffic"
    assert observer.rows(count) == [(2160, 2160)]
    config = Config.from_env({"DATABASE_URL": oadb_database_url})
    kept = dict.fromkeys(DEFAULT_DAYS)
    assert all(finding.ok for finding in maintenance.run(config, kept))
    assert observer.rows(count) == [(2160, 2160)]
    assert observer.ask("select count(*) from oadb.traffic_default") == 0
    assert len(partitions_of(oadb_database_url, "traffic")) == 30 + 8


def test_a_run_that_is_killed_while_it_drops_leaves_no_table_behind(oadb_database_url: str) -> None:
    observer = Observer(oadb_database_url)
    observer.rows(_STRAYS)
    config = Config.from_env({"DATABASE_URL": oadb_database_url})
    assert all(found.ok for found in maintenance.run(config, dict.fromkeys(DEFAULT_DAYS)))
    with subprocess.Popen(
        [sys.executable, "-m", "oadb", "maintain"],
        env={**os.environ, "DATABASE_URL": oadb_database_url},
        stdout=subprocess.PIPE,
    ) as run:
        assert run.stdout is not None
        for _ in range(7):
            assert run.stdout.readline().startswith(b"ok   traffic: dropped traffic_202002")
        run.kill()
    eventually(lambda: not observer.backends())

    # Each remaining table is a partition.
    tables = "select count(*) from pg_class where relname ~ '^traffic_2020[0-9]+$'"
    assert observer.ask(tables) == observer.ask(f"{tables} and relispartition") < 24
    kept = {**dict.fromkeys(DEFAULT_DAYS), "traffic": timedelta(days=30)}
    assert all(found.ok for found in maintenance.run(config, kept))
    assert observer.ask(tables) == 0
