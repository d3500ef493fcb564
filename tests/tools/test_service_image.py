"""The image of a new service, built by its Dockerfile, runs as its compose.yaml runs it."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from time import monotonic

import httpx2
import pytest

from oadb import Database
from oadb.engine import dsn
from oadb.testing import factories
from tests.conftest import RING, configured
from tests.faults.proxy import Proxy
from tests.support.command_line import oadb
from tests.support.docker_engine import DockerEngine, docker_engine
from tests.support.free_ports import free_ports
from tests.support.new_projects import REPOSITORY
from tests.support.rig import Observer, eventually

BUILD = REPOSITORY / "tests" / "containers" / "build_python_image.sh"
ORDER = {"symbol": "INFY", "exchange": "NSE", "action": "BUY", "quantity": 1, "note": "cheap"}

# As compose.yaml runs each container, and in the network of the machine.
WALLS = (
    *("--network", "host", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"),
    *("--security-opt", "no-new-privileges:true"),
)


@pytest.fixture
def engine() -> Generator[DockerEngine]:
    if shutil.which("debootstrap") is None:
        pytest.skip("needs debootstrap, as no image can be pulled")
    with docker_engine() as engine:
        yield engine


def given(**variables: str) -> list[str]:
    """Return the options that set variables in a container."""
    return [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]


def is_ready(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/ready", timeout=30).status_code == 200
    except httpx2.TransportError:
        return False


def build(engine: DockerEngine, project: Path, folder: Path) -> None:
    """Build the image ``depot`` by the Dockerfile as it is, on one of the same name as its base."""
    wheels, root = folder / "wheels", folder / "root"
    wanted = [str(REPOSITORY), str(project), "hatchling"]
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--find-links", str(wheels)]
    for each in wanted:  # oadb first: the project needs it
        subprocess.run([*command, "--wheel-dir", str(wheels), each], check=True)
    for built in wheels.glob("depot-*"):
        built.unlink()
    [base] = {*re.findall(r"^FROM (\S+)", (project / "Dockerfile").read_text(), re.MULTILINE)}
    subprocess.run([BUILD, base, root, wheels], env=engine.environ, check=True)
    engine.answer("build", "--network", "none", "--tag", "depot", ".", cwd=project)


@pytest.mark.slow  # minutes: installs a Debian, and builds an image
def test_the_image_of_a_new_service_takes_an_order_and_stops_in_time(
    engine: DockerEngine, tmp_path: Path, oadb_database_url: str
) -> None:
    project = tmp_path / "depot"
    assert oadb("new", "service", str(project), "--framework", "fastapi").returncode == 0
    build(engine, project, tmp_path)
    with Proxy(dsn.parse(oadb_database_url).keywords) as proxy:
        owner = given(DATABASE_URL=proxy.url, OADB_KEYRING=RING.to_json())
        migrating = ("depot", "sh", "-c", "oadb migrate && oadb keys verify")
        assert "0001_create_depot" in engine.answer("run", "--rm", *WALLS, *owner, *migrating)
        with Database(configured(oadb_database_url)) as db:
            user = factories.make_user(db)
            key = factories.make_api_key(db, user.user_id, scopes=["orders"]).token.reveal()

        (port,), joint = free_ports(1), "&" if "?" in proxy.url else "?"
        url = f"{proxy.url}{joint}options=-c%20role%3Doadb_app"
        served = given(DATABASE_URL=url, OADB_KEYRING=RING.to_json(), UVICORN_PORT=str(port))
        running = engine.answer("run", "--detach", *WALLS, *served, "depot")
        try:
            eventually(lambda: is_ready(port), 60)
            probed = engine.answer("exec", running, "oadb", "ready", "--within", "60s")
            placed = httpx2.post(
                f"http://127.0.0.1:{port}/orders",
                json=ORDER,
                headers={"X-API-Key": key},
                timeout=60,
            )
            began = monotonic()
            engine.answer("stop", "--time", "30", running)
            seconds = monotonic() - began
            [found] = json.loads(engine.answer("inspect", running))
        finally:
            said = engine.run("logs", running).stdout
            engine.run("rm", "--force", running)

    assert "FAIL" not in probed
    assert (placed.status_code, placed.json()["body"]) == (201, "cheap"), said
    assert Observer(oadb_database_url).rows("select user_id, body from depot.notes") == [
        (user.user_id, "cheap")
    ]
    assert (found["State"]["ExitCode"], found["Config"]["User"]) == (0, "10001"), said
    assert seconds < 15, said
