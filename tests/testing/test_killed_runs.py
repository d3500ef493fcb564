"""What a test run leaves behind that is killed, as a whole or one of its workers."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.rig import eventually
from tests.support.servers_left import ServerLeft

# Each starts test runs, with servers, on a machine that is busy with others.
pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]

CONFTEST = 'pytest_plugins = ["oadb.testing.fixtures"]\n'

# Says where its server and its process are, and waits for a signal.
HANGING = """
import os
import signal
from pathlib import Path

def test_hangs(oadb_server):
    mine = Path(f"{os.getpid()}.new")
    mine.write_text(oadb_server.keywords["host"])
    mine.rename(f"{os.getpid()}.worker")
    signal.pause()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give the folder of a project with two files of tests that hang."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    for name in ("test_one.py", "test_two.py"):
        (tmp_path / name).write_text(HANGING)
    return tmp_path


@contextmanager
def run(project: Path) -> Generator[subprocess.Popen[bytes]]:
    """Run pytest with two workers, each of which starts an embedded server."""
    command = [sys.executable, "-m", "pytest", "-n2", "--dist=loadfile", "--max-worker-restart=0"]
    places = [f"--rootdir={project}", f"--basetemp={project}/base", "--import-mode=importlib"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environ.pop("OADB_TEST_DATABASE_URL", None)
    environ["DOCKER_HOST"] = f"unix://{project}/none"
    with (
        (project / "out").open("wb") as out,
        subprocess.Popen(
            [*command, *places],
            cwd=project,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def workers(project: Path) -> dict[int, Path]:
    """Return the workers that have said where their servers are."""
    return {int(path.stem): Path(path.read_text()) for path in project.glob("*.worker")}


@contextmanager
def both(project: Path) -> Generator[dict[int, ServerLeft]]:
    """Give the workers and their servers, once they run."""
    eventually(lambda: len(workers(project)) == 2, 120)
    with ExitStack() as stack:
        servers = {
            worker: stack.enter_context(ServerLeft(folder))
            for worker, folder in workers(project).items()
        }
        assert all(server.is_running() for server in servers.values())
        yield servers


def test_nothing_is_left_of_a_run_whose_main_process_is_killed(project: Path) -> None:
    with run(project) as process, both(project) as servers:
        process.kill()
        for server in servers.values():
            # A worker whose main process is gone interrupts its test, within 15 seconds.
            eventually(server.is_gone, 60)


def test_nothing_is_left_of_a_worker_that_is_killed(project: Path) -> None:
    with run(project), both(project) as servers:
        (victim, server), (other, left) = servers.items()
        os.kill(victim, signal.SIGKILL)
        eventually(server.is_gone, 30)

        assert left.is_running()

        os.kill(other, signal.SIGKILL)
        eventually(left.is_gone, 30)
