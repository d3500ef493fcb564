"""Web services through oadb.integrations, beside the same written by hand.

One request: the session of a cookie and an API key are verified, an order is stored in a
transaction, the request is logged, and its client is not banned. Without a network: the
applications are called as servers call them. ``python tests/benchmarks/web.py outcomes 10000`` asks
real servers instead, and counts what is stored of answered, refused and aborted requests.
"""

import asyncio
import io
import sys
from collections.abc import Callable, Generator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from fastapi import FastAPI, HTTPException
from fastapi import Request as FastRequest
from flask import Flask, Response, abort, request
from flask.typing import ResponseReturnValue

from oadb import AsyncDatabase, Config, Database, Secret
from oadb.accounts import api_keys, login_attempts, sessions, users
from oadb.bans.live_bans import AsyncLiveBans, LiveBans
from oadb.integrations import fastapi, flask
from oadb.integrations.credentials import signed_in
from oadb.integrations.web_settings import WebSettings
from oadb.logs.traffic import Request
from oadb.logs.writer import AsyncLogWriter, LogWriter
from oadb.trading import pending_orders
from tests.benchmarks import conditions
from tests.benchmarks.rounds import Variant, measure, ratio
from tests.conftest import configured
from tests.integrations import fastapi_service, flask_service
from tests.support.web_clients import ask_many, uvicorn_serving, werkzeug_serving

ORDER: dict[str, object] = {"symbol": "INFY", "exchange": "NSE", "action": "BUY", "quantity": "1"}
ROUNDS, CALLS = 60, 20


@dataclass(frozen=True)
class Caller:
    """The credentials of a client: the values of its cookie and of its header."""

    session: str
    key: str

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        cookie = f"__Host-session={self.session}"
        return [(b"host", b"x"), (b"cookie", cookie.encode()), (b"x-api-key", self.key.encode())]


def main() -> None:
    parts = sys.argv[1:]
    with conditions.database() as url:
        config = configured(url)
        if parts and parts[0] == "outcomes":
            print_outcomes(config, int(parts[1]))
        else:
            print_ratios(config)


def print_outcomes(config: Config, count: int) -> None:
    """Ask real servers, and print what is stored afterwards."""
    settings = WebSettings(config=config, log_requests=False)
    with Database(config) as stored:
        uvicorn = uvicorn_serving(fastapi_service.made(settings))
        print("uvicorn", ask_many(uvicorn, stored, count, "u"), flush=True)
        werkzeug = werkzeug_serving(flask_service.made(settings))
        print("Flask's server", ask_many(werkzeug, stored, count, "w"), flush=True)


def print_ratios(config: Config) -> None:
    """Measure each framework's service, through the integration and by hand."""
    with Database(config) as db:
        user = users.create(db, "asha", "asha@example.in")
        users.set_password(db, user.user_id, Secret("correct horse battery"))
        password = Secret("correct horse battery")
        found = login_attempts.sign_in(db, "asha", password, ip="192.0.2.1")
        made = sessions.create(db, signed_in(found))
        key = api_keys.create(db, user.user_id, "all", order_mode="auto")
    caller = Caller(made.token.reveal(), key.token.reveal())
    with fast_variants(config, caller) as variants:
        print_ratio("FastAPI", *variants)
    with flask_variants(config, caller) as variants:
        print_ratio("Flask", *variants)


def print_ratio(name: str, *variants: Variant) -> None:
    measure(variants, ROUNDS, CALLS)
    ours, by_hand = variants
    rate = ratio(by_hand.seconds, ours.seconds)
    busy = ratio(by_hand.busy, ours.busy)
    print(
        f"{name}: {ours.microseconds:.0f} us through oadb.integrations, "
        f"{by_hand.microseconds:.0f} us by hand: {rate} of the requests per second, {busy} by CPU"
    )


# FastAPI -----------------------------------------------------------------------------------------


def fast_service(config: Config) -> FastAPI:
    app = FastAPI()
    fastapi.install(app, WebSettings(config=config))

    @app.post("/orders/{api_type}")
    async def place(
        api_type: str, session: fastapi.SignedIn, key: fastapi.KeyHolder, tx: fastapi.Tx
    ) -> dict[str, int]:
        del session
        order = await pending_orders.create(tx, key.user_id, api_type, ORDER)
        return {"pending_order_id": order.pending_order_id}

    return app


