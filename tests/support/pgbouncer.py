"""A PgBouncer in transaction mode in front of the database of a test."""

import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from oadb.engine import dsn
from oadb.testing.servers import Server
from tests.support.rig import eventually

PROGRAM = os.environ.get("OADB_TEST_PGBOUNCER") or shutil.which(
    "pgbouncer", path=f"{os.defpath}:/usr/sbin:{os.environ.get('PATH', '')}"
)
_USER = "app"
_PORT = 6432  # names the socket in a folder of its own; nothing listens on it


def _renames() -> bool:
    """Say whether this PgBouncer gives prepared statements names of its own: 1.21 and newer."""
    if PROGRAM is None:
        return False
    shown = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"PgBouncer (\d+)\.(\d+)", shown.stdout)
    return found is not None and (int(found[1]), int(found[2])) >= (1, 21)


needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")
RENAMES = _renames()
needs_renaming_pgbouncer = pytest.mark.skipif(not RENAMES, reason="PgBouncer before 1.21")


class Bouncer:
    """A PgBouncer with two sessions of the server; its address stays when it starts again."""

    def __init__(self, folder: Path, url: str, **settings: object) -> None:
        self._folder = folder
        self._file = folder / "pgbouncer.ini"
        target = " ".join(f"{key}={value}" for key, value in dsn.parse(url).keywords.items())
        more = "".join(f"{name} = {value}\n" for name, value in settings.items())
        self._file.write_text(
            f"[databases]\nprobe = {target}\n"
            f"[pgbouncer]\nlisten_port = {_PORT}\nunix_socket_dir = {folder}\n"
            f"auth_type = any\nadmin_users = {_USER}\n"
            f"pool_mode = transaction\ndefault_pool_size = 2\n{more}"
        )
        self._user = None
        if os.geteuid() == 0:  # PgBouncer refuses to run as root
            nobody = pwd.getpwnam("nobody")
            self._user = nobody.pw_uid
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        self.start()

    @property
    def url(self) -> str:
        """The DATABASE_URL of the database through it."""
        return self._url("probe")

    def start(self) -> None:
        """Start it; return when it listens."""
        command = [PROGRAM or "", "--quiet", str(self._file)]
        self._process = subprocess.Popen(command, user=self._user, stderr=subprocess.DEVNULL)
        eventually(self._listens)

    def stop(self) -> None:
        """Kill it, and with it every connection through it."""
        self._process.kill()
        self._process.wait()

    def command(self, command: str) -> None:
        """Run a command of its console, such as "pause"."""
        with psycopg.connect(self._url("pgbouncer"), autocommit=True) as console:
            console.execute(command.encode())

    def _url(self, database: str) -> str:
        keywords = {"host": str(self._folder), "port": str(_PORT), "user": _USER}
        return Server("url", keywords).url(database)

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self._folder / f".s.PGSQL.{_PORT}")) == 0


@contextmanager
def bouncing(url: str, **settings: object) -> Generator[Bouncer]:
    """Give a running PgBouncer in front of the database *url*, with more settings."""
    with tempfile.TemporaryDirectory(prefix="oadb-bouncer-") as name:
        bouncer = Bouncer(Path(name), url, **settings)
        try:
            yield bouncer
        finally:
            bouncer.stop()


@pytest.fixture
def bouncer(url: str) -> Generator[str]:
    """Give the DATABASE_URL of the test's database through a PgBouncer."""
    with bouncing(url) as bouncer:
        yield bouncer.url
