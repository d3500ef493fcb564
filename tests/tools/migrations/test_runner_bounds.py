"""Runs of migrations against a server that stops answering: they end, and say why."""

import os
import signal
from functools import partial
from threading import Thread
from time import monotonic

import pytest

from oadb.tools.migrations import yoyo_backend
from oadb.tools.session_watch import Pace, SessionWatch
from tests.support.log_records import said
from tests.support.migrations import (
    MigrationDatabase,
    MigrationFolder,
    Run,
    StartRun,
    refused,
)
from tests.support.rig import eventually

_LOCK_HOLDER = (
    "select pid from pg_locks where relation = to_regclass('oadb_migration_lock') "
    "and mode = 'ShareUpdateExclusiveLock' and granted"
)
_SLEEPER = "select pid from pg_stat_activity where query like 'select pg_sleep%'"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace(first=0.2, longest=0.2, doubtful=0.1, patience=0.3, probe=1.0, most=3.0)
    monkeypatch.setattr(yoyo_backend, "SessionWatch", partial(SessionWatch, pace=pace))


def stop(database: MigrationDatabase, question: str, found: list[int]) -> None:
    """Stop the process that *question* finds, as soon as it finds one and a migration runs."""
    eventually(database.is_sleeping, 20)
    ((pid,),) = database.query(question)
    os.kill(pid, signal.SIGSTOP)
    found.append(pid)


@pytest.mark.long("waits for a bound")
@pytest.mark.holds("F9")
@pytest.mark.parametrize(
    ("question", "reason"),
    [
        (
            _LOCK_HOLDER,
            "is idle in transaction: it did not get the statement, or its answer was lost",
        ),
        (_SLEEPER, "is active, waits for Timeout PgSleep; the connection was closed"),
    ],
)
def test_a_run_whose_server_process_is_stopped_ends_and_names_it(
    run: Run, folder: MigrationFolder, database: MigrationDatabase, question: str, reason: str
) -> None:
    folder.write("0002_wait_long", "select pg_sleep(1.5);", "select 1;")
    folder.table("0003_create_ants", "ants")
    found: list[int] = []
    stopping = Thread(target=stop, args=(database, question, found))
    stopping.start()
    try:
        text = refused(run)
    finally:
        stopping.join()
        os.kill(found[0], signal.SIGCONT)

    assert text.startswith(("0003_create_ants: ", "0002_wait_long.sql:4: "))
    assert f"server process {found[0]} {reason}" in text
    assert "run again" in text
    eventually(lambda: not database.query(_LOCK_HOLDER))
    assert run().applied[-1] == "0003_create_ants"


@pytest.mark.long("waits for a bound")
@pytest.mark.holds("F9", "F45")
@pytest.mark.parametrize("question", [_LOCK_HOLDER, _SLEEPER])
def test_ctrl_c_ends_a_run_whose_server_process_is_stopped(
    folder: MigrationFolder, database: MigrationDatabase, start_run: StartRun, question: str
) -> None:
    folder.write("0002_wait_long", "select pg_sleep(60);", "select 1;")
    process = start_run()
    found: list[int] = []
    stop(database, question, found)
    started = monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    os.kill(found[0], signal.SIGCONT)

    assert process.returncode == -signal.SIGINT
    assert monotonic() - started < 3.0
    eventually(lambda: not database.is_sleeping(), 10)


@pytest.mark.long("waits for a report")
def test_a_run_reports_what_a_long_migration_waits_for(
    run: Run, folder: MigrationFolder, caplog: pytest.LogCaptureFixture
) -> None:
    folder.write("0002_wait_long", "select 1;\nselect pg_sleep(1);", "select 1;")

    assert run().applied[-1] == "0002_wait_long"
    report = said(caplog, "oadb.tools")[0]
    assert report.startswith("0002_wait_long.sql:5: no answer for 0 s: server process ")