class FastByHand:
    """The same without the integration."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.app = FastAPI()
        self.app.middleware("http")(self.around)
        self.app.post("/orders/{api_type}")(self.place)

    async def open(self) -> None:
        self.db = await AsyncDatabase(self.config).__aenter__()
        self.bans = await AsyncLiveBans(self.db).__aenter__()
        self.log = AsyncLogWriter(self.config)

    async def close(self) -> None:
        await self.log.close()
        await self.bans.__aexit__()
        await self.db.close()

    async def around(self, request: FastRequest, call_next: Callable[..., Any]) -> Any:
        began = perf_counter()
        ip = request.client.host if request.client else ""
        if self.bans.is_banned(ip):
            raise HTTPException(403)
        response = await call_next(request)
        route = request.scope["route"].path
        await self.log.offer(
            Request(
                ip=ip,
                method=request.method,
                path=route,
                endpoint=route,
                status=response.status_code,
                duration_ms=(perf_counter() - began) * 1000.0,
                host=request.headers.get("host"),
                user_id=request.state.user_id,
            )
        )
        return response

    async def place(self, api_type: str, request: FastRequest) -> dict[str, int]:
        token = Secret(request.cookies.get("__Host-session", ""))
        if not await sessions.verify(self.db, token):
            raise HTTPException(401)
        key = await api_keys.verify(self.db, Secret(request.headers.get("x-api-key", "")))
        if not key:
            raise HTTPException(401)
        request.state.user_id = key.user_id
        async with self.db.transaction() as tx:
            order = await pending_orders.create(tx, key.user_id, api_type, ORDER)
        return {"pending_order_id": order.pending_order_id}


async def ask(app: Any, caller: Caller) -> None:
    """Ask as a server does."""
    received = iter([{"type": "http.request", "body": b"", "more_body": False}])
    forever = asyncio.Event()
    statuses: list[int] = []

    async def receive() -> MutableMapping[str, Any]:
        for message in received:
            return message
        await forever.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    path = "/orders/placeorder"
    scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "headers": caller.headers,
            "query_string": b"",
            "client": ("192.0.2.1", 1),
            "server": ("x", 443),
            "scheme": "https",
            "root_path": "",
            "http_version": "1.1",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
    }  # fmt: skip  # a message
    await app(scope, receive, send)
    assert statuses == [200], statuses


@contextmanager
def fast_variants(config: Config, caller: Caller) -> Generator[list[Variant]]:
    loop = asyncio.new_event_loop()
    ours, by_hand = fast_service(config), FastByHand(config)
    loop.run_until_complete(ours.state.oadb.database())
    loop.run_until_complete(by_hand.open())

    def runs(app: FastAPI) -> Callable[[int], None]:
        async def ask_all(count: int) -> None:
            for _ in range(count):
                await ask(app, caller)

        return lambda count: loop.run_until_complete(ask_all(count))

    yield [Variant("integration", runs(ours)), Variant("by hand", runs(by_hand.app))]
    loop.run_until_complete(ours.state.oadb.close())
    loop.run_until_complete(by_hand.close())


# Flask -------------------------------------------------------------------------------------------


def flask_app(config: Config) -> Flask:
    app = Flask("integration")
    flask.install(app, WebSettings(config=config))

    @app.post("/orders/<api_type>")
    def place(api_type: str) -> ResponseReturnValue:
        flask.require_session()
        key = flask.require_key()
        order = pending_orders.create(flask.current_tx(), key.user_id, api_type, ORDER)
        return {"pending_order_id": order.pending_order_id}

    return app


def flask_by_hand(db: Database, log: LogWriter, bans: LiveBans) -> Flask:
    """The same without the integration."""
    app = Flask("by hand")

    @app.before_request
    def before() -> None:
        request.environ["began"] = perf_counter()
        if bans.is_banned(request.remote_addr or ""):
            abort(403)

    @app.after_request
    def after(response: Response) -> Response:
        rule = request.url_rule.rule if request.url_rule else None
        log.offer(
            Request(
                ip=request.remote_addr or "",
                method=request.method,
                path=rule or request.path,
                endpoint=rule,
                status=response.status_code,
                duration_ms=(perf_counter() - request.environ["began"]) * 1000.0,
                host=request.host,
                user_id=request.environ.get("user_id"),
            )
        )
        return response

    @app.post("/orders/<api_type>")
    def place(api_type: str) -> ResponseReturnValue:
        if not sessions.verify(db, Secret(request.cookies.get("__Host-session", ""))):
            abort(401)
        key = api_keys.verify(db, Secret(request.headers.get("X-API-Key", "")))
        if not key:
            abort(401)
        request.environ["user_id"] = key.user_id
        with db.transaction() as tx:
            order = pending_orders.create(tx, key.user_id, api_type, ORDER)
        return {"pending_order_id": order.pending_order_id}

    return app


@contextmanager
def flask_variants(config: Config, caller: Caller) -> Generator[list[Variant]]:
    def runs(app: Flask) -> Callable[[int], None]:
        def ask_all(count: int) -> None:
            for _ in range(count):
                statuses: list[str] = []
                environ = {
                    "REQUEST_METHOD": "POST", "PATH_INFO": "/orders/placeorder", "QUERY_STRING": "",
                    "REMOTE_ADDR": "192.0.2.1", "SERVER_NAME": "x", "SERVER_PORT": "443",
                    "wsgi.url_scheme": "https", "wsgi.input": io.BytesIO(), "HTTP_HOST": "x",
                    "HTTP_COOKIE": f"__Host-session={caller.session}",
                    "HTTP_X_API_KEY": caller.key,
                }  # fmt: skip  # a request
                parts = app(environ, lambda status, *_, to=statuses: to.append(status))
                assert statuses[0].startswith("200"), statuses
                b"".join(parts)

        return ask_all

    ours = flask_app(config)
    with Database(config) as db, LogWriter(config) as log, LiveBans(db) as bans:
        by_hand = flask_by_hand(db, log, bans)
        yield [Variant("integration", runs(ours)), Variant("by hand", runs(by_hand))]
    ours.extensions["oadb"].close()


if __name__ == "__main__":
    main()
