"""One run of migrations at a time, also beside the yoyo command."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from oadb.tools.migrations.runner import Report
from tests.support.migrations import (
    MigrationDatabase,
    MigrationFolder,
    Run,
    StartRun,
    Yoyo,
    refused,
)
from tests.support.rig import eventually


def test_two_runs_at_once_apply_everything_once(run: Run, folder: MigrationFolder) -> None:
    for number in range(2, 12):
        folder.table(f"{number:04}_create_t{number}", f"t{number}")
    barrier = threading.Barrier(4)

    def start() -> tuple[str, ...]:
        barrier.wait()
        return run().applied

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(start) for _ in range(4)]
    applied = [future.result() for future in futures]

    assert sorted(map(len, applied)) == [0, 0, 0, 11]


def test_a_run_that_waits_too_long_names_the_holder_of_the_lock(
    run: Run, database: MigrationDatabase
) -> None:
    with psycopg.connect(**database.dsn.keywords, application_name="deploy") as other:
        run()
        other.execute("lock table oadb_migration_lock in share update exclusive mode")
        pid = other.info.backend_pid
        text = refused(run, wait=0.2)

    assert f"did not end within 0.2 s: deploy, server process {pid}, connected since 20" in text
    assert f"select pg_terminate_backend({pid})" in text


@pytest.mark.long("waits for runs")
def test_a_run_that_waits_does_not_block_create_index_concurrently(
    run: Run, folder: MigrationFolder, database: MigrationDatabase, start_run: StartRun
) -> None:
    folder.table("0002_create_users", "users")
    run()
    folder.write(
        "0003_index_users",
        "create index concurrently users_a_idx on oadb.users (a);",
        "drop index concurrently oadb.users_a_idx;",
        transactional=False,
    )
    with database.connect() as blocker, blocker.transaction():
        blocker.execute("insert into oadb.users values (1)")
        # A busy machine may need longer than the usual lock timeout to start the second run.
        first = start_run("&options=-clock_timeout%3D60s")
        eventually(lambda: database.query("select 1 from pg_stat_progress_create_index"), 20)
        second = start_run()
        eventually(
            lambda: database.query(
                "select 1 from pg_stat_activity "
                "where query like 'lock /* migration_history.lock_runs %' "
                "and datname = current_database()"
            ),
            20,
        )

    assert "0003_index_users" in first.communicate(timeout=20)[0]
    assert "applied=()" in second.communicate(timeout=20)[0]


@pytest.mark.long("starts runs")
@pytest.mark.holds("F25")
def test_a_killed_run_releases_its_locks(
    run: Run, folder: MigrationFolder, start_run: StartRun, database: MigrationDatabase
) -> None:
    folder.table("0002_create_users", "users")
    folder.write(
        "0003_create_ants",
        "create table oadb.ants (a integer);\nselect pg_sleep(60);",
        "drop table oadb.ants;",
    )
    victim = start_run()
    eventually(database.is_sleeping, 20)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    folder.table("0003_create_ants", "ants")

    assert run() == Report(("0003_create_ants",), ())
    assert database.query("select * from yoyo_lock") == []


def test_a_lock_of_a_killed_yoyo_command_is_reported_at_once_with_what_to_do(
    run: Run, yoyo: Yoyo, database: MigrationDatabase
) -> None:
    run()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    database.query(f"insert into yoyo_lock values (1, now(), {dead.pid})")

    text = refused(run)

    assert f"process {dead.pid}, a yoyo command, has held yoyo_lock since 20" in text
    assert "no process with that id runs on this host" in text
    assert "yoyo break-lock" in text
    assert yoyo("break-lock").returncode == 0
    assert run() == Report((), ())


def test_the_lock_of_a_running_yoyo_command_is_respected(
    run: Run, database: MigrationDatabase
) -> None:
    run()
    database.query(f"insert into yoyo_lock values (1, now(), {os.getpid()})")

    assert "a process with that id runs on this host" in refused(run)
    assert database.query("select pid from yoyo_lock") == [(os.getpid(),)]


@pytest.mark.slow  # the yoyo command always waits ten seconds
def test_the_yoyo_command_is_refused_during_a_run(
    folder: MigrationFolder, start_run: StartRun, database: MigrationDatabase, yoyo: Yoyo
) -> None:
    folder.write("0002_wait_long", "select pg_sleep(60);", "select 1;")
    start_run()
    eventually(database.is_sleeping, 20)

    refusal = yoyo("apply")

    assert refusal.returncode == 1
    assert "has locked this database" in refusal.stderr


def test_a_run_holds_the_lock_of_the_yoyo_command(
    folder: MigrationFolder, start_run: StartRun, database: MigrationDatabase
) -> None:
    folder.write("0002_wait_long", "select pg_sleep(60);", "select 1;")
    start_run()
    eventually(database.is_sleeping, 20)

    assert database.query("select pid < 0 from yoyo_lock") == [(True,)]


@pytest.mark.long("migrates a database of its own")
def test_a_run_keeps_no_row_from_vacuum_with_its_lock(
    folder: MigrationFolder, start_run: StartRun, database: MigrationDatabase
) -> None:
    folder.write("0002_wait_long", "select pg_sleep(60);", "select 1;")
    start_run()
    eventually(database.is_sleeping, 20)

    holder = database.query(
        "select state, backend_xmin from pg_stat_activity inner join pg_locks using (pid) "
        "where relation = 'oadb_migration_lock'::regclass"
    )
    assert holder == [("idle in transaction", None)]
