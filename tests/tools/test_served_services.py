"""A new service on a real server, under load, as the role that services have."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Lock

import httpx2
import pytest

from oadb import Database, Secret
from oadb.testing import factories
from oadb.tools.new_service import Framework
from tests.conftest import RING, configured
from tests.support.command_line import oadb
from tests.support.new_projects import environ
from tests.support.rig import Observer, eventually
from tests.support.serving import serving

CLIENTS = 8
PASSWORD = "correct horse battery"
ORDER = {"symbol": "INFY", "exchange": "NSE", "action": "BUY", "quantity": 1}

SERVERS: dict[Framework, tuple[str, ...]] = {
    "fastapi": ("uvicorn", "--factory", "depot.app:make_app", "--uds", "SOCKET"),
    "flask": (
        *("gunicorn", "--bind", "unix:SOCKET", "-k", "gthread", "--threads", "8"),
        "depot.app:make_app()",
    ),
}

# One password at a time: a service that is hashing several already answers 503.
_HASHING = Lock()

# Seconds. At rest each stops within 2; CI does other work meanwhile.
LONGEST_STOP = 5.0


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of a new service, as the current one."""
    folder = tmp_path / "depot"
    monkeypatch.syspath_prepend("")  # restores what a project file adds to sys.path
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def is_ready(listening: Path) -> bool:
    transport = httpx2.HTTPTransport(uds=str(listening))
    with httpx2.Client(transport=transport, timeout=60) as client:
        return client.get("http://depot/ready").status_code == 200


def trade(listening: Path, orders: int, name: str, key: str) -> list[dict[str, object]]:
    """Sign in, place orders, read the notes and sign out; return the notes as answered."""
    transport = httpx2.HTTPTransport(uds=str(listening))
    with httpx2.Client(transport=transport, base_url="http://depot", timeout=60) as client:
        login = {"username": name, "password": PASSWORD}
        with _HASHING:
            signed_in = client.post("/login", json=login)
        assert signed_in.status_code == 204
        session = {"Cookie": signed_in.headers["Set-Cookie"].partition(";")[0]}
        placed = [
            client.post("/orders", json={**ORDER, "note": f"{n}"}, headers={"X-API-Key": key})
            for n in range(orders)
        ]
        assert {answer.status_code for answer in placed} == {201}
        notes: list[dict[str, object]] = [answer.json() for answer in placed]
        assert client.get("/notes", headers=session).json() == {"notes": notes[::-1], "next": None}
        assert client.post("/logout", headers=session).status_code == 204
    return notes


@pytest.mark.long("starts two servers, and asks one 400 times and the other 200 times")
@pytest.mark.parametrize(("framework", "orders"), [("fastapi", 47), ("flask", 22)])
def test_a_new_service_loses_nothing_that_it_answered_and_stops_in_time(
    framework: Framework, orders: int, project: Path, oadb_database_url: str
) -> None:
    assert oadb("new", "service", ".", "--framework", framework).returncode == 0
    assert oadb("migrate", url=oadb_database_url).returncode == 0
    keys: dict[str, str] = {}
    with Database(configured(oadb_database_url)) as db:
        for name in (f"user{number}" for number in range(CLIENTS)):
            user = factories.make_user(db, username=name, password=Secret(PASSWORD))
            made = factories.make_api_key(db, user.user_id, scopes=["orders"])
            keys[name] = made.token.reveal()

    joint = "&" if "?" in oadb_database_url else "?"
    url = f"{oadb_database_url}{joint}options=-c%20role%3Doadb_app"
    given = environ(DATABASE_URL=url, OADB_KEYRING=RING.to_json())
    with serving(SERVERS[framework], project.parent, given, project) as server:
        eventually(lambda: is_ready(server.listening), 30)  # as that role
        with ThreadPoolExecutor(CLIENTS) as clients:
            answered = [
                note
                for notes in clients.map(
                    partial(trade, server.listening, orders), keys, keys.values()
                )
                for note in notes
            ]
        seconds = server.stop()

    observer = Observer(oadb_database_url)
    stored = observer.rows("select user_id, note_id, pending_order_id from depot.notes")
    assert {*stored} == {
        (note["user_id"], note["note_id"], note["pending_order_id"]) for note in answered
    }
    assert len(stored) == CLIENTS * orders
    assert observer.ask("select count(*) from oadb.pending_orders") == CLIENTS * orders
    assert observer.ask("select count(*) from oadb.sessions") == 0
    logged = observer.rows("select path, count(*) from oadb.traffic group by path")
    assert sorted(count for _, count in logged) == [8, 8, 8, CLIENTS * orders]
    assert seconds < LONGEST_STOP, server.said()
    eventually(lambda: not observer.backends())
