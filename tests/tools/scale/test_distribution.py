"""`oadb distribute` on a real Citus cluster: from a migrated database to rows on workers."""

import signal
import subprocess
import sys
from collections.abc import Generator
from datetime import UTC, datetime

import psycopg
import pytest

from oadb import Config, Database
from oadb.engine import dsn
from oadb.engine.binding.packages import find
from oadb.errors import MigrationError
from oadb.logs import traffic
from oadb.logs.writer import LogWriter
from oadb.tools.migrations import runner
from oadb.tools.scale import distribution
from tests.support.citus_cluster import LOGGER, CitusDatabase, migrated, needs_citus, run

pytestmark = [pytest.mark.slow, needs_citus]

OADB = [find("oadb")]
LOGS = {"oadb.analyzer_logs", "oadb.api_logs", "oadb.latency", "oadb.traffic"}


def config(url: str) -> Config:
    return Config.from_env({"DATABASE_URL": url, "DB_POOL_SIZE": "1"})


def request(user_id: int) -> traffic.Request:
    return traffic.Request(
        ip="192.0.2.1", method="GET", path="/", status=200, duration_ms=1.0, user_id=user_id
    )


def placed(database: CitusDatabase) -> set[str]:
    state = distribution.plan(dsn.parse(database.here), OADB).state
    return {each.name for each in state.tables if each.placement == "distributed"}


def distribute(database: CitusDatabase) -> list[str]:
    told: list[str] = []
    distribution.distribute(dsn.parse(database.here), OADB, tell=told.append)
    return told


@pytest.fixture(scope="module")
def database() -> Generator[CitusDatabase]:
    """Give a database that was distributed, by two runs of which the first was killed."""
    with migrated() as made:
        with Database(config(made.here)) as db:
            for user_id in (1, 2, 2):
                traffic.record(db, request(user_id))
        command = [sys.executable, "-m", "oadb", "distribute", "--database-url", made.here]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
            assert killed.stdout is not None
            while "done: distribute" not in killed.stdout.readline():
                pass
            killed.send_signal(signal.SIGKILL)
        run(
            made.here,
            "select pg_terminate_backend(pid) from pg_stat_activity where "
            "application_name like 'oadb%' and datname = current_database()",
        )
        assert placed(made) == {"oadb.analyzer_logs"}
        distribute(made)
        yield made


def test_a_run_after_one_that_was_killed_does_what_was_left_and_no_row_is_lost(
    database: CitusDatabase,
) -> None:
    planned = distribution.plan(dsn.parse(database.here), OADB)

    assert placed(database) == LOGS
    assert (planned.steps, planned.faults) == ([], [])
    assert distribute(database) == []
    (rows,) = run(database.here, "select count(*) from oadb.traffic where path = '/'")
    assert rows == (3,)


def test_under_an_identity_workers_show_the_rows_of_the_user_alone(
    database: CitusDatabase,
) -> None:
    with Database(config(database.as_role("oadb_app"))) as db:
        for executor in (db.as_user(2), db.as_user(7)):
            seen = {each.user_id for each in traffic.list_requests(executor).rows}
            with executor.transaction() as tx:
                assert {each.user_id for each in traffic.list_requests(tx).rows} == seen
            assert seen <= {2}
        assert {each.user_id for each in traffic.list_requests(db.as_user(2)).rows} == {2}
        assert {each.user_id for each in traffic.list_requests(db).rows} >= {1, 2}


def test_an_identity_that_reached_no_worker_would_show_nothing(database: CitusDatabase) -> None:
    with psycopg.connect(database.as_role("oadb_app")) as connection:
        connection.execute("select set_config('oadb.user_id', '2', true)")
        connection.execute("select oadb.act_as(2)")

        assert connection.execute("select count(*) from oadb.traffic").fetchall() == [(0,)]


def test_log_writers_store_rows_on_workers(database: CitusDatabase) -> None:
    with LogWriter(config(database.as_role(LOGGER))) as writer:
        for _ in range(500):
            assert writer.offer(request(3))

    assert run(database.here, "select count(*) from oadb.traffic where user_id = 3") == [(500,)]
    assert run(database.here, "select count(*) from oadb.log_rejects") == [(0,)]


def test_partitions_are_made_walled_and_dropped_on_workers(database: CitusDatabase) -> None:
    run(database.here, "call oadb.make_log_partition('traffic', now() + '20 days', '4s', 0)")
    name = f"traffic_{datetime.now(UTC):%Y%m%d}"
    walls = run(
        database.url(1, dbname=database.name),
        "set citus.override_table_visibility = off",
        "select distinct relforcerowsecurity, (select count(*) from pg_policy where polrelid = "
        "pg_class.oid) from pg_class where relkind = 'r' and relname ~ '^traffic_2[0-9]+_[0-9]+$'",
    )
    assert walls == [(True, 3)]
    with psycopg.connect(database.here, autocommit=True) as connection:
        connection.execute("call oadb.drop_log_partition('traffic', %s, '4s')", [name])


def test_migrations_go_on_after_tables_were_distributed(database: CitusDatabase) -> None:
    undone = runner.rollback(dsn.parse(database.here), count=3)
    report = runner.migrate(dsn.parse(database.here))

    assert [*report.applied] == [*reversed(undone)]
    assert distribution.plan(dsn.parse(database.here), OADB).faults == []


def test_a_table_that_somebody_distributed_otherwise_is_refused_by_its_name(
    database: CitusDatabase,
) -> None:
    run(database.here, "select create_distributed_table('oadb.claims', 'subject')")
    try:
        with pytest.raises(MigrationError, match=r"oadb\.claims is distributed, and its place"):
            distribute(database)
    finally:
        run(database.here, "select undistribute_table('oadb.claims')")


def test_a_worker_that_is_added_later_takes_its_part_and_keeps_the_walls(
    database: CitusDatabase,
) -> None:
    run(database.url(2, dbname="postgres"), "alter role oadb_user nologin")
    with Database(config(database.here)) as db:
        for user_id in (1, 2):  # the partition of the others was dropped
            traffic.record(db, request(user_id))
    database.know(2)
    left = distribution.plan(dsn.parse(database.here), OADB).steps
    assert [step.kind for step in left] == ["let in"]
    distribute(database)
    run(database.here, "select rebalance_table_shards(shard_transfer_mode => 'block_writes')")

    nodes = run(database.here, "select count(distinct nodeport) from pg_dist_shard_placement")
    assert nodes == [(2,)]
    with Database(config(database.as_role("oadb_app"))) as db:
        assert {each.user_id for each in traffic.list_requests(db.as_user(2)).rows} == {2}
        assert {each.user_id for each in traffic.list_requests(db).rows} >= {1, 2}
