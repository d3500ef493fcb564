"""The transaction of a request may see the rows of its user only, whatever a statement says."""

from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from flask import Flask, jsonify
from flask.typing import ResponseReturnValue
from starlette.testclient import TestClient

from oadb import Config, Database
from oadb.accounts import users
from oadb.accounts.api_keys import VerifiedKey
from oadb.engine.deferred_transactions import AsyncDeferredTransaction, DeferredTransaction
from oadb.integrations import flask as flask_integration
from oadb.integrations.fastapi import (
    Asked,
    SignedIn,
    SyncOwnTx,
    Tx,
    WebSettings,
    install,
    own_sync_tx,
    own_tx,
    require_key,
)
from oadb.integrations.request_owner import RequestOwner
from tests.integrations.conftest import Asha
from tests.support.user_rows import SEE, TOUCH

of_key = require_key()
Holder = Annotated[VerifiedKey, Depends(of_key)]
HolderTx = Annotated[AsyncDeferredTransaction, Depends(own_tx(of_key))]
HolderSyncTx = Annotated[DeferredTransaction, Depends(own_sync_tx(of_key))]

seen, changed = SEE["users"], TOUCH["users"]


def fastapi_app(settings: WebSettings) -> FastAPI:
    app = FastAPI()
    install(app, settings)

    @app.get("/all")
    async def everyone(tx: Tx) -> list[int]:
        return sorted(await seen(tx))

    @app.get("/own")
    async def own(tx: HolderTx, same: Tx) -> list[list[int]]:
        return [await seen(tx), await seen(same)]

    @app.get("/plain")
    def plain(tx: HolderSyncTx) -> list[int]:
        return [*seen(tx)]

    @app.post("/touch")
    async def touch(tx: HolderTx) -> int:
        return int(await changed(tx))

    @app.get("/late")
    async def late(tx: Tx, own: HolderTx) -> None:
        raise AssertionError((tx, own))

    @app.get("/other")
    async def other(key: Holder, tx: HolderTx, asked: Asked) -> None:
        raise AssertionError((tx, asked.tx_of(key.user_id + 1)))

    @app.get("/session")
    def by_session(session: SignedIn, tx: SyncOwnTx) -> None:
        raise AssertionError((session, tx))

    return app


def flask_app(settings: WebSettings) -> Flask:
    app = Flask(__name__)
    flask_integration.install(app, settings)

    @app.get("/all")
    def everyone() -> ResponseReturnValue:
        return jsonify(sorted(seen(flask_integration.current_tx())))

    @app.get("/own")
    def own() -> ResponseReturnValue:
        tx = flask_integration.own_tx(flask_integration.require_key().user_id)
        return jsonify([[*seen(tx)], [*seen(flask_integration.current_tx())]])

    @app.post("/touch")
    def touch() -> ResponseReturnValue:
        key = flask_integration.require_key()
        return jsonify(int(changed(flask_integration.own_tx(key.user_id))))

    @app.get("/late")
    def late() -> ResponseReturnValue:
        flask_integration.current_tx()
        flask_integration.own_tx(flask_integration.require_key().user_id)
        return ""

    app.testing = True
    return app


@pytest.fixture(scope="module")
def settings(web_config: Config) -> WebSettings:
    return WebSettings(config=web_config, bans=False, log_requests=False)


@pytest.fixture(scope="module")
def ravi(stored: Database) -> int:
    return users.create(stored, "ravi", "ravi@example.in").user_id


@pytest.fixture(params=["fastapi", "flask"])
def client(request: pytest.FixtureRequest, settings: WebSettings) -> Any:
    if request.param == "flask":
        app = flask_app(settings)
        yield app.test_client()
        app.extensions["oadb"].close()
    else:
        with TestClient(fastapi_app(settings)) as client:
            yield client


def answer(found: Any) -> Any:
    assert found.status_code == 200
    return found.json() if callable(found.json) else found.json


def test_the_rows_of_another_user_cannot_be_read_or_changed(
    client: Any, asha: Asha, ravi: int
) -> None:
    key = {"X-API-Key": asha.key}

    assert answer(client.get("/all")) == sorted([asha.user_id, ravi])
    assert answer(client.get("/own", headers=key)) == [[asha.user_id], [asha.user_id]]
    assert answer(client.post("/touch", headers=key)) == 1
    assert answer(client.get("/all")) == sorted([asha.user_id, ravi])


def test_what_was_asked_for_with_the_rows_of_all_is_not_restricted_later(
    client: Any, asha: Asha
) -> None:
    with pytest.raises(RuntimeError, match="with the rows of all users: ask for that of user"):
        client.get("/late", headers={"X-API-Key": asha.key})


def test_without_a_credential_there_are_no_rows(client: Any) -> None:
    assert client.get("/own").status_code == 401


@pytest.mark.usefixtures("ravi")
def test_plain_functions_and_sessions_have_it_too(settings: WebSettings, asha: Asha) -> None:
    key = {"X-API-Key": asha.key}
    with TestClient(fastapi_app(settings)) as client:
        assert client.get("/plain", headers=key).json() == [asha.user_id]
        assert client.get("/session", headers=key).status_code == 401
        with pytest.raises(RuntimeError, match=f"with the rows of user {asha.user_id}"):
            client.get("/other", headers=key)


def test_who_asks_for_no_user_gets_what_was_asked_for_before() -> None:
    owner = RequestOwner()

    assert [owner.ask(7), owner.ask(None), owner.ask(7)] == [7, 7, 7]
