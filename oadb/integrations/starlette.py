"""Starlette: a Database that opens with the application, and a transaction for each request.

    app = Starlette(routes=[Route("/orders", place, methods=["POST"])])
    install(app)

    async def place(request: Request) -> Response:
        asked = asked_of(request)
        key = await asked.key("orders")  # 401 or 403 without a valid one
        await orders.add(asked.tx, key.user_id, ...)
        return Response(status_code=201)

The answer leaves when the transaction is committed.
"""

from oadb.integrations.missing_extras import missing_extra

try:
    from starlette.applications import Starlette
    from starlette.requests import HTTPConnection, Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute, Mount
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
except ModuleNotFoundError as error:
    raise missing_extra("fastapi", error) from error

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

import psycopg

from oadb.accounts import api_keys, sessions
from oadb.accounts.api_keys import VerifiedKey
from oadb.accounts.sessions import NewSession, Session
from oadb.accounts.user_rows import Assurance
from oadb.bans import trackers
from oadb.engine.database import AsyncDatabase
from oadb.engine.deferred_transactions import AsyncDeferredTransaction
from oadb.engine.pool_executors import AsyncPoolExecutor
from oadb.errors import Error, ParameterError
from oadb.integrations import credentials, readiness_answers
from oadb.integrations.asgi_gate import AsgiGate, send_whole
from oadb.integrations.asgi_service import AsgiService
from oadb.integrations.error_map import problem_of
from oadb.integrations.web_requests import BANNED, SeenRequest
from oadb.integrations.web_settings import WebSettings
from oadb.security.refusals import Refusal

__all__ = ["AsgiService", "AskedRequest", "WebSettings", "asked_of", "install"]

_KEY = "oadb.asked"
_INSTALLED = "oadb"


class AskedRequest:
    """What a request, or a websocket, has of oadb."""

    def __init__(
        self,
        settings: WebSettings,
        scope: Scope,
        seen: SeenRequest,
        db: AsyncDatabase,
        gate: AsgiGate | None,
    ) -> None:
        self._settings, self._scope, self._seen, self._gate = settings, scope, seen, gate
        self.db = db
        """For what runs outside of the transaction, such as what must stay after a refusal."""

    @property
    def ip(self) -> str:
        """The address of the client; see TrustedProxies."""
        return self._seen.ip

    @property
    def tx(self) -> AsyncDeferredTransaction:
        """The transaction of the request. It begins with its first statement.

        It is committed before the answer leaves; rolled back if the status is 400 or above, after
        an exception, and if the client is gone. A background task has none: use ``db``.

        Raises:
            RuntimeError: a websocket has no transaction: begin one for each message.
        """
        if self._gate is None:
            raise RuntimeError("a websocket has no transaction: begin one with db.transaction()")
        return self._gate.transaction()

    def keep_open(self) -> AsyncDeferredTransaction:
        """Return the transaction, which ends with the last part of a streamed answer, not before.

        It is committed before that part is sent. If that fails, the connection is broken off, since
        the status was sent already; so a client must read to the end.
        """
        tx = self.tx
        if self._gate is not None:
            self._gate.keeps_open = True
        return tx

    async def session(
        self, *, at_least: Assurance = 1, max_age: timedelta | None = None
    ) -> Session:
        """Return the session of the cookie; see ``sessions.verify``.

        Raises:
            RequestRefusedError: 401: there is no valid one; 403: it is too weak, or a page of
                another site has sent the request.
        """
        name = self._settings.session_cookie
        credentials.refuse_other_sites(self._seen.method, self._header(b"sec-fetch-site"))
        token = credentials.session_token(self._header(b"cookie", "; "), name)
        verified = await sessions.verify(self._outside, token, at_least=at_least, max_age=max_age)
        found = credentials.accepted_session(verified, name)
        self._seen.user_id = found.user_id
        return found

    async def key(self, *scopes: str) -> VerifiedKey:
        """Return the API key of the header; see ``api_keys.verify``.

        Raises:
            RequestRefusedError: 401: there is no valid one; 403: it lacks a scope, or its user is
                disabled.
        """
        settings = self._settings
        value = self._header(settings.key_header.lower().encode())
        token = credentials.key_token(value, settings.key_header)
        verified = await api_keys.verify(self._outside, token)
        if verified is Refusal.UNKNOWN and settings.bans:
            await trackers.track_bad_key(self._outside, self.ip, key=token)
        found = credentials.accepted_key(verified, scopes)
        self._seen.user_id = found.user_id
        return found

    def start_session(self, response: Response, made: NewSession) -> None:
        """Have the client keep the token of a new session in its cookie."""
        name = self._settings.session_cookie
        response.headers.append("set-cookie", credentials.session_cookie(name, made))

    def end_session(self, response: Response) -> None:
        """Have the client forget the token of its session; ``sessions.end`` ends the session."""
        name = self._settings.session_cookie
        response.headers.append("set-cookie", credentials.ended_cookie(name))

    @property
    def _outside(self) -> AsyncPoolExecutor:
        """For credentials, which are verified beside the transaction of the request."""
        return self.db.outside()

    def _header(self, name: bytes, joined: str = ",") -> str:
        return header_of(self._scope, name, joined)


