"""A Docker engine of one test, whose images may have the names of official ones."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.rig import eventually


class DockerEngine:
    """Runs ``docker`` over the engine that listens in *folder*."""

    def __init__(self, folder: Path) -> None:
        self.environ = {**os.environ, "DOCKER_HOST": f"unix://{folder / 'socket'}"}

    def run(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, with both outputs as one."""
        return subprocess.run(
            ["docker", *words],
            cwd=cwd,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def answer(self, *words: str, cwd: Path | None = None) -> str:
        """Return what a command that must succeed prints."""
        done = self.run(*words, cwd=cwd)
        assert done.returncode == 0, done.stdout
        return done.stdout.strip()


@contextmanager
def docker_engine() -> Generator[DockerEngine]:
    """Start an engine that touches no firewall rules, no routing and no bridge; stop it."""
    if shutil.which("dockerd") is None or os.geteuid() != 0:
        pytest.skip("needs Docker, and root, which may start its engine")
    folder = Path(tempfile.mkdtemp(prefix="oadb-"))  # short: it has sockets
    engine = DockerEngine(folder)
    names = {"--data-root": "data", "--exec-root": "exec", "--pidfile": "pid"}
    options = [f"{option}={folder / name}" for option, name in names.items()]
    options += ["--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            ["dockerd", f"--host=unix://{folder / 'socket'}", *options],
            stdout=log,
            stderr=log,
        ) as process,
    ):

        def is_decided() -> bool:
            return process.poll() is not None or engine.run("info").returncode == 0

        try:
            eventually(is_decided, 60)
            if process.poll() is not None:
                pytest.skip(f"no engine starts here: {(folder / 'log').read_text()[-500:]}")
            yield engine
        finally:
            process.terminate()
            process.wait()
            for mounted in _mounts_in(folder):
                subprocess.run(["umount", mounted], check=True)
            shutil.rmtree(folder)


def _mounts_in(folder: Path) -> list[str]:
    """Return what an engine leaves mounted, such as the network of the machine, the last first."""
    places = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [place for place in reversed(places) if place.startswith(f"{folder}/")]
