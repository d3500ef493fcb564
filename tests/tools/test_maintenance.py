"""oadb maintain: what it makes, moves, drops and deletes, its findings, and what stops it."""

import os
import secrets
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from oadb import Config, Database
from oadb.accounts import login_attempts
from oadb.engine.binding.packages import find
from oadb.logs import partitions, rollups, traffic
from oadb.tools import audit_chain, health, maintenance, retention, sweeping
from oadb.tools.retention import Retention
from tests.support.command_line import oadb
from tests.support.log_rows import INSERTS, LONG_AGO, insert, partitions_of, places
from tests.support.rig import Observer, eventually, threads
from tests.support.rollup_rows import put_traffic

pytestmark = pytest.mark.long("maintains a database of its own each time")

SHORTLY = timedelta(milliseconds=200)
KEEP: Retention = dict.fromkeys(retention.DEFAULT_DAYS)


@pytest.fixture
def url(oadb_database_url: str) -> str:
    """Give a database in which nothing is left to do: migrations wrote events."""
    with Database(Config.from_env({"DATABASE_URL": oadb_database_url})) as db:
        audit_chain.link(db)
    return oadb_database_url


@pytest.fixture
def config(url: str) -> Config:
    return Config.from_env({"DATABASE_URL": url, "DB_POOL_SIZE": "1"})


def maintain(config: Config, kept: Retention = KEEP) -> list[str]:
    return [str(finding) for finding in maintenance.run(config, kept, SHORTLY)]


def finding_on(config: Config, subject: str) -> str:
    return next(
        str(found) for found in health.examine(config, [find("oadb")]) if found.subject == subject
    )


def drop_newest(url: str, table: str) -> str:
    newest = partitions_of(url, table)[-1]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("call oadb.drop_log_partition(%s, %s, '1 s')", [table, newest])
    return newest


# Steps ------------------------------------------------------------------------------------------


def test_a_run_without_work_has_no_findings(config: Config) -> None:
    assert maintain(config) == []


@pytest.mark.parametrize("table", [*INSERTS])
def test_partitions_are_made_ahead_of_need(config: Config, url: str, table: str) -> None:
    newest = drop_newest(url, table)

    (line,) = maintain(config)
    assert line.startswith(f"ok   {table}: made the partition that starts on ")
    assert partitions_of(url, table)[-1] == newest


def test_rows_of_a_default_partition_are_moved_and_reported(config: Config, url: str) -> None:
    insert(url, "traffic", LONG_AGO, LONG_AGO, LONG_AGO + timedelta(days=1))

    assert maintain(config) == [
        f"ok   traffic: made the partition that starts on {day}, moved {rows} rows of "
        "traffic_default into it"
        for day, rows in [("2020-02-29", 2), ("2020-03-01", 1)]
    ]
    assert places(url, "traffic") == {"traffic_20200229": 2, "traffic_20200301": 1}


def test_rows_with_an_impossible_time_stay_and_are_a_finding(config: Config, url: str) -> None:
    insert(url, "latency", "infinity")

    remaining = "FAIL default partitions: 1 rows in latency_default; run oadb maintain"
    assert maintain(config) == [remaining]
    assert finding_on(config, "default partitions") == remaining


def test_expired_partitions_are_dropped_and_the_others_stay(config: Config, url: str) -> None:
    now = datetime.now(UTC)
    for table in INSERTS:
        insert(url, table, LONG_AGO, now - timedelta(days=1), now)
    maintain(config)

    lines = maintain(config, {table: timedelta(days=30) for table in retention.DEFAULT_DAYS})
    assert lines == [
        "ok   analyzer_logs: dropped analyzer_logs_202002",
        "ok   api_logs: dropped api_logs_202002",
        "ok   latency: dropped latency_20200229",
        "ok   traffic: dropped traffic_20200229",
    ]
    assert [sum(places(url, table).values()) for table in INSERTS] == [2, 2, 2, 2]


def test_old_sign_ins_are_deleted_in_batches(
    config: Config, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 2)
    observer = Observer(url)
    observer.rows(
        "insert into oadb.login_attempts (username, method, outcome, attempted_at) "
        "select 'asha', 'password', 'failed', now() - (31 + n) * interval '1 day' "
        "from generate_series(1, 9) as n"
    )
    kept = {**KEEP, "login_attempts": timedelta(days=5, hours=1)}

    assert maintain(config, kept) == ["ok   login_attempts: deleted 4 rows"]
    assert observer.ask("select count(*) from oadb.login_attempts") == 5


def test_a_batch_of_sign_ins_is_no_larger_than_asked(config: Config, url: str) -> None:
    Observer(url).rows(
        "insert into oadb.login_attempts (username, method, outcome, attempted_at) "
        "select 'asha', 'password', 'failed', now() - interval '9 days' from generate_series(1, 5)"
    )
    with health.Database(config) as db:
        assert login_attempts.delete_old(db, older_than=timedelta(days=1), batch=3) == 3


