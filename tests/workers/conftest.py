"""A service with workers, its database, and its worker processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from oadb.engine import dsn
from oadb.engine.binding.packages import find
from oadb.testing.servers import Server
from oadb.tools.migrations import runner
from tests.conftest import RING
from tests.support.rig import Observer

SERVICE = Path(__file__).parent / "service"

sys.path.insert(0, str(SERVICE))  # as if it were installed


@pytest.fixture
def jobs_url(oadb_server: Server, oadb_template: str) -> Generator[str]:
    with oadb_server.clone(oadb_template) as url:
        runner.migrate(dsn.parse(url), packages=[find("jobs")])
        yield url


@pytest.fixture
def jobs_observer(jobs_url: str) -> Observer:
    return Observer(jobs_url)


@pytest.fixture
def environ(jobs_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Set the variables of the service, also for the processes that are started."""
    found = {
        "DATABASE_URL": jobs_url,
        "OADB_KEYRING": RING.to_json(),
        "PYTHONPATH": os.pathsep.join([str(SERVICE), *filter(None, sys.path)]),
        "DIE_ONCE": str(tmp_path / "die once"),
        "HOME": str(tmp_path),
    }
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


class Working:
    """A worker that runs, and what it has written."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process, self._log = process, log

    def stop(self) -> None:
        """End it as an operator does."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def said(self) -> str:
        return self._log.read_text()


@contextmanager
def working(log: Path, *command: str) -> Generator[Working]:
    """Run ``python -m`` with *command*; at the end it is gone, with its children."""
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", *command],
            stdout=output,
            stderr=output,
            cwd=log.parent,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield Working(process, log)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            print(log.read_text())
