"""Flask: a Database for each application, and a transaction for each request.

    app = Flask(__name__)
    install(app)

    @app.post("/orders")
    def place() -> ResponseReturnValue:
        key = require_key("orders")  # 401 or 403 without a valid one
        orders.add(current_tx(), key.user_id, ...)
        return {}, 201

The answer leaves when the transaction is committed.
"""

from oadb.integrations.missing_extras import missing_extra

try:
    from flask import Flask, Response, current_app, request
except ModuleNotFoundError as error:
    raise missing_extra("flask", error) from error

import weakref
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg

from oadb.accounts import api_keys, sessions
from oadb.accounts.api_keys import VerifiedKey
from oadb.accounts.sessions import NewSession, Session
from oadb.accounts.user_rows import Assurance
from oadb.bans import trackers
from oadb.engine.database import Database
from oadb.engine.deferred_transactions import DeferredTransaction
from oadb.errors import Error, ParameterError
from oadb.integrations import credentials
from oadb.integrations.error_map import problem_of
from oadb.integrations.flask_service import FlaskService
from oadb.integrations.problem_details import phrase
from oadb.integrations.readiness_answers import ALIVE, ProbeAnswer
from oadb.integrations.web_requests import BANNED, SeenRequest
from oadb.integrations.web_settings import WebSettings
from oadb.integrations.wsgi_gate import WsgiGate
from oadb.security.refusals import Refusal

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = [
    "FlaskService", "WebSettings", "client_ip", "current_db", "current_tx", "end_session",
    "install", "keep_open", "own_tx", "require_key", "require_session", "start_session",
]  # fmt: skip  # a list

_EXTENSION = "oadb"
_GATE = "oadb.gate"


def current_db() -> Database:
    """Return the Database, for what runs outside of the transaction of a request, and for commands.

    Raises:
        RuntimeError: ``install`` was not called for the current application.
    """
    return _service().db


def current_tx() -> DeferredTransaction:
    """Return the transaction of the request. It begins with its first statement.

    It is committed before the answer leaves; rolled back if the status is 400 or above, after an
    exception, and, where the server shows it, if the client is gone.

    Raises:
        RuntimeError: no request is answered here.
    """
    return _gate().transaction()


def own_tx(user_id: int) -> DeferredTransaction:
    """Return the transaction of the request, which sees the rows of this user only.

    Ask for it before ``current_tx``, which is the same transaction afterwards. ``Database.as_user``
    says what enforces it.

    Raises:
        RuntimeError: it was asked for with the rows of other users before; or no request is
            answered here.
    """
    return _gate().transaction(user_id)


def keep_open() -> DeferredTransaction:
    """Return the transaction, which ends with the last part of a streamed answer, not before.

    It is committed behind that part. If that fails, the connection is broken off, since the status
    was sent already; so a client must read to the end, and speak HTTP/1.1.
    """
    gate = _gate()
    gate.keeps_open = True
    return gate.transaction()


def client_ip() -> str:
    """Return the address of the client; see TrustedProxies."""
    return _gate().seen.ip


def require_session(*, at_least: Assurance = 1, max_age: timedelta | None = None) -> Session:
    """Return the session of the cookie; see ``sessions.verify``.

    Raises:
        RequestRefusedError: 401: there is no valid one; 403: it is too weak, or a page of another
            site has sent the request.
    """
    service, gate = _service(), _gate()
    name = service.settings.session_cookie
    credentials.refuse_other_sites(gate.seen.method, gate.header("Sec-Fetch-Site"))
    token = credentials.session_token(gate.header("Cookie"), name)
    verified = sessions.verify(service.outside, token, at_least=at_least, max_age=max_age)
    found = credentials.accepted_session(verified, name)
    gate.seen.user_id = found.user_id
    return found


def require_key(*scopes: str) -> VerifiedKey:
    """Return the API key of the header, with all of *scopes*; see ``api_keys.verify``.

    Raises:
        RequestRefusedError: 401: there is no valid one; 403: it lacks a scope, or its user is
            disabled.
    """
    service, gate = _service(), _gate()
    header = service.settings.key_header
    token = credentials.key_token(gate.header(header), header)
    verified = api_keys.verify(service.outside, token)
    if verified is Refusal.UNKNOWN and service.settings.bans:
        trackers.track_bad_key(service.outside, gate.seen.ip, key=token)
    found = credentials.accepted_key(verified, scopes)
    gate.seen.user_id = found.user_id
    return found


