"""Killed runs, and runs whose converting processes are killed, are continued by the next run."""

import subprocess
import sys

import pytest

from oadb import Database
from tests.conftest import RING
from tests.importing.openalgo import ENVIRON, Installation
from tests.importing.running import LOGS, counts, run_import
from tests.support.rig import Observer

KILLED = """
import multiprocessing, os, signal, sys
from contextlib import suppress
from pathlib import Path
from oadb import Database
from oadb.importing import runs, sources, streams
streams._ROWS = 10
seen = 0
def watch(rows):
    global seen
    seen += rows
    if seen >= {batches} * 10:
        for victim in {victims}:  # none, once the process was killed and that was noticed
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
with sources.opened([Path(sys.argv[1])], []) as found, Database.from_env() as db:
    for _ in runs.run(db, found, os.environ, runs.Plan("openalgo", None, True), watch):
        pass
"""


def killed(
    origin: Installation, url: str, batches: int, victims: str
) -> subprocess.CompletedProcess[str]:
    """Run until *batches* are stored, kill *victims*, and wait until all processes have ended."""
    # It returns when the last process that shares its output ends.
    return subprocess.run(
        [sys.executable, "-c", KILLED.format(batches=batches, victims=victims), str(origin.folder)],
        env={**ENVIRON, "DATABASE_URL": url, "OADB_KEYRING": RING.to_json()},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.fault
@pytest.mark.holds("F25")
def test_a_killed_run_is_continued_by_the_next(
    db: Database, observer: Observer, origin: Installation, oadb_database_url: str
) -> None:
    origin.add_logs(25)
    for batches in (4, 3, 1):
        done = killed(origin, oadb_database_url, batches, "[os.getpid()]")
        assert done.returncode == -9, done.stderr
    assert 0 < sum(counts(observer).values()) < 5 * 25
    run_import(db, origin)

    assert counts(observer) == dict.fromkeys(LOGS, 25)
    assert observer.rows("select count(*), count(distinct order_id) from oadb.latency") == [
        (25, 25)
    ]


@pytest.mark.fault
def test_a_run_whose_converting_process_is_killed_says_so_and_is_continued(
    db: Database, observer: Observer, origin: Installation, oadb_database_url: str
) -> None:
    origin.add_logs(100)
    one = "[each.pid for each in multiprocessing.active_children()[:1]]"
    done = killed(origin, oadb_database_url, 12, one)

    assert done.returncode == 1
    # Of which table depends on how far ahead rows had been converted.
    assert "_logs: a process that converts rows could not start or was killed" in done.stderr
    assert sum(counts(observer).values()) < 100 * len(LOGS)
    run_import(db, origin)
    assert counts(observer) == dict.fromkeys(LOGS, 100)
