"""The Database of a web service opens and closes with it, and its requests are logged."""

import os
from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette
from starlette.middleware.base import RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from oadb import Config, Database
from oadb.accounts import users
from oadb.engine import dsn
from oadb.engine.observing import Observer, StatementDone, TransactionDone
from oadb.errors import KeyRingError
from oadb.integrations import fastapi as fastapi_integration
from oadb.integrations import flask as flask_integration
from oadb.integrations import readiness_answers
from oadb.integrations.fastapi import Tx
from oadb.integrations.starlette import WebSettings, asked_of, install
from oadb.logs import traffic
from oadb.security.keyring import Key, KeyRing
from tests.integrations import fastapi_service, flask_service
from tests.integrations.conftest import Asha


@pytest.fixture
def logged(web_config: Config) -> WebSettings:
    return WebSettings(config=web_config, bans=False)


@pytest.fixture
def unreachable(web_config: Config, monkeypatch: pytest.MonkeyPatch) -> WebSettings:
    monkeypatch.setattr(readiness_answers, "WAIT", timedelta(seconds=0.2))
    nowhere = dsn.parse("postgresql://a@127.0.0.1:1/x?sslmode=disable")
    return WebSettings(config=replace(web_config, dsn=nowhere), log_requests=False)


def log_of(stored: Database, text: str) -> list[tuple[object, ...]]:
    rows = traffic.list_requests(stored, text=text).rows
    found = [
        (each.method, each.path, each.endpoint, each.status, each.user_id, each.error)
        for each in rows
    ]
    return sorted(found, key=repr)


def test_requests_are_logged_by_their_templates(
    logged: WebSettings, stored: Database, asha: Asha
) -> None:
    with TestClient(fastapi_service.made(logged), raise_server_exceptions=False) as client:
        client.post("/v1/users/log-1", headers={"Host": "fast"})
        client.post("/v1/users/log-2/error/bug", headers={"Host": "fast"})
        client.get("/key", headers={"Host": "fast", "X-API-Key": asha.key})
        client.get("/nowhere", headers={"Host": "fast"})
        client.get("/health", headers={"Host": "fast"})

    path = "/v1/users/{name}"
    assert log_of(stored, "fast") == [
        ("GET", "/***", None, 404, None, None),
        ("GET", "/key", "/key", 200, asha.user_id, None),
        ("POST", path, path, 200, None, None),
        ("POST", f"{path}/error/{{kind}}", f"{path}/error/{{kind}}", 500, None, None),
    ]


def test_requests_to_flask_are_logged_by_their_templates(
    logged: WebSettings, stored: Database, asha: Asha
) -> None:
    app = flask_service.made(logged)
    client = app.test_client()
    client.post("/v1/users/log-1", headers={"Host": "flask"})
    client.get("/key", headers={"Host": "flask", "X-API-Key": asha.key})
    client.get("/key", headers={"Host": "flask"})
    client.get("/nowhere", headers={"Host": "flask"})
    app.extensions["oadb"].close()

    path = "/v1/users/<name>"
    assert log_of(stored, "flask") == [
        ("GET", "/***", None, 404, None, None),
        ("GET", "/key", "/key", 200, asha.user_id, None),
        ("GET", "/key", "/key", 401, None, None),
        ("POST", path, path, 409, None, None),
    ]


async def answer(request: Request) -> Response:
    return Response(str(asked_of(request).ip))


async def talk(socket: WebSocket) -> None:
    await socket.accept()
    asked = asked_of(socket)
    with pytest.raises(RuntimeError, match="a websocket has no transaction"):
        _ = asked.tx
    async with asked.db.transaction() as tx:
        await socket.send_text(str(await users.count(tx)))
    await socket.close()


def test_mounts_and_websockets_have_what_requests_have(
    logged: WebSettings, stored: Database
) -> None:
    app = Starlette(
        routes=[
            Mount("/tenants/{tenant}", routes=[Route("/orders/{order}", answer)]),
            WebSocketRoute("/talk", talk),
        ]
    )
    install(app, logged)
    with TestClient(app, client=("192.0.2.9", 1)) as client:
        assert client.get("/tenants/7/orders/8", headers={"Host": "mounts"}).text == "192.0.2.9"
        with client.websocket_connect("/talk") as socket:
            assert socket.receive_text() == str(users.count(stored))

    template = "/tenants/{tenant}/orders/{order}"
    assert log_of(stored, "mounts") == [("GET", template, template, 200, None, None)]


