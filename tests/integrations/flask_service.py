"""A service as one would write it with Flask: what the tests of the integration ask."""

import time
from collections.abc import Iterator
from contextlib import suppress

import psycopg
from flask import Blueprint, Flask, Response, abort, jsonify, request, stream_with_context
from flask.typing import ResponseReturnValue

from oadb import Executor, Secret
from oadb.accounts import api_keys, login_attempts, sessions, users
from oadb.integrations.credentials import signed_in
from oadb.integrations.flask import (
    WebSettings,
    client_ip,
    current_db,
    current_tx,
    end_session,
    install,
    keep_open,
    require_key,
    require_session,
    start_session,
)
from tests.integrations.web_errors import ERRORS, SLOWLY

api = Blueprint("users", __name__, url_prefix="/v1/users")


def swallow(tx: Executor, user_id: int) -> None:
    with suppress(psycopg.Error):
        api_keys.create(tx, user_id, "x" * 200, order_mode="auto")


@api.post("/<name>")
def create(name: str) -> ResponseReturnValue:
    return jsonify(users.create(current_tx(), name, f"{name}@example.in").user_id)


@api.post("/<name>/status/<int:status>")
def create_with_status(name: str, status: int) -> ResponseReturnValue:
    users.create(current_tx(), name, f"{name}@example.in")
    return {}, status


@api.post("/<name>/raise/<int:status>")
def create_and_raise(name: str, status: int) -> ResponseReturnValue:
    users.create(current_tx(), name, f"{name}@example.in")
    abort(status)


@api.post("/<name>/error/<kind>")
def create_and_fail(name: str, kind: str) -> ResponseReturnValue:
    users.create(current_tx(), name, f"{name}@example.in")
    raise ERRORS[kind]("on purpose")


@api.post("/<name>/swallow")
def create_and_swallow(name: str) -> ResponseReturnValue:
    user = users.create(current_tx(), name, f"{name}@example.in")
    swallow(current_tx(), user.user_id)
    return "done"


@api.post("/<name>/after")
def create_before_a_failing_hook(name: str) -> ResponseReturnValue:
    users.create(current_tx(), name, f"{name}@example.in")
    return "done"


@api.post("/<name>/streamed")
def create_and_stream(name: str) -> ResponseReturnValue:
    tx = current_tx()
    users.create(tx, name, f"{name}@example.in")

    def parts() -> Iterator[str]:
        yield "a"
        yield "yes" if not tx.has_begun else "no"

    return Response(parts())


@api.post("/<name>/streaming/<end>")
def create_while_streaming(name: str, end: str) -> ResponseReturnValue:
    tx = keep_open()

    def parts() -> Iterator[str]:
        yield "a"
        user = users.create(tx, name, f"{name}@example.in")
        yield "b"
        if end == "fail":
            raise ZeroDivisionError
        if end == "swallow":
            swallow(tx, user.user_id)

    return Response(stream_with_context(parts()))


@api.post("/<name>/keyed")
def create_before_the_key_is_verified(name: str) -> ResponseReturnValue:
    users.create(current_tx(), name, f"{name}@example.in")
    return jsonify(require_key().user_id)


@api.post("/<name>/slowly")
def create_slowly(name: str) -> ResponseReturnValue:
    user = users.create(current_tx(), name, f"{name}@example.in")
    time.sleep(SLOWLY)
    return jsonify(user.user_id)


def made(settings: WebSettings) -> Flask:
    """Return the application."""
    app = Flask(__name__)
    install(app, settings)
    app.register_blueprint(api)

    @app.after_request
    def hook(response: Response) -> Response:
        if request.path.endswith("/after"):
            raise ZeroDivisionError
        return response

    @app.post("/login")
    def login() -> ResponseReturnValue:
        name, password = request.args["name"], Secret(request.args["password"])
        found = signed_in(login_attempts.sign_in(current_db(), name, password, ip=client_ip()))
        response = Response(status=204)
        start_session(response, sessions.create(current_db(), found))
        return response

    @app.post("/logout")
    def logout() -> ResponseReturnValue:
        session = require_session()
        sessions.end(current_db(), session.user_id, session.session_id)
        response = Response(status=204)
        end_session(response)
        return response

    @app.get("/me")
    def me() -> ResponseReturnValue:
        return jsonify(require_session().user_id)

    @app.get("/strong")
    def strong() -> ResponseReturnValue:
        return jsonify(require_session(at_least=2).user_id)

    @app.get("/key")
    def key() -> ResponseReturnValue:
        return jsonify(require_key().user_id)

    @app.get("/orders")
    def orders() -> ResponseReturnValue:
        return jsonify(require_key("orders").user_id)

    @app.get("/ip")
    def ip() -> ResponseReturnValue:
        return jsonify(client_ip())

    return app