def test_expired_bans_and_trackers_are_deleted(config: Config, url: str) -> None:
    observer = Observer(url)
    observer.rows(
        "insert into oadb.ip_bans values ('192.0.2.1', 'x', 1, now() - interval '2 years', "
        "now() - interval '1 year 1 day', 'x'), ('192.0.2.2', 'x', 1, now(), null, 'x')"
    )
    observer.rows(
        "insert into oadb.ip_trackers select 'not_found', '192.0.2.1', 1, moment, moment, '{}' "
        "from (select now() - interval '2 days') as passed (moment)"
    )

    assert {"ok   ip_bans: deleted 1 rows", "ok   ip_trackers: deleted 1 rows"} <= {
        *maintain(config)
    }
    assert observer.rows("select host(network) from oadb.ip_bans") == [("192.0.2.2",)]


def test_old_lockouts_and_counts_of_dropped_rows_are_deleted(config: Config, url: str) -> None:
    observer = Observer(url)
    observer.rows(
        "insert into oadb.lockouts (kind, subject, failures, failed_at) "
        "values ('account', 'asha', 1, now() - interval '2 days')"
    )
    observer.rows(
        "insert into oadb.log_drops (writer, table_name, rows, dropped_at) "
        "values ('x', 'traffic', 1, now() - interval '31 days')"
    )

    assert maintain(config) == [
        "ok   lockouts: deleted 1 rows",
        "ok   log_drops: deleted 1 rows",
    ]


# Obstacles --------------------------------------------------------------------------------------


def test_a_partition_in_use_is_reported_and_dropped_by_the_next_run(
    config: Config, url: str
) -> None:
    insert(url, "traffic", LONG_AGO, LONG_AGO + timedelta(days=1))
    maintain(config)
    kept = {**KEEP, "traffic": timedelta(days=30)}
    with psycopg.connect(url) as reader:
        reader.execute("select count(*) from oadb.traffic")
        # One finding per table: its next partition would wait for the same reader.
        assert maintain(config, kept) == [
            "FAIL traffic: traffic_20200229 is in use; the next run tries again"
        ]

    assert maintain(config, kept) == [
        "ok   traffic: dropped traffic_20200229",
        "ok   traffic: dropped traffic_20200301",
    ]


def test_a_table_with_the_name_of_a_partition_is_reported_and_other_tables_go_on(
    config: Config, url: str
) -> None:
    newest = drop_newest(url, "latency")
    drop_newest(url, "traffic")
    Observer(url).rows(f"create table oadb.{newest} (mine int)")

    latency, traffic = maintain(config)
    assert latency == (
        f'FAIL latency: {newest}: partitions.make: relation "{newest}" already exists'
    )
    assert traffic.startswith("ok   traffic: made the partition that starts on ")


# VACUUM keeps what the oldest backend_xmin may see.
CLAIMING = (
    "select backend_xmin from pg_stat_activity inner join pg_locks using (pid) "
    "where relation = 'oadb.claims'::regclass and mode = 'ShareUpdateExclusiveLock'"
)


def test_two_runs_at_once_exclude_each_other(config: Config, url: str) -> None:
    insert(url, "traffic", LONG_AGO)
    observer = Observer(url)
    with psycopg.connect(url) as reader, threads(1) as pool:
        reader.execute("select count(*) from oadb.traffic")
        first = pool.submit(lambda: [*maintenance.run(config, KEEP)])
        eventually(lambda: observer.ask(f"select count(*) from ({CLAIMING}) as sessions"))
        assert observer.ask(f"select backend_xmin from ({CLAIMING}) as sessions") is None
        assert maintain(config) == ["FAIL maintain: another run is in progress"]
        reader.rollback()

    assert all(finding.ok for finding in first.result())
    assert maintain(config) == []


def test_a_role_that_does_not_own_the_tables_is_refused_with_the_owners_name(url: str) -> None:
    name = f"stranger_{secrets.token_hex(4)}"
    observer = Observer(url)
    observer.rows(f"create role {name} login")
    observer.rows(f"grant usage on schema oadb to {name}")
    observer.rows(f"grant select on oadb.log_tables to {name}")
    try:
        stranger = Config.from_env({"DATABASE_URL": url.replace("postgres@", f"{name}@")})
        (line,) = maintain(stranger)
        assert line == (
            f"FAIL maintain: {name} may not change the tables: connect as their owner, postgres, "
            "or as a member of that role"
        )
        with health.Database(stranger) as db, pytest.raises(InsufficientPrivilege):
            partitions.make(db, "traffic", LONG_AGO)
    finally:
        observer.rows(f"drop owned by {name}")
        observer.rows(f"drop role {name}")


def test_a_missing_schema_or_server_is_one_line(oadb_empty_url: str) -> None:
    (line,) = maintain(Config.from_env({"DATABASE_URL": oadb_empty_url}))
    assert line.startswith("FAIL maintain: postgres@")
    assert line.endswith(" is not migrated; run oadb migrate")
    (line,) = maintain(Config.from_env({"DATABASE_URL": "postgresql://127.0.0.1:1/x"}))
    assert line.startswith("FAIL maintain: ")


# Findings of the doctor -------------------------------------------------------------------------


