"""Whatever a stranger sends, the answer is a refusal, never an error of the service."""

import io
from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI
from flask import Flask
from werkzeug.test import run_wsgi_app

from oadb import Config, Database
from oadb.integrations.client_address import TrustedProxies
from oadb.integrations.web_settings import WebSettings
from oadb.logs import traffic
from tests.integrations import fastapi_service, flask_service
from tests.integrations.test_fastapi import asked

PROXY = "10.0.0.1"
VALUES = {
    "empty": "",
    "NUL": "a\x00b",
    "no ASCII": "\xe9\xff\x80",
    "UTF-8": "नमस्ते".encode().decode("latin-1"),
    "controls": "\x01\x7f\x1b[31m",
    "a line": "a\r\nSet-Cookie: x=y",
    "quotes": "'\"; drop table oadb.users; --",
    "100 kB": "x" * 100_000,
    "many parts": "; ,=" * 20_000,
    "percent": "%00%ff%s%(x)s{}",
}
HEADERS = {
    "Cookie": "__Host-session={}",
    "cookie": "{}",
    "X-API-Key": "{}",
    "Authorization": "Bearer {}",
    "Host": "{}",
    "Sec-Fetch-Site": "{}",
    "X-Forwarded-For": "{}",
    "User-Agent": "{}",
}
PATHS = ["/me", "/key", "/ip", "/v1/users/{}/raise/418", "/{}"]
REFUSALS = {200, 401, 404, 405, 418, 422}


@pytest.fixture(scope="module")
def hostile_settings(web_config: Config) -> WebSettings:
    return WebSettings(config=web_config, proxies=TrustedProxies(["10.0.0.0/8"]))


@pytest.fixture(scope="module")
def flask_app(hostile_settings: WebSettings) -> Generator[Flask]:
    app = flask_service.made(hostile_settings)
    yield app
    app.extensions["oadb"].close()


def requests_of(value: str) -> Generator[tuple[str, dict[str, str]]]:
    """Yield a value in each header and in each path."""
    for name, text in HEADERS.items():
        for path in ("/me", "/key", "/ip"):
            yield path, {name: text.replace("{}", value)}
    for path in PATHS:
        yield path.replace("{}", value), {}


@pytest.mark.parametrize("kind", VALUES)
def test_flask_refuses_them(flask_app: Flask, kind: str) -> None:
    for path, headers in requests_of(VALUES[kind]):
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "SERVER_NAME": "x",
            "SERVER_PORT": "443",
            "REMOTE_ADDR": PROXY,
            "wsgi.url_scheme": "https",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": io.StringIO(),
            **{f"HTTP_{name.upper().replace('-', '_')}": v for name, v in headers.items()},
        }
        answer = run_wsgi_app(flask_app, environ)
        shown = (path[:80], {name: value[:80] for name, value in headers.items()})
        assert int(answer[1][:3]) in REFUSALS | {400}, shown


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fastapi_app(hostile_settings: WebSettings) -> AsyncGenerator[FastAPI]:
    app = fastapi_service.made(hostile_settings)
    async with app.state.oadb:
        yield app


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("kind", VALUES)
async def test_fastapi_refuses_them(fastapi_app: FastAPI, kind: str) -> None:
    for path, headers in requests_of(VALUES[kind]):
        raw = [(name.lower().encode(), v.encode("latin-1")) for name, v in headers.items()]
        sent, error = await asked(fastapi_app, path, method="GET", headers=raw, client=(PROXY, 1))
        shown = (path[:80], {name: value[:80] for name, value in headers.items()})
        assert error is None, (shown, error)
        assert sent[0]["status"] in REFUSALS, shown


def test_what_they_sent_is_in_the_log_as_far_as_it_can_be_stored(
    flask_app: Flask, stored: Database
) -> None:
    flask_app.extensions["oadb"]._log.drain()

    assert traffic.count(stored) >= len(VALUES) * 20
