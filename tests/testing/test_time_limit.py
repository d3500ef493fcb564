"""A test that hangs fails and is named, whatever it hangs in; the run ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import oadb

REPOSITORY = Path(oadb.__path__[0]).parent

# Each starts test runs, with servers, on a machine that is busy with others.
pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]

CONFTEST = """
from tests.support import time_limit
pytest_plugins = ["oadb.testing.fixtures", "tests.support.time_limit"]
time_limit.GRACE = 2
"""

WAITS = """
import asyncio
from threading import Event

import psycopg
import pytest

@pytest.mark.timeout(60)
def test_starts(oadb_server):
    pass

def test_waits():
    Event().wait()

def test_awaits():
    async def wait():
        await asyncio.Event().wait()
    asyncio.run(wait())

def test_waits_for_a_lock(oadb_server):
    url = oadb_server.url("postgres")
    with psycopg.connect(url) as one, psycopg.connect(url) as other:
        one.execute("select pg_advisory_lock(1)")
        other.execute("select pg_advisory_lock(1)")

def test_behind_them():
    pass
"""

# The main thread waits again while it unwinds.
WAITS_FOR_A_THREAD = """
from concurrent.futures import ThreadPoolExecutor
from threading import Event

def test_hangs():
    with ThreadPoolExecutor(1) as pool:
        pool.submit(Event().wait).result()
"""

CLEANS_UP_AFTER_A_FAILURE = """
from threading import Event
import pytest

@pytest.fixture
def endless():
    yield
    Event().wait()

def test_hangs(endless):
    assert False
"""

LEAVES_A_THREAD = """
from threading import Event, Thread

def test_passes():
    Thread(target=Event().wait, name="left").start()
"""


def run(project: Path, tests: str, workers: int) -> subprocess.CompletedProcess[str]:
    """Run tests that have three seconds each, and two more to end."""
    (project / "conftest.py").write_text(CONFTEST)
    (project / "test_it.py").write_text(tests)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environ |= {"DOCKER_HOST": f"unix://{project}/none", "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "pytest", f"-n{workers}", "--dist=loadfile", "-rf"]
    limits = ["--timeout=3", "--timeout-method=signal", "--max-worker-restart=0"]
    places = [f"--rootdir={project}", f"--basetemp={project}/base", "--import-mode=importlib"]
    return subprocess.run(
        [*command, *limits, *places],
        cwd=project,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_test_that_waits_fails_and_the_run_goes_on(tmp_path: Path) -> None:
    done = run(tmp_path, WAITS, 1)

    for name in ("test_waits", "test_awaits", "test_waits_for_a_lock"):
        assert f"FAILED test_it.py::{name} - Failed: Timeout (>3.0s)" in done.stdout
    assert "3 failed, 2 passed" in done.stdout


@pytest.mark.parametrize("tests", [WAITS_FOR_A_THREAD, CLEANS_UP_AFTER_A_FAILURE])
def test_a_worker_that_cannot_go_on_is_ended_with_the_tracebacks_of_its_threads(
    tests: str, tmp_path: Path
) -> None:
    done = run(tmp_path, tests, 1)

    assert done.returncode == 1
    assert "crashed while running 'test_it.py::test_hangs'" in done.stdout
    assert 'test_it.py", line' in done.stderr


def test_a_process_without_workers_is_ended_as_well(tmp_path: Path) -> None:
    done = run(tmp_path, WAITS_FOR_A_THREAD, 0)

    assert done.returncode == 1
    assert "in test_hangs" in done.stderr


def test_a_run_ends_although_a_thread_is_left(tmp_path: Path) -> None:
    done = run(tmp_path, LEAVES_A_THREAD, 0)

    assert "1 passed" in done.stdout
    assert done.returncode == 1
    assert "in _shutdown" in done.stderr
