"""A network namespace in which a server runs, and a link to it that can lose all packets.

    with network() as net, net.serving() as server:
        db = Database(...net.url(server)...)
        net.lose()                        # in both directions, without a word
        net.find()

The two ends of the link are given a neighbour that does not exist: what is sent goes to nobody, and
the link stays up. The namespace belongs to a thread and to the processes that it starts: some time
after they have ended, also by a kill, the kernel deletes it with the link.
"""

import ctypes
import os
import random
import shutil
import subprocess
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from oadb.testing.control import ServerControl
from oadb.testing.servers import Server
from tests.support.open_servers import open_server

T = TypeVar("T")

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_NOBODY = "02:00:00:00:00:99"
_INSIDE = "inside"
_ESTABLISHED = "01"


class Network:
    """A namespace and the link to it, a network of two addresses that are reserved for tests."""

    def __init__(self, worker: ThreadPoolExecutor) -> None:
        self._worker = worker
        number = random.randrange(2**15)
        self._link = f"oadb{number}"
        first = (198 << 24) + (18 << 16) + 4 * number  # 198.18.0.0/15, RFC 2544
        self._outer, self.address = (_dotted(first + host) for host in (1, 2))
        thread = self.inside(_unshare)
        _ip("link", "add", self._link, "type", "veth", "peer", "name", _INSIDE, "netns", thread)
        _ip("address", "add", f"{self._outer}/30", "dev", self._link)
        _ip("link", "set", self._link, "up")
        self.inside(self._set_up)

    def inside(self, work: Callable[[], T]) -> T:
        """Run *work* in the namespace; processes that it starts stay there."""
        return self._worker.submit(work).result()

    @contextmanager
    def serving(self) -> Generator[ServerControl]:
        """Give a server that listens in the namespace, and on its Unix socket everywhere."""
        server = open_server({"listen_addresses": self.address})
        control = self.inside(server.__enter__)
        try:
            yield control
        finally:
            self.inside(lambda: server.__exit__(None, None, None))

    def url(self, server: ServerControl, **options: str) -> str:
        """Return the DATABASE_URL of *server* across the link."""
        keywords = {**server.server.keywords, "host": self.address, **options}
        return Server("url", keywords).url("postgres")

    def lose(self) -> None:
        """Lose every packet from now on."""
        _lose(self.address, self._link)
        self.inside(lambda: _lose(self._outer, _INSIDE))

    def find(self) -> None:
        """Lose no more."""
        _ip("neighbour", "flush", "dev", self._link, "nud", "permanent")
        self.inside(lambda: _ip("neighbour", "flush", "dev", _INSIDE, "nud", "permanent"))

    def delete(self) -> None:
        """Delete the link; the kernel keeps the namespace while it still sends something there."""
        _ip("link", "delete", self._link)

    def has_settled(self) -> bool:
        """Say whether all that the server sent was confirmed: it would send it again and again."""
        table = self.inside(Path("/proc/thread-self/net/tcp").read_text)
        sockets = [line.split() for line in table.splitlines()[1:]]
        queues = [queue for _, _, _, state, queue, *_ in sockets if state == _ESTABLISHED]
        return all(queue.startswith("00000000:") for queue in queues)

    def _set_up(self) -> None:
        _ip("address", "add", f"{self.address}/30", "dev", _INSIDE)
        _ip("link", "set", _INSIDE, "up")
        _ip("link", "set", "lo", "up")


@contextmanager
def network() -> Generator[Network]:
    """Give a network; skip the test where none can be made."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root, and the right to make network namespaces")
    with ThreadPoolExecutor(1) as worker:
        try:
            made = Network(worker)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("needs root, and the right to make network namespaces")
        try:
            yield made
        finally:
            made.delete()


def _unshare() -> str:
    """Leave the network of the process; return what names the thread."""
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    return str(threading.get_native_id())


def _lose(address: str, link: str) -> None:
    _ip("neighbour", "replace", address, "lladdr", _NOBODY, "nud", "permanent", "dev", link)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def _dotted(number: int) -> str:
    return ".".join(str(byte) for byte in number.to_bytes(4))