def asked_of(connection: HTTPConnection) -> AskedRequest:
    """Return what a request has of oadb.

    Raises:
        RuntimeError: ``install`` was not called for its application.
    """
    found = connection.scope.get(_KEY)
    if isinstance(found, AskedRequest):
        return found
    raise RuntimeError("this application has no oadb: call install(app) where it is made")


def install(app: Starlette, settings: WebSettings | None = None) -> AsgiService:
    """Give an application a Database, and each of its requests a transaction.

    Call it once, before middleware that is to see its answers, such as that for CORS.

    Raises:
        ParameterError: the application has oadb already.
    """
    return install_with(app, settings, lambda: templates_in(app.routes))


def install_with(
    app: Starlette, settings: WebSettings | None, templates: Callable[[], Iterable[str]]
) -> AsgiService:
    """Install oadb in an application that finds the templates of its routes in its own way."""
    if hasattr(app.state, _INSTALLED):
        raise ParameterError("install: this application has oadb already; call it once")
    chosen = WebSettings() if settings is None else settings
    service = AsgiService(chosen, templates)
    app.state.oadb = service
    app.add_middleware(_Middleware, service=service)

    async def answer(_: Request, error: Exception) -> Response:
        problem = problem_of(error, chosen.sentences)
        if problem is None:
            raise error
        return Response(problem.body, problem.status, dict(problem.headers))

    app.add_exception_handler(Error, answer)
    app.add_exception_handler(psycopg.Error, answer)
    return service


def header_of(scope: Scope, name: bytes, joined: str = ",") -> str:
    """Return the values of a header, joined in their order; empty if there is none."""
    found = [value for key, value in scope["headers"] if key == name]
    return joined.join(value.decode("latin-1") for value in found)


class _Middleware:
    """Opens and closes the Database, refuses banned clients, ends transactions, logs requests."""

    def __init__(self, app: ASGIApp, service: AsgiService) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, a websocket or the lifespan of the application."""
        kind, settings = scope["type"], self._service.settings
        if kind == "lifespan":
            await self._live(scope, receive, send)
        elif kind == "websocket":
            await self._connect(scope, receive, send)
        elif scope["path"] == settings.health_path:
            await send_whole(send, *readiness_answers.ALIVE)
        elif scope["path"] == settings.ready_path:
            await send_whole(send, *await self._service.readiness())
        else:
            await self._ask(scope, receive, send)

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> None:
        service, seen = self._service, self._seen(scope)
        db = await service.database()
        gate = AsgiGate(seen, db, receive, send, service.settings.sentences)
        scope[_KEY] = AskedRequest(service.settings, scope, seen, db, gate)
        try:
            if await service.is_banned(seen.ip):
                await gate.answer(BANNED)
            else:
                await self._app(scope, gate.receive, gate.send)
        except BaseException as error:
            if not await gate.fail(error):
                raise
        finally:
            await gate.end()
            seen.route = template_of(scope)
            await service.log(seen)

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a websocket pass, unless its client is banned; its answer to that is a 403."""
        service, seen = self._service, self._seen(scope)
        if await service.is_banned(seen.ip):
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": BANNED.reason})
            return
        scope[_KEY] = AskedRequest(service.settings, scope, seen, await service.database(), None)
        await self._app(scope, receive, send)

    def _seen(self, scope: Scope) -> SeenRequest:
        proxies, peer = self._service.settings.proxies, scope.get("client")
        named = header_of(scope, proxies.header.encode()) if proxies.are_any else ""
        ip = proxies.client(peer[0] if peer else None, named)
        host = header_of(scope, b"host") or None
        return SeenRequest(ip, scope.get("method", "WEBSOCKET"), scope["path"], host)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def receive_after_opening() -> Message:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self._service.database()
                except BaseException as error:
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    raise
            return message

        async def send_after_closing(message: Message) -> None:
            if message["type"] != "lifespan.startup.complete":
                await self._service.close()
            await send(message)

        await self._app(scope, receive_after_opening, send_after_closing)


def templates_in(routes: Iterable[BaseRoute]) -> Iterator[str]:
    """Yield the templates of routes, and of those in mounts."""
    for route in routes:
        yield str(getattr(route, "path", ""))
        yield from templates_in(getattr(route, "routes", None) or ())


def template_of(scope: Scope) -> str | None:
    """Return the template of the route that matched, with those of the mounts around it."""
    route, values = scope.get("route"), scope.get("path_params", {})
    own: object = "/" if isinstance(route, Mount) else getattr(route, "path_format", None)
    path = f"{scope.get('root_path', '')}/" if isinstance(route, Mount) else scope["path"]
    if not isinstance(own, str):
        return None
    # What stands before it are prefixes of mounts and routers, where parameters have their values.
    within = sum(str(value).count("/") for value in values.values())
    names = {str(value): f"{{{name}}}" for name, value in values.items()}
    before = path.rsplit("/", own.count("/") + within)[0].split("/")
    return "/".join(names.get(part, part) for part in before) + own