def test_middleware_that_runs_the_application_in_a_task_of_its_own_changes_nothing(
    logged: WebSettings, stored: Database
) -> None:
    async def passing(request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)

    async def create(name: str, status: int, tx: Tx) -> Response:
        await users.create(tx, name, f"{name}@example.in")
        return Response(status_code=status)

    app = FastAPI()
    app.middleware("http")(passing)
    fastapi_integration.install(app, replace(logged, log_requests=False))
    app.middleware("http")(passing)
    app.post("/{name}/{status}")(create)
    with TestClient(app) as client:
        assert client.post("/within/201").status_code == 201
        assert users.find_by_username(stored, "within")
        assert client.post("/refused/400").status_code == 400
        assert users.find_by_username(stored, "refused") is None


class Labels(Observer):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def statement(self, done: StatementDone) -> None:
        self.heard.append(done.label)

    def transaction(self, done: TransactionDone) -> None:
        self.heard.append(done.outcome)


def test_an_observer_hears_of_the_transaction_of_a_request(logged: WebSettings) -> None:
    labels = Labels()
    app = fastapi_service.made(replace(logged, log_requests=False, observer=labels))
    with TestClient(app) as client:
        client.post("/v1/users/heard")

    assert labels.heard[-2:] == ["announcements._record", "committed"]
    assert "users._create" in labels.heard


def test_an_application_may_start_again(logged: WebSettings) -> None:
    app = fastapi_service.made(replace(logged, log_requests=False))
    for _ in range(2):
        with TestClient(app) as client:
            assert client.get("/ready").status_code == 200


async def test_two_applications_of_a_loop_have_nothing_in_common(logged: WebSettings) -> None:
    apps = [fastapi_service.made(replace(logged, log_requests=False)) for _ in range(2)]
    async with apps[0].state.oadb as first, apps[1].state.oadb as second:
        assert await first.database() is not await second.database()
        await first.close()
        assert (await second.readiness())[0] == 200


def test_clients_without_a_lifespan_may_ask_from_a_new_loop_each_time(logged: WebSettings) -> None:
    app = fastapi_service.made(replace(logged, log_requests=False))
    client = TestClient(app)

    assert [client.get("/ready").status_code for _ in range(3)] == [200, 200, 200]
    assert client.post("/v1/users/loop").status_code == 200
    with TestClient(app):  # closes it at the end
        pass


def test_a_key_ring_of_another_database_stops_the_start(logged: WebSettings) -> None:
    assert logged.config is not None
    other = KeyRing([Key(1, "primary", datetime(2026, 1, 1, tzinfo=UTC), os.urandom(32))])
    config = replace(logged.config, keyring=other)
    app = fastapi_service.made(replace(logged, config=config))
    with pytest.raises(KeyRingError), TestClient(app):
        pass


def test_without_its_database_a_service_starts_and_is_not_ready(unreachable: WebSettings) -> None:
    with TestClient(fastapi_service.made(unreachable)) as client:
        assert client.get("/health").status_code == 200
        answer = client.get("/ready")
        assert (answer.status_code, answer.json()["failed"][0]) == (503, "connection")


@pytest.mark.long("a call is tried for five seconds")
def test_who_is_banned_is_not_known_without_the_database(unreachable: WebSettings) -> None:
    with TestClient(fastapi_service.made(unreachable)) as client:
        answer = client.get("/ip")
        assert (answer.status_code, answer.json()["reason"]) == (503, "unavailable")


def test_without_its_database_a_flask_service_is_not_ready(unreachable: WebSettings) -> None:
    app = flask_service.made(unreachable)
    client = app.test_client()
    assert client.get("/health").status_code == 200
    answer = client.get("/ready")
    found: Any = answer.json
    assert (answer.status_code, found["failed"][0]) == (503, "connection")
    app.extensions["oadb"].close()


@pytest.fixture
def forked_app(web_config: Config) -> Generator[Flask]:
    app = Flask("forked")
    service = flask_integration.install(app, WebSettings(config=web_config, log_requests=False))
    app.get("/count")(lambda: str(users.count(flask_integration.current_db())))
    yield app
    service.close()


def test_a_forked_worker_follows_bans_and_connects_by_itself(
    forked_app: Flask, stored: Database
) -> None:
    client, service = forked_app.test_client(), forked_app.extensions["oadb"]
    count = str(users.count(stored)).encode()
    assert client.get("/count").data == count
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = client.get("/count").data
            os.write(theirs, said if service._bans[0] == os.getpid() else b"not followed")
        finally:
            os._exit(0)
    os.waitpid(child, 0)

    assert os.read(ours, 100) == count
    assert client.get("/count").data == count
