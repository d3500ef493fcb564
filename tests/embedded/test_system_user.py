"""The embedded server for root, which it runs as another user, and for ordinary users."""

import os
import pwd
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import oadb
from oadb.embedded import embedded_server
from oadb.errors import ConfigError
from tests.support.embedded import USER, postmaster

REPOSITORY = str(Path(oadb.__path__[0]).parent)

pytestmark = [
    pytest.mark.fault,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user"),
]


def test_root_runs_the_server_as_nobody(folder: Path) -> None:
    server = embedded_server.start(folder)

    assert folder.owner() == "nobody"
    assert Path(f"/proc/{postmaster(folder)}").owner() == "nobody"

    server.stop()


def test_root_lets_the_server_pass_closed_folders_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = embedded_server.start(closed / "data")
    server.stop()

    assert closed.stat().st_mode & 0o777 == 0o701
    assert f"chmod o+x {closed}" in caplog.text


def test_root_does_not_join_the_server_of_an_ordinary_user(tmp_path: Path) -> None:
    folder = ordinary_folder(tmp_path)
    with as_ordinary_user(USER, folder) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "started\n"

        with pytest.raises(ConfigError, match="or run as that user"):
            embedded_server.start(folder)
        other.communicate()


def test_an_ordinary_user_without_a_home_gets_a_server_without_a_warning(tmp_path: Path) -> None:
    with as_ordinary_user(USER, ordinary_folder(tmp_path)) as process:
        out, err = process.communicate()

    assert (process.returncode, out, err) == (0, "started\n", "")


def test_an_ordinary_user_is_told_that_a_folder_is_not_writable(tmp_path: Path) -> None:
    ordinary_folder(tmp_path)
    with as_ordinary_user(USER, tmp_path / "mine") as process:
        _, err = process.communicate()

    assert process.returncode == 1
    assert f"ConfigError: {tmp_path / 'mine'} cannot hold an embedded database" in err


def ordinary_folder(tmp_path: Path) -> Path:
    """Make a folder of the user daemon, who can reach it."""
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(parent.stat().st_mode | 0o001)
    folder = tmp_path / "ordinary"
    folder.mkdir(mode=0o700)
    os.chown(folder, *pwd.getpwnam("daemon")[2:4])
    return folder


def as_ordinary_user(program: str, folder: Path) -> subprocess.Popen[str]:
    """Run Python as the user daemon, who has no home and no environment to speak of."""
    return subprocess.Popen(
        [ordinary_python(), "-W", "error", "-c", program, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **DAEMON,
    )


@cache
def ordinary_python() -> str:
    """Return a Python that the user daemon can run: ours may be in the home of root."""
    for python in (sys.executable, "/usr/bin/python3"):
        with suppress(PermissionError, FileNotFoundError):
            command = [python, "-c", "import oadb.embedded.embedded_server"]
            if subprocess.run(command, check=False, capture_output=True, **DAEMON).returncode == 0:
                return python
    return pytest.skip("no Python that an ordinary user can run")


DAEMON: Any = {
    "cwd": "/",
    "env": {"PATH": os.defpath, "PYTHONPATH": ":".join(filter(None, [REPOSITORY, *sys.path]))},
    "user": "daemon",
    "group": "daemon",
    "extra_groups": [],
}
