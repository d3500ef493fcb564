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
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
except ModuleNotFoundError as error:
    raise missing_extra("fastapi", error) from error

from collections.abc import Callable, Iterable

import psycopg

from oadb.errors import Error, ParameterError
from oadb.integrations import readiness_answers
from oadb.integrations.asgi_gate import AsgiGate, send_whole
from oadb.integrations.asgi_routes import template_of, templates_in
from oadb.integrations.asgi_service import AsgiService
from oadb.integrations.asked_request import AskedRequest, header_of
from oadb.integrations.error_map import problem_of
from oadb.integrations.web_requests import BANNED, SeenRequest
from oadb.integrations.web_settings import WebSettings

__all__ = ["AsgiService", "AskedRequest", "WebSettings", "asked_of", "install"]

_KEY = "oadb.asked"
_INSTALLED = "oadb"


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
        dbs = await service.databases()
        gate = AsgiGate(seen, dbs, receive, send, service.settings.sentences)
        scope[_KEY] = AskedRequest(service.settings, scope, seen, dbs, gate)
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
        scope[_KEY] = AskedRequest(service.settings, scope, seen, await service.databases(), None)
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
