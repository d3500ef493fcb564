"""Each kind of worker serves 400 requests, loses none of what it answered, and stops in time."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from tests.conftest import RING
from tests.support.rig import Observer, eventually

pytestmark = pytest.mark.fault

REQUESTS, CLIENTS = 400, 8

# Seconds. At rest each stops within 2; CI does other work meanwhile.
LONGEST_STOP = 5.0

_PATCHED = "from gevent import monkey\nmonkey.patch_all()\n"

# The command behind ``python -m``; SOCKET stands for where it listens, CONFIG for a file that
# patches the standard library for gevent.
GUNICORN = ("gunicorn", "tests.faults.web_workers:wsgi()", "--bind", "unix:SOCKET", "-w", "2")
UVICORN = ("uvicorn", "tests.faults.web_workers:asgi", "--factory", "--uds", "SOCKET")
WORKERS = {
    "sync": (*GUNICORN, "-k", "sync"),
    "gthread": (*GUNICORN, "-k", "gthread", "--threads", "8"),
    "gevent": (*GUNICORN, "-k", "gevent"),
    "gevent, preloaded": (*GUNICORN, "-k", "gevent", "--preload", "-c", "CONFIG"),
    "threads, preloaded": (*GUNICORN, "-k", "gthread", "--threads", "8", "--preload"),
    "uvicorn": (*UVICORN, "--loop", "asyncio"),
    "uvloop": (*UVICORN, "--loop", "uvloop"),
    "hypercorn": ("hypercorn", "tests.faults.web_workers:asgi()", "--bind", "unix:SOCKET"),
}


class Serving:
    """A server that runs, and what it has written."""

    def __init__(self, process: subprocess.Popen[bytes], listening: Path, log: Path) -> None:
        self.process, self._listening, self._log = process, listening, log

    def ask(self, name: str) -> tuple[int, str]:
        """Ask for a user to be created; return the status, and the body."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            client.connect(str(self._listening))
            head = f"POST /v1/users/{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            client.sendall(f"{head}Content-Length: 0\r\n\r\n".encode())
            answer = client.makefile("rb").read().decode()
        return int(answer.split()[1]), answer.partition("\r\n\r\n")[2]

    def listens(self) -> bool:
        assert self.process.poll() is None, self.said()
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(self._listening))
        except OSError:
            return False
        return True

    def stop(self) -> float:
        """End it as an operator does; return how many seconds that took."""
        began = monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        return monotonic() - began

    def said(self) -> str:
        return self._log.read_text()


@contextmanager
def serving(kind: tuple[str, ...], folder: Path, url: str) -> Generator[Serving]:
    """Run a server; at the end it is gone, with its workers."""
    listening, log, config = folder / "socket", folder / "log", folder / "gunicorn.conf.py"
    config.write_text(_PATCHED)
    places = {"SOCKET": str(listening), "unix:SOCKET": f"unix:{listening}", "CONFIG": str(config)}
    command = [sys.executable, "-m", *(places.get(word, word) for word in kind)]
    environ = {**os.environ, "DATABASE_URL": url, "OADB_KEYRING": RING.to_json()}
    environ["HOME"] = str(folder)  # gunicorn writes there
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, env=environ, stdout=output, stderr=output, start_new_session=True
        ) as process,
    ):
        server = Serving(process, listening, log)
        try:
            eventually(server.listens, 30)
            yield server
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("kind", WORKERS)
def test_a_worker_loses_nothing_that_it_answered_and_stops_in_time(
    kind: str, tmp_path: Path, oadb_database_url: str
) -> None:
    with serving(WORKERS[kind], tmp_path, oadb_database_url) as server:
        with ThreadPoolExecutor(CLIENTS) as clients:
            names = [f"user{number}" for number in range(REQUESTS)]
            answers = [*clients.map(server.ask, names)]
        seconds = server.stop()

    observer = Observer(oadb_database_url)
    assert {status for status, _ in answers} == {200}, server.said()
    assert observer.ask("select count(*) from oadb.users") == REQUESTS
    logged = observer.rows("select endpoint, count(*) from oadb.traffic group by endpoint")
    assert [count for _, count in logged] == [REQUESTS]
    assert seconds < LONGEST_STOP
    eventually(lambda: not observer.backends())


def test_gevent_that_patches_a_preloaded_service_is_refused_and_not_a_frozen_worker(
    tmp_path: Path, oadb_database_url: str
) -> None:
    preloaded = (*GUNICORN, "-k", "gevent", "--preload")

    with (
        serving(preloaded, tmp_path, oadb_database_url) as server,
        ThreadPoolExecutor(CLIENTS) as clients,
    ):
        answers = [*clients.map(server.ask, map(str, range(20)))]

    assert {status for status, _ in answers} <= {500, 503}
    assert "at the top of gunicorn.conf.py" in server.said()
    assert Observer(oadb_database_url).ask("select count(*) from oadb.users") == 0
