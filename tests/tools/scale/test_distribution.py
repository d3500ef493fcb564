"""`oadb distribute` on a real Citus cluster: from a migrated database to rows on workers."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psycopg
import pytest

from oadb import Config, Database
from oadb.accounts import users
from oadb.engine import dsn
from oadb.engine.binding.operations import operation
from oadb.engine.binding.packages import Package, find
from oadb.engine.executors import AsyncExecutor
from oadb.errors import MigrationError
from oadb.logs import api_logs, traffic
from oadb.logs.writer import LogWriter
from oadb.testing import factories
from oadb.tools.intended import schema_check
from oadb.tools.migrations import runner, script_folder
from oadb.tools.scale import distribution
from tests.support.citus_cluster import LOGGER, CitusDatabase, migrated, needs_citus, run
from tests.support.migrations import LOCK_TIMEOUT, MIGRATIONS
from tests.support.pgbouncer import bouncing
from tests.support.renaming_pooler import renaming

pytestmark = [pytest.mark.slow, needs_citus]

OADB = [find("oadb")]
IDS = script_folder.ids(MIGRATIONS)
# The migration that keys calls by the user, and one that comes after all others.
KEYED, NOTES = "0067_key_logs_by_user", f"{int(IDS[-1][:4]) + 1:04}_add_notes"
LOGS = {"oadb.analyzer_logs", "oadb.api_logs", "oadb.latency", "oadb.traffic"}
CALL = partial(api_logs.Call, endpoint="/", method="GET", status=200)


def config(url: str, pooler: str = "none") -> Config:
    return Config.from_env({"DATABASE_URL": url, "DB_POOL_SIZE": "1", "DB_POOLER": pooler})


@contextmanager
def pooled(url: str, pooler: str) -> Generator[Database]:
    with ExitStack() as opened:
        if pooler == "pgbouncer":
            url = opened.enter_context(bouncing(url)).url
        elif pooler == "pgbouncer-prepared":
            url = opened.enter_context(renaming(url)).url
        yield opened.enter_context(Database(config(url, pooler)))


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


@operation
async def _calls_of(db: AsyncExecutor, user_id: int) -> int:
    """Look up the user on the coordinator, and then the calls on a shard."""
    user = await users.get(db, user_id)
    return 0 if user is None else len(await api_logs.list_calls(db, user_id=user_id))


@pytest.mark.parametrize("pooler", ["none", "pgbouncer", "pgbouncer-prepared"])
def test_a_batch_asks_the_coordinator_and_workers_together(
    database: CitusDatabase, pooler: str
) -> None:
    with pooled(database.as_role("oadb_app"), pooler) as db:
        user = factories.make_user(db)
        with db.batch() as batch:  # one transaction
            for user_id in (user.user_id, user.user_id + 1000, None):
                api_logs.record(batch, CALL(user_id=user_id))
            traffic.record(batch, request(user.user_id))
            mine = _calls_of(batch, user.user_id)
        assert mine.result == 1
        for executor in (db, db.as_user(user.user_id)):
            with executor.batch() as batch:
                seen, found = users.get(batch, user.user_id), _calls_of(batch, user.user_id)
                calls = api_logs.list_calls(batch, user_id=user.user_id + 1000)
            assert (seen.result, found.result) == (user, 1)
            assert len(calls.result) == (1 if executor is db else 0)


def test_log_writers_store_rows_on_workers(database: CitusDatabase) -> None:
    with LogWriter(config(database.as_role(LOGGER))) as writer:
        for _ in range(500):
            assert writer.offer(request(30))

    assert run(database.here, "select count(*) from oadb.traffic where user_id = 30") == [(500,)]
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


def test_calls_of_a_user_are_on_one_shard_and_those_of_nobody_are_divided(
    database: CitusDatabase,
) -> None:
    with LogWriter(config(database.as_role(LOGGER))) as writer:
        for number in range(600):
            assert writer.offer(CALL(user_id=40 if number % 2 else None))

    shards = (
        "select count(distinct get_shard_id_for_distribution_column('oadb.api_logs', user_id)) "
        "from oadb.api_logs where user_id "
    )
    assert run(database.here, f"{shards} = 40") == [(1,)]
    assert run(database.here, f"{shards} < 0") == [(8,)]
    explained = run(database.here, "explain select * from oadb.api_logs where user_id = 40")
    assert any("Task Count: 1" in str(line) for (line,) in explained)
    with Database(config(database.as_role("oadb_app"))) as db:
        assert len(api_logs.list_calls(db, user_id=40, limit=1000)) == 300
        assert {each.user_id for each in api_logs.stream(db)} >= {40, None}
        assert {each.user_id for each in api_logs.list_calls(db.as_user(40)).rows} == {40}
        api_logs.record(db, CALL(user_id=None))


def test_migrations_go_on_after_tables_were_distributed(
    database: CitusDatabase, tmp_path: Path
) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder)
    (folder / f"{NOTES}.sql").write_text(
        f"-- depends: {IDS[-1]}\n{LOCK_TIMEOUT}alter table oadb.traffic add column note text;\n"
    )
    (folder / f"{NOTES}.rollback.sql").write_text(
        f"{LOCK_TIMEOUT}alter table oadb.traffic drop column note;\n"
    )
    later = [Package("oadb", tmp_path, "sql")]
    report = runner.migrate(dsn.parse(database.here), packages=later)
    undone = runner.rollback(dsn.parse(database.here), count=1, packages=later)

    assert ([*report.applied], [*undone]) == ([NOTES], [NOTES])
    assert distribution.plan(dsn.parse(database.here), OADB).faults == []


def test_the_key_of_distributed_calls_is_not_rolled_back(database: CitusDatabase) -> None:
    # Workers lack the index that the procedure before 0068 names in a body that is bound early.
    with pytest.raises(MigrationError, match="0068_index_first_loads_at_their_end"):
        runner.rollback(dsn.parse(database.here), count=len(IDS) - IDS.index(KEYED))
    runner.migrate(dsn.parse(database.here))

    assert distribution.plan(dsn.parse(database.here), OADB).faults == []


def test_the_schema_of_a_cluster_is_the_intended_one(database: CitusDatabase) -> None:
    [report] = schema_check.check(config(database.here), OADB)

    assert report.is_intended, report


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