def start_session(response: Response, made: NewSession) -> None:
    """Have the client keep the token of a new session in its cookie."""
    name = _service().settings.session_cookie
    response.headers.add("Set-Cookie", credentials.session_cookie(name, made))


def end_session(response: Response) -> None:
    """Have the client forget the token of its session; ``sessions.end`` ends the session."""
    name = _service().settings.session_cookie
    response.headers.add("Set-Cookie", credentials.ended_cookie(name))


def install(app: Flask, settings: WebSettings | None = None) -> FlaskService:
    """Give an application a Database, and each of its requests a transaction.

    The Database is closed when the process ends, or the application is garbage collected.

    Raises:
        ParameterError: the application has oadb already.
        ConfigError: a variable is missing or invalid.
        KeyRingError: the key ring cannot be read or is invalid.
    """
    if _EXTENSION in app.extensions:
        raise ParameterError("install: this application has oadb already; call it once")
    service = FlaskService(
        WebSettings() if settings is None else settings,
        lambda: [rule.rule for rule in app.url_map.iter_rules()],
    )
    app.extensions[_EXTENSION] = service
    app.wsgi_app = _Wrapped(app.wsgi_app, service)  # type: ignore[method-assign]  # as Flask says
    app.url_value_preprocessor(_note_route)
    weakref.finalize(app, service.close)

    def answer(error: Exception) -> Response:
        problem = problem_of(error, service.settings.sentences)
        if problem is None:
            raise error
        return Response(problem.body, problem.status, problem.headers)

    app.register_error_handler(Error, answer)
    app.register_error_handler(psycopg.Error, answer)
    return service


def _service() -> FlaskService:
    found = current_app.extensions.get(_EXTENSION)
    if isinstance(found, FlaskService):
        return found
    raise RuntimeError("this application has no oadb: call install(app) where it is made")


def _gate() -> WsgiGate:
    found = request.environ.get(_GATE)
    if isinstance(found, WsgiGate):
        return found
    _service()
    raise RuntimeError("no request is answered here, so there is no transaction: use current_db()")


def _note_route(_: str | None, __: object) -> None:
    gate = request.environ.get(_GATE)
    if isinstance(gate, WsgiGate) and request.url_rule is not None:
        gate.seen.route = request.script_root + request.url_rule.rule


class _Wrapped:
    """Refuses banned clients, ends transactions, logs requests, answers probes."""

    def __init__(self, app: "WSGIApplication", service: FlaskService) -> None:
        self._app, self._service = app, service

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a request."""
        path, settings = environ.get("PATH_INFO", ""), self._service.settings
        if path == settings.health_path:
            return _probed(start_response, ALIVE)
        if path == settings.ready_path:
            return _probed(start_response, self._service.readiness())
        return self._ask(environ, start_response)

    def _ask(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        service, seen = self._service, self._seen(environ)
        gate = WsgiGate(seen, service.db, environ, start_response, service.settings.sentences)
        environ[_GATE] = gate
        try:
            return gate.run(self._admitted)
        finally:
            service.log(seen)

    def _admitted(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        gate: WsgiGate = environ[_GATE]
        if self._service.is_banned(gate.seen.ip):
            return gate.answer(BANNED)
        return self._app(environ, start_response)

    def _seen(self, environ: "WSGIEnvironment") -> SeenRequest:
        proxies = self._service.settings.proxies
        header = f"HTTP_{proxies.header.upper().replace('-', '_')}"
        named = environ.get(header, "") if proxies.are_any else ""
        ip = proxies.client(environ.get("REMOTE_ADDR"), named)
        method, path = environ.get("REQUEST_METHOD", ""), environ.get("PATH_INFO", "")
        return SeenRequest(ip, method, path, environ.get("HTTP_HOST"))


def _probed(start_response: "StartResponse", answer: ProbeAnswer) -> Iterable[bytes]:
    status, headers, body = answer
    fields = [*headers, ("Content-Length", str(len(body)))]
    start_response(f"{status} {phrase(status)}", fields)
    return [body]
