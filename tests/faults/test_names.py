"""The name of the server gets another address, as in a failover by DNS."""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from random import randrange

import pytest

from oadb.testing.control import ServerControl
from oadb.testing.servers import Server
from tests.support.open_servers import open_server
from tests.support.rig import MODES, eventually

pytestmark = pytest.mark.fault

_NAME = "database.example"
_RECYCLE = 1.0

# Answers each line with the address of the server that it is connected to.
_SERVICE = """
import sys
from tests.support import pool_probes as probes
from tests.support.rig import connecting

mode, url, recycle = sys.argv[1:]
with connecting(mode, url) as connect:
    db = connect(pool_size=2, max_overflow=0, pool_recycle_seconds=float(recycle))
    for _ in sys.stdin:
        print(probes.server_address(db), flush=True)
"""


@pytest.fixture(scope="module")
def addresses() -> tuple[str, str]:
    """Give two addresses of this host that nothing else listens on."""
    first = f"127.{randrange(1, 255)}.{randrange(255)}"
    return f"{first}.1", f"{first}.2"


@pytest.fixture(scope="module")
def server(addresses: tuple[str, str]) -> Generator[ServerControl]:
    with open_server({"listen_addresses": ",".join(addresses)}) as server:
        yield server


@contextmanager
def service(mode: str, hosts: Path, recycle: float) -> Generator[subprocess.Popen[str]]:
    """Run the service in a mount namespace where *hosts* is /etc/hosts."""
    url = Server("url", {"user": "postgres", "host": _NAME}).url("postgres")
    unshared = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"']
    command = [*unshared, str(hosts), sys.executable, "-c", _SERVICE, mode, url, str(recycle)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    ) as running:
        yield running
        assert running.stdin is not None
        running.stdin.close()


def ask(running: subprocess.Popen[str]) -> str:
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write("\n")
    running.stdin.flush()
    return running.stdout.readline().strip()


@pytest.mark.parametrize("mode", MODES)
def test_a_service_is_at_the_new_address_of_its_server_once_its_connections_have_expired(
    mode: str, server: ServerControl, addresses: tuple[str, str], tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, and the right to make namespaces")
    assert server.postmaster
    before, after = addresses
    hosts = tmp_path / "hosts"
    hosts.write_text(f"{before} {_NAME}\n")
    with service(mode, hosts, _RECYCLE) as running:
        assert ask(running) == before
        hosts.write_text(f"{after} {_NAME}\n")
        eventually(lambda: ask(running) == after, _RECYCLE + 5)
        assert [ask(running) for _ in range(20)] == [after] * 20
