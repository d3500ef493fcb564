"""Flask: each answer leaves when the transaction of its request has ended as it says."""

import socket
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from oadb import Config, Database
from oadb.accounts import users
from oadb.bans import ip_bans, trackers
from oadb.errors import ConfigError, ParameterError, TransactionError
from oadb.integrations.client_address import TrustedProxies
from oadb.integrations.flask import WebSettings, current_db, current_tx, install
from tests.integrations import flask_service
from tests.integrations.conftest import PASSWORD, Asha
from tests.support.rig import eventually

PROXY, STRANGER = "10.0.0.1", "203.0.113.9"


@pytest.fixture(scope="module")
def app(web_config: Config) -> Generator[Flask]:
    app = flask_service.made(
        WebSettings(
            config=web_config,
            proxies=TrustedProxies(["10.0.0.0/8"], header="forwarded"),
            sentences={"users_username_lower_key": "This name is taken."},
            log_requests=False,
        )
    )
    yield app
    app.extensions["oadb"].close()


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def json_of(answer: TestResponse) -> Any:
    return answer.json


def test_an_answered_write_is_there_when_it_is_read_back(
    client: FlaskClient, stored: Database
) -> None:
    answer = client.post("/v1/users/ravi")

    assert answer.status_code == 200
    assert users.get(stored, json_of(answer))


@pytest.mark.parametrize(
    ("name", "path", "status"),
    [
        ("r1", "status/400", 400),
        ("r2", "status/503", 503),
        ("r3", "raise/409", 409),
        ("r4", "error/bug", 500),
        ("r5", "error/unavailable", 503),
        ("r6", "swallow", 500),
        ("r7", "after", 500),
    ],
)
def test_a_request_that_was_not_answered_as_done_leaves_nothing(
    client: FlaskClient, stored: Database, name: str, path: str, status: int
) -> None:
    answer = client.post(f"/v1/users/{name}/{path}")

    assert answer.status_code == status
    assert users.find_by_username(stored, name) is None


@pytest.mark.parametrize("status", [201, 303])
def test_a_status_below_400_commits(client: FlaskClient, stored: Database, status: int) -> None:
    client.post(f"/v1/users/s{status}/status/{status}")

    assert users.find_by_username(stored, f"s{status}")


def test_an_error_that_a_debugger_is_shown_leaves_nothing(
    app: Flask, client: FlaskClient, stored: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", True)
    with pytest.raises(ZeroDivisionError):
        client.post("/v1/users/debugged/error/bug")

    assert users.find_by_username(stored, "debugged") is None


@pytest.mark.usefixtures("asha")
def test_a_conflict_names_its_constraint(client: FlaskClient) -> None:
    answer = client.post("/v1/users/asha")

    assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
    assert answer.json == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "This name is taken.",
        "reason": "conflict",
        "constraint": "users_username_lower_key",
        "field": "username",
    }


@pytest.mark.parametrize(
    ("kind", "status", "wait"),
    [("busy", 503, "1"), ("pool", 503, "1"), ("unavailable", 503, "5"), ("no_row", 404, None)],
)
def test_errors_say_when_to_try_again(
    client: FlaskClient, kind: str, status: int, wait: str | None
) -> None:
    answer = client.post(f"/v1/users/x/error/{kind}")

    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, wait)


def test_a_transaction_ends_before_an_answer_is_streamed(
    client: FlaskClient, stored: Database
) -> None:
    assert client.post("/v1/users/streamed/streamed").text == "ayes"

    assert users.find_by_username(stored, "streamed")


def test_a_stream_that_keeps_it_open_commits_at_its_end(
    client: FlaskClient, stored: Database
) -> None:
    assert client.post("/v1/users/while/streaming/well").text == "ab"

    assert users.find_by_username(stored, "while")


@pytest.mark.parametrize("end", ["fail", "swallow"])
def test_a_stream_that_fails_is_broken_off_and_leaves_nothing(
    client: FlaskClient, stored: Database, end: str
) -> None:
    answer = client.post(f"/v1/users/while-{end}/streaming/{end}")
    with pytest.raises(ZeroDivisionError if end == "fail" else TransactionError):
        answer.get_data()

    assert users.find_by_username(stored, f"while-{end}") is None


def test_a_client_that_leaves_in_the_middle_of_a_stream_leaves_nothing(
    app: Flask, stored: Database
) -> None:
    answer: TestResponse = app.test_client().post("/v1/users/left/streaming/well", buffered=False)
    parts: Iterator[bytes] = answer.iter_encoded()
    assert (next(parts), next(parts)) == (b"a", b"b")
    answer.close()

    assert users.find_by_username(stored, "left") is None
    eventually(lambda: app.extensions["oadb"].db.stats().leased == 0)  # it is cleared apart


def test_a_client_that_is_gone_before_the_commit_leaves_nothing(
    client: FlaskClient, stored: Database
) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.close()
        answer = client.post("/v1/users/gone", environ_base={"werkzeug.socket": ours})

    assert (answer.status_code, users.find_by_username(stored, "gone")) == (499, None)


