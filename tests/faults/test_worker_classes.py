"""Each kind of worker serves 400 requests, loses none of what it answered, and stops in time."""

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import RING
from tests.support.rig import Observer, eventually
from tests.support.serving import Serving, serving

pytestmark = pytest.mark.fault

REQUESTS, CLIENTS = 400, 8

# Seconds. At rest each stops within 2, of which gevent's worker sleeps one or two before it looks;
# CI does other work meanwhile.
LONGEST_STOP = 5.0

_PATCHED = "from gevent import monkey\nmonkey.patch_all()\n"

# The command behind ``python -m``; SOCKET stands for where it listens, CONFIG for a file that
# patches the standard library for gevent. gunicorn's master waits up to 4 s for the thread of its
# own control socket before it tells its workers to stop, if gevent patched that thread.
GUNICORN = (
    *("gunicorn", "tests.faults.web_workers:wsgi()", "--bind", "unix:SOCKET", "-w", "2"),
    "--no-control-socket",
)
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


def ask(server: Serving, name: str) -> tuple[int, str]:
    """Ask for a user to be created; return the status, and the body."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(server.listening))
        head = f"POST /v1/users/{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        client.sendall(f"{head}Content-Length: 0\r\n\r\n".encode())
        answer = client.makefile("rb").read().decode()
    return int(answer.split()[1]), answer.partition("\r\n\r\n")[2]


def serving_users(kind: tuple[str, ...], folder: Path, url: str) -> AbstractContextManager[Serving]:
    config = folder / "gunicorn.conf.py"
    config.write_text(_PATCHED)
    words = [str(config) if word == "CONFIG" else word for word in kind]
    return serving(words, folder, {"DATABASE_URL": url, "OADB_KEYRING": RING.to_json()})


@pytest.mark.parametrize("kind", WORKERS)
def test_a_worker_loses_nothing_that_it_answered_and_stops_in_time(
    kind: str, tmp_path: Path, oadb_database_url: str
) -> None:
    with serving_users(WORKERS[kind], tmp_path, oadb_database_url) as server:
        with ThreadPoolExecutor(CLIENTS) as clients:
            names = [f"user{number}" for number in range(REQUESTS)]
            answers = [*clients.map(partial(ask, server), names)]
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
        serving_users(preloaded, tmp_path, oadb_database_url) as server,
        ThreadPoolExecutor(CLIENTS) as clients,
    ):
        answers = [*clients.map(partial(ask, server), map(str, range(20)))]

    assert {status for status, _ in answers} <= {500, 503}
    assert "at the top of gunicorn.conf.py" in server.said()
    assert Observer(oadb_database_url).ask("select count(*) from oadb.users") == 0
