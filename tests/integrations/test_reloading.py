"""Servers that reload changed code: the new code answers, and the old connections are gone."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from tests.conftest import RING
from tests.support.free_ports import free_ports
from tests.support.rig import Observer, eventually

FLASK = """
from flask import Flask
from oadb.accounts import users
from oadb.integrations.flask import current_tx, install

app = Flask(__name__)
install(app)


@app.get("/")
def show() -> str:
    return f"first {users.count(current_tx())}"
"""
FASTAPI = """
from fastapi import FastAPI
from oadb.accounts import users
from oadb.integrations.fastapi import Tx, install

app = FastAPI()
install(app)


@app.get("/")
async def show(tx: Tx) -> str:
    return f"first {await users.count(tx)}"
"""
SERVERS = {
    "flask": (FLASK, ("flask", "--app", "service", "run", "--debug", "--port")),
    "uvicorn": (FASTAPI, ("uvicorn", "service:app", "--reload", "--reload-delay=0.05", "--port")),
}


@pytest.mark.long("starts a server twice")
@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_that_reloads_answers_with_the_new_code(
    kind: str, oadb_database_url: str, tmp_path: Path
) -> None:
    text, command = SERVERS[kind]
    service, log = tmp_path / "service.py", tmp_path / "log"
    service.write_text(text)
    (port,) = map(str, free_ports(1))
    environ = {**os.environ, "DATABASE_URL": oadb_database_url, "OADB_KEYRING": RING.to_json()}
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))

    def says(word: str) -> bool:
        assert process.poll() is None, log.read_text()
        with suppress(httpx2.HTTPError):
            return word in httpx2.get(f"http://127.0.0.1:{port}/").text
        return False

    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", *command, port],
            env=environ,
            cwd=tmp_path,
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as process,
    ):
        try:
            eventually(lambda: says("first 0"), 30)
            service.write_text(text.replace("first", "second"))
            eventually(lambda: says("second 0"), 30)
            assert "Traceback" not in log.read_text()
            process.send_signal(signal.SIGTERM if kind == "uvicorn" else signal.SIGINT)
            process.wait(30)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    eventually(lambda: not Observer(oadb_database_url).backends())
