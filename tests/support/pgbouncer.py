"""A PgBouncer in transaction mode in front of the database of a test."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from oadb.engine import dsn
from oadb.testing.servers import Server
from tests.support.rig import eventually

PROGRAM = shutil.which("pgbouncer", path=f"{os.defpath}:/usr/sbin:{os.environ.get('PATH', '')}")
_PORT = 6432  # names the socket in a folder of its own; nothing listens on it

needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")


@pytest.fixture
def bouncer(url: str) -> Generator[str]:
    """Give the DATABASE_URL of the test's database through a PgBouncer with two sessions."""
    with tempfile.TemporaryDirectory(prefix="oadb-bouncer-") as name:
        folder = Path(name)
        keywords = dsn.parse(url).keywords
        target = " ".join(f"{key}={value}" for key, value in keywords.items())
        file = folder / "pgbouncer.ini"
        file.write_text(
            f"[databases]\nprobe = {target}\n"
            f"[pgbouncer]\nlisten_port = {_PORT}\nunix_socket_dir = {folder}\n"
            "auth_type = any\npool_mode = transaction\ndefault_pool_size = 2\n"
        )
        user = None
        if os.geteuid() == 0:  # PgBouncer refuses to run as root
            nobody = pwd.getpwnam("nobody")
            user = nobody.pw_uid
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        command = [PROGRAM or "", "--quiet", str(file)]
        with subprocess.Popen(command, user=user, stderr=subprocess.DEVNULL) as process:
            try:
                eventually(lambda: _listens(folder / f".s.PGSQL.{_PORT}"))
                through = {"host": str(folder), "port": str(_PORT), "user": "app"}
                yield Server("url", through).url("probe")
            finally:
                process.kill()


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0
