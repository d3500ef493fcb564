"""FastAPI: plain functions, which run in threads, have the same transaction as coroutines."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from fastapi import FastAPI, HTTPException
from starlette.responses import JSONResponse, Response

from oadb import Config, Database
from oadb.accounts import users
from oadb.integrations.fastapi import (
    Asked,
    Db,
    SignedIn,
    SyncDb,
    SyncTx,
    Tx,
    WebSettings,
    install,
)
from tests.integrations.test_fastapi import asked, client_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

# More than FastAPI has threads for plain functions, and each of them wants the only connection.
CROWD = 50


class Held:
    """A request that waits in its thread until a test lets it go on."""

    def __init__(self) -> None:
        self.reached, self.let_go = threading.Event(), threading.Event()
        self.error: BaseException | None = None
        self.has_ended = threading.Event()


HELD = Held()


def made(settings: WebSettings) -> FastAPI:
    app = FastAPI()
    install(app, settings)

    @app.post("/users/{name}")
    def create(name: str, tx: SyncTx) -> int:
        return users.create(tx, name, f"{name}@example.in").user_id

    @app.post("/users/{name}/status/{status}")
    def create_with_status(name: str, status: int, tx: SyncTx) -> Response:
        users.create(tx, name, f"{name}@example.in")
        if status == 418:
            raise HTTPException(status)
        if status == 500:
            raise ZeroDivisionError
        return JSONResponse({}, status)

    @app.post("/users/{name}/beside")
    def create_beside(name: str, tx: SyncTx, db: SyncDb) -> bool:
        assert not tx.has_begun
        return users.find_by_username(db, name) is not None

    @app.post("/users/{name}/both")
    def create_with_both(name: str, tx: SyncTx, asked: Asked) -> None:
        raise AssertionError((name, tx, asked.tx))

    @app.post("/users/{name}/held")
    def create_when_let_go(name: str, asked: Asked) -> None:
        tx = asked.sync_tx
        users.create(tx, name, f"{name}@example.in")
        HELD.reached.set()
        HELD.let_go.wait(30)
        try:
            users.create(tx, f"{name}-2", f"{name}-2@example.in")
        except BaseException as error:
            HELD.error = error
            raise
        finally:
            HELD.has_ended.set()

    @app.get("/me")
    def me(session: SignedIn) -> int:
        return session.user_id

    return app


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(web_config: Config) -> AsyncGenerator[Any]:
    config = replace(web_config, pool_size=1, max_overflow=0, pool_timeout_seconds=20)
    app = made(WebSettings(config=config, bans=False, log_requests=False))
    async with app.state.oadb:
        yield app


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(app: Any) -> AsyncGenerator[httpx2.AsyncClient]:
    async with client_of(app) as client:
        yield client


async def test_what_a_plain_function_has_answered_is_stored(
    client: httpx2.AsyncClient, stored: Database
) -> None:
    answer = await client.post("/users/plain")

    assert (answer.status_code, answer.json()) == (200, answer.json())
    assert users.get(stored, answer.json())


@pytest.mark.parametrize("status", [400, 418, 500, 503])
async def test_a_plain_function_that_refuses_or_fails_leaves_nothing(
    client: httpx2.AsyncClient, stored: Database, status: int
) -> None:
    answer = await client.post(f"/users/plain{status}/status/{status}")

    assert answer.status_code == status
    assert users.find_by_username(stored, f"plain{status}") is None


async def test_errors_of_a_plain_function_are_answered_by_the_same_map(
    client: httpx2.AsyncClient,
) -> None:
    await client.post("/users/twice")
    answer = await client.post("/users/twice")

    assert (answer.status_code, answer.json()["reason"]) == (409, "conflict")
    assert (await client.get("/me")).status_code == 401
    assert (await client.post("/users/nobody/beside")).json() is False


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/plain", "plain is a plain function: ask for SyncTx instead"),
        ("/plain-db", "plain_db is a plain function: ask for SyncDb instead"),
        ("/blocks", "blocks is a coroutine, which this would block: ask for Tx instead"),
    ],
)
async def test_a_function_that_would_do_nothing_or_block_the_loop_is_told(
    web_config: Config, path: str, said: str
) -> None:
    app = FastAPI()
    install(app, WebSettings(config=web_config, bans=False, log_requests=False))

    @app.post("/plain")
    def plain(tx: Tx) -> None:
        users.create(tx, "lost", "lost@example.in")  # a coroutine that nobody would await

    @app.post("/plain-db")
    def plain_db(db: Db) -> None:
        users.create(db, "lost", "lost@example.in")

    @app.post("/blocks")
    async def blocks(tx: SyncTx) -> None:
        users.create(tx, "lost", "lost@example.in")

    async with app.state.oadb:
        _, error = await asked(app, path)

    assert str(error).endswith(said)


async def test_a_request_has_one_transaction_not_two(app: Any) -> None:
    _, error = await asked(app, "/users/both/both")

    assert "has asked for both Tx and SyncTx" in str(error)


async def test_more_plain_functions_than_threads_and_connections_all_end(
    client: httpx2.AsyncClient, stored: Database
) -> None:
    """Were their COMMITs to wait for the same threads, each would wait for the others."""
    answers = await asyncio.gather(*(client.post(f"/users/crowd{n}") for n in range(CROWD)))

    assert {answer.status_code for answer in answers} == {200}
    assert users.get(stored, answers[-1].json())


async def test_a_plain_function_of_a_cancelled_request_stores_nothing_more(
    app: Any, stored: Database
) -> None:
    asking = asyncio.create_task(asked(app, "/users/cut/held"))
    await asyncio.to_thread(HELD.reached.wait, 30)
    asking.cancel()
    await asyncio.wait([asking], timeout=5)
    HELD.let_go.set()
    await asking
    await asyncio.to_thread(HELD.has_ended.wait, 30)

    assert users.find_by_username(stored, "cut") is None
    assert users.find_by_username(stored, "cut-2") is None
    assert "has ended" in str(HELD.error)