def test_a_session_travels_in_a_cookie(app: Flask, asha: Asha) -> None:
    client = app.test_client(use_cookies=False)
    assert client.get("/me").status_code == 401
    answer = client.post("/login", query_string={"name": "asha", "password": PASSWORD.reveal()})
    cookie = answer.headers["Set-Cookie"]
    assert "Secure; HttpOnly; SameSite=Lax" in cookie
    kept = {"Cookie": cookie.partition(";")[0]}
    assert client.get("/me", headers=kept).json == asha.user_id
    assert client.get("/strong", headers=kept).status_code == 403
    crossed = client.post("/logout", headers={**kept, "Sec-Fetch-Site": "cross-site"})
    assert (crossed.status_code, json_of(crossed)["reason"]) == (403, "cross_site")
    assert client.post("/logout", headers=kept).status_code == 204
    answer = client.get("/me", headers=kept)
    assert (answer.status_code, json_of(answer)["reason"]) == (401, "unknown")


def test_too_many_tries_are_told_how_long_to_wait(client: FlaskClient) -> None:
    asked: dict[str, Any] = {
        "query_string": {"name": "nobody", "password": "x"},
        "environ_base": {"REMOTE_ADDR": "192.0.2.77"},
    }
    found = [client.post("/login", **asked) for _ in range(7)]

    assert [each.status_code for each in found[:3]] == [401] * 3
    assert (found[-1].status_code, json_of(found[-1])["reason"]) == (429, "locked")
    assert int(found[-1].headers["Retry-After"]) >= 1


def test_an_api_key_is_read_from_its_header(client: FlaskClient, asha: Asha) -> None:
    def get(path: str, key: str) -> tuple[int, object]:
        answer = client.get(path, headers={"X-API-Key": key})
        found: object = answer.json
        return answer.status_code, found["reason"] if isinstance(found, dict) else found

    assert get("/key", asha.key) == (200, asha.user_id)
    assert get("/orders", asha.orders_key) == (200, asha.user_id)
    assert get("/orders", asha.key) == (403, "scope")
    assert get("/key", asha.revoked_key) == (401, "revoked")
    assert get("/key", "") == (401, "missing")
    assert get("/key", asha.key[:-1]) == (401, "unknown")


def test_a_key_may_be_verified_after_a_write(
    client: FlaskClient, stored: Database, asha: Asha
) -> None:
    answer = client.post("/v1/users/keyed/keyed", headers={"X-API-Key": asha.key})
    refused = client.post("/v1/users/unkeyed/keyed", headers={"X-API-Key": asha.revoked_key})

    assert (answer.status_code, refused.status_code) == (200, 401)
    assert users.find_by_username(stored, "keyed")
    assert users.find_by_username(stored, "unkeyed") is None


def test_a_banned_client_is_refused_and_wrong_keys_count(app: Flask, stored: Database) -> None:
    client, service = app.test_client(), app.extensions["oadb"]
    stranger, proxy = {"REMOTE_ADDR": STRANGER}, {"REMOTE_ADDR": PROXY}
    client.get("/key", headers={"X-API-Key": "0" * 64}, environ_base=stranger)
    suspects = trackers.list_suspects(stored, "bad_key", least_hits=1).rows
    assert STRANGER in [each.network for each in suspects]
    ip_bans.ban(stored, STRANGER, "tests", by=None)
    eventually(lambda: service.is_banned(STRANGER))
    answer = client.get("/me", environ_base=stranger)
    assert (answer.status_code, json_of(answer)["reason"]) == (403, "banned")
    assert client.get("/health", environ_base=stranger).json == {"status": "ok"}
    behind = {"Forwarded": f"for=198.51.100.4, for={STRANGER};proto=https"}
    assert client.get("/ip", headers=behind, environ_base=proxy).status_code == 403
    behind = {"Forwarded": f"for={STRANGER}, for=198.51.100.4"}
    assert client.get("/ip", headers=behind, environ_base=proxy).json == "198.51.100.4"


def test_a_probe_hears_whether_the_service_can_work(client: FlaskClient) -> None:
    answer = client.get("/ready")

    assert (answer.status_code, answer.json) == (200, {"status": "ready"})


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": "__Host-session=" + "x" * 60_000},
        {"Cookie": "; ;=;__Host-session; \xff\xfe=\x80"},
        {"X-API-Key": "\xff" * 5000},
        {"Host": "\xff\xff", "Sec-Fetch-Site": "\xff"},
        {"Forwarded": 'for="[::;,=,for=\xff'},
    ],
)
def test_hostile_headers_are_refused_like_any_other(app: Flask, headers: dict[str, str]) -> None:
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    client = app.test_client(use_cookies=False)
    for path in ("/me", "/key"):
        answer = client.get(path, environ_base={"REMOTE_ADDR": PROXY}, environ_overrides=environ)
        assert answer.status_code == 401


def test_a_second_installation_is_refused(app: Flask) -> None:
    with pytest.raises(ParameterError, match="has oadb already"):
        install(app)


def test_two_applications_of_a_process_have_nothing_in_common(
    app: Flask, web_config: Config
) -> None:
    other = Flask("other")
    service = install(other, WebSettings(config=web_config, bans=False, log_requests=False))
    with other.app_context():
        assert current_db() is service.db
    with app.app_context():
        assert current_db() is not service.db
    service.close()


def test_outside_of_a_request_the_message_says_what_to_call(app: Flask) -> None:
    with app.test_request_context(), pytest.raises(RuntimeError, match=r"use current_db\(\)"):
        current_tx()
    with Flask("bare").app_context(), pytest.raises(RuntimeError, match=r"call install\(app\)"):
        current_db()


def test_a_missing_variable_is_named_when_the_application_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(ConfigError, match="DATABASE_URL"):
        install(Flask("bare"))