def test_the_doctor_reports_the_last_run_and_fails_if_it_is_long_ago(
    config: Config, url: str
) -> None:
    advice = "run oadb maintain at least once a day"
    assert finding_on(config, "maintain") == f"ok   maintain: never run; {advice}"
    maintain(config)
    assert finding_on(config, "maintain").startswith("ok   maintain: last run ended 2")
    Observer(url).rows("update oadb.log_tables set maintained_at = '2026-01-02 03:04+00'")
    assert finding_on(config, "maintain") == f"FAIL maintain: never run; {advice}"
    Observer(url).rows("update oadb.applied_migrations set applied_at = '2026-01-01 00:00+00'")

    assert finding_on(config, "maintain") == (
        f"FAIL maintain: last run ended 2026-01-02 03:04 UTC; {advice}"
    )


def test_the_doctor_reports_missing_partitions_only_of_the_next_three_days(
    config: Config, url: str
) -> None:
    drop_newest(url, "traffic")
    assert finding_on(config, "partitions") == "ok   partitions: exist for the next three days"
    today = f"traffic_{datetime.now(UTC):%Y%m%d}"
    with health.Database(config) as db:
        partitions.drop(db, "traffic", today)

    assert finding_on(config, "partitions") == (
        f"FAIL partitions: {today} missing; run oadb maintain"
    )


def test_the_doctor_counts_rows_that_were_not_stored(config: Config, url: str) -> None:
    Observer(url).rows(
        "insert into oadb.log_drops (writer, table_name, rows) values ('x', 'traffic', 1234)"
    )

    assert finding_on(config, "rows of logs") == (
        "FAIL rows of logs: 0 rejected and 1,234 dropped in the last day; "
        "see oadb.log_rejects and oadb.log_drops"
    )


# The command --------------------------------------------------------------------------------------


def test_the_command_prints_a_line_for_each_finding_and_exits_with_3_if_one_failed(
    url: str,
) -> None:
    insert(url, "traffic", LONG_AGO, "infinity")
    done = oadb("maintain", url=url)
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout == (
        "ok   traffic: made the partition that starts on 2020-02-29, "
        "moved 1 rows of traffic_default into it\n"
        "ok   traffic: dropped traffic_20200229\n"
        "FAIL default partitions: 1 rows in traffic_default; run oadb maintain\n"
    )
    Observer(url).rows("delete from oadb.traffic")
    assert oadb("maintain", url=url).returncode == 0
    refused = oadb("maintain", url=url, OADB_TRAFFIC_RETENTION_DAYS="soon")
    assert refused.returncode == 1
    assert refused.stderr.startswith("oadb: OADB_TRAFFIC_RETENTION_DAYS is 'soon'; expected days")


@pytest.mark.long("starts the loop")
def test_the_loop_runs_again_and_ends_cleanly_with_sigterm(url: str) -> None:
    insert(url, "traffic", LONG_AGO)
    with subprocess.Popen(
        [sys.executable, "-m", "oadb", "maintain", "--every", "1s"],
        env={**os.environ, "DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as loop:
        assert loop.stdout is not None
        assert loop.stdout.readline().startswith("ok   traffic: made")
        assert loop.stdout.readline().startswith("ok   traffic: dropped")
        insert(url, "latency", LONG_AGO)
        while not loop.stdout.readline().startswith("ok   latency: made"):
            assert loop.poll() is None
        loop.send_signal(signal.SIGTERM)
        _, errors = loop.communicate(timeout=30)

    assert (loop.returncode, errors) == (0, "")
    Observer(url).keeps(0)


# Rollups ----------------------------------------------------------------------------------------


def test_logged_rows_are_counted_before_they_are_dropped(config: Config, url: str) -> None:
    put_traffic(url, [(LONG_AGO, None, 200, 1.0), (LONG_AGO, None, 500, 3.0)])
    put_traffic(url, [(LONG_AGO + timedelta(minutes=90), None, 200, 2.0)])
    lines = maintain(config, {**KEEP, "traffic": timedelta(days=30)})

    assert "ok   rollups: counted 2 batches of rows into 2 minutes" in lines
    assert "ok   traffic: dropped traffic_20200229" in lines
    assert maintain(config) == []
    with Database(config) as db:
        found = traffic.statistics(db, since=LONG_AGO, until=LONG_AGO + timedelta(hours=2)).total
    assert (found.requests, found.errors, found.average_ms) == (3, 1, 2.0)


def test_rows_that_are_not_counted_are_not_dropped(config: Config, url: str) -> None:
    put_traffic(url, [(LONG_AGO, None, 200, 1.0)])
    with Database(config) as db, db.transaction() as other:
        assert rollups._claim_refresh(other)
        lines = maintain(config, {**KEEP, "traffic": timedelta(days=30)})
    assert lines[-1] == ("FAIL rollups: another refresh is in progress; the next run continues")
    assert places(url, "traffic") == {"traffic_20200229": 1}


def test_expired_rollups_are_deleted(config: Config, url: str) -> None:
    put_traffic(url, [(LONG_AGO, None, 200, 1.0)])
    maintain(config)

    assert maintain(config, {**KEEP, "rollups": timedelta(days=365)}) == [
        "ok   rollups: deleted 6 buckets"
    ]
