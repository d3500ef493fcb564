"""A task that a test leaves behind fails it, although asyncio only logs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

TESTS = """
import asyncio

def leave(work):
    loop = asyncio.new_event_loop()
    tasks = [loop.create_task(work())]
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    tasks.append(tasks)  # only the garbage collector finds it

async def pending():
    await asyncio.get_running_loop().create_future()

async def failing():
    raise KeyError("nobody looks")

def test_a():
    leave(pending)

def test_b():
    leave(failing)
"""


@pytest.mark.long("starts pytest")
@pytest.mark.parametrize("workers", ["-n0", "-n1"])
def test_a_task_that_is_left_fails_the_run_and_is_named(tmp_path: Path, workers: str) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_tiny.py").write_text(TESTS)
    plugins = ["-p", "tests.support.left_tasks", "-p", "xdist", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, workers],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )

    assert "ERROR at teardown of test_b" in done.stdout
    assert "left a task behind" in done.stdout
    assert "coro=<pending()" in done.stdout
    assert "coro=<failing()" in done.stdout
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
