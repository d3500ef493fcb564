"""A service as one would write it with FastAPI: what the tests of the integration ask."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated

import psycopg
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.background import BackgroundTask

from oadb import AsyncExecutor, Secret
from oadb.accounts import api_keys, login_attempts, sessions, users
from oadb.accounts.api_keys import VerifiedKey
from oadb.accounts.sessions import Session
from oadb.integrations.credentials import signed_in
from oadb.integrations.fastapi import (
    Asked,
    ClientIp,
    Db,
    KeyHolder,
    SignedIn,
    StreamTx,
    Tx,
    WebSettings,
    install,
    require_key,
    require_session,
)
from tests.integrations.web_errors import ERRORS, SLOWLY

api = APIRouter(prefix="/users")


async def swallow(tx: AsyncExecutor, user_id: int) -> None:
    with suppress(psycopg.Error):
        await api_keys.create(tx, user_id, "x" * 200, order_mode="auto")


@api.post("/{name}")
async def create(name: str, tx: Tx) -> int:
    return (await users.create(tx, name, f"{name}@example.in")).user_id


@api.post("/{name}/status/{status}")
async def create_with_status(name: str, status: int, tx: Tx) -> Response:
    await users.create(tx, name, f"{name}@example.in")
    return JSONResponse({}, status)


@api.post("/{name}/raise/{status}")
async def create_and_raise(name: str, status: int, tx: Tx) -> None:
    await users.create(tx, name, f"{name}@example.in")
    raise HTTPException(status)


@api.post("/{name}/error/{kind}")
async def create_and_fail(name: str, kind: str, tx: Tx) -> None:
    await users.create(tx, name, f"{name}@example.in")
    raise ERRORS[kind]("on purpose")


@api.post("/{name}/swallow")
async def create_and_swallow(name: str, tx: Tx) -> str:
    user = await users.create(tx, name, f"{name}@example.in")
    await swallow(tx, user.user_id)
    return "done"


@api.post("/{name}/unfit", response_model=int)
async def create_with_an_unfit_answer(name: str, tx: Tx) -> str:
    await users.create(tx, name, f"{name}@example.in")
    return "not a number"


@api.post("/{name}/later")
async def create_later(name: str, db: Db, tx: Tx) -> Response:
    async def late() -> None:
        await users.create(tx, name, f"{name}@example.in")

    assert not await users.find_by_username(db, name)
    return Response(status_code=202, background=BackgroundTask(late))


@api.post("/{name}/streamed")
async def create_and_stream(name: str, tx: Tx) -> StreamingResponse:
    await users.create(tx, name, f"{name}@example.in")

    async def parts() -> AsyncIterator[str]:
        yield "a"
        yield "yes" if not tx.has_begun else "no"

    return StreamingResponse(parts())


@api.post("/{name}/streaming/{end}")
async def create_while_streaming(name: str, end: str, tx: StreamTx) -> StreamingResponse:
    async def parts() -> AsyncIterator[str]:
        yield "a"
        user = await users.create(tx, name, f"{name}@example.in")
        yield "b"
        if end == "fail":
            raise ZeroDivisionError
        if end == "swallow":
            await swallow(tx, user.user_id)
        if end == "wait":
            await WAITING.wait_for(name)

    return StreamingResponse(parts())


@api.post("/{name}/wait")
async def create_and_wait(name: str, tx: Tx) -> int:
    """Create a user, and answer when a test says so."""
    user = await users.create(tx, name, f"{name}@example.in")
    await WAITING.wait_for(name)
    return user.user_id


@api.post("/{name}/keyed")
async def create_before_the_key_is_verified(name: str, asked: Asked) -> int:
    await users.create(asked.tx, name, f"{name}@example.in")
    return (await asked.key()).user_id


@api.post("/{name}/slowly")
async def create_slowly(name: str, tx: Tx) -> int:
    user = await users.create(tx, name, f"{name}@example.in")
    await asyncio.sleep(SLOWLY)
    return user.user_id


class Waiting:
    """Requests that wait in the middle, by name, until a test lets them go on."""

    def __init__(self) -> None:
        self.reached: dict[str, asyncio.Event] = {}
        self.let_go: dict[str, asyncio.Event] = {}

    def expect(self, name: str) -> None:
        self.reached[name], self.let_go[name] = asyncio.Event(), asyncio.Event()

    async def wait_for(self, name: str) -> None:
        self.reached[name].set()
        await self.let_go[name].wait()


WAITING = Waiting()


def made(settings: WebSettings) -> FastAPI:
    """Return the application."""
    app = FastAPI()
    install(app, settings)
    app.include_router(api, prefix="/v1")

    @app.post("/login")
    async def login(name: str, password: str, ip: ClientIp, asked: Asked) -> Response:
        found = signed_in(await login_attempts.sign_in(asked.db, name, Secret(password), ip=ip))
        response = Response(status_code=204)
        asked.start_session(response, await sessions.create(asked.db, found))
        return response

    @app.post("/logout")
    async def logout(session: SignedIn, asked: Asked) -> Response:
        await sessions.end(asked.db, session.user_id, session.session_id)
        response = Response(status_code=204)
        asked.end_session(response)
        return response

    @app.get("/me")
    async def me(session: SignedIn) -> int:
        return session.user_id

    @app.get("/strong")
    async def strong(session: Annotated[Session, Depends(require_session(at_least=2))]) -> int:
        return session.user_id

    @app.get("/key")
    async def key(key: KeyHolder) -> int:
        return key.user_id

    @app.get("/orders")
    async def orders(key: Annotated[VerifiedKey, Depends(require_key("orders"))]) -> int:
        return key.user_id

    @app.get("/ip")
    async def ip(ip: ClientIp) -> str:
        return ip

    return app
