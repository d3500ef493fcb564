"""FastAPI: each answer leaves when the transaction of its request has ended as it says."""

import asyncio
from collections.abc import AsyncGenerator, MutableMapping
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from oadb import Config, Database
from oadb.accounts import users
from oadb.bans import ip_bans, trackers
from oadb.engine.deferred_transactions import AsyncDeferredTransaction
from oadb.errors import ParameterError
from oadb.integrations.client_address import TrustedProxies
from oadb.integrations.fastapi import WebSettings, install
from tests.integrations.conftest import PASSWORD, Asha
from tests.integrations.fastapi_service import WAITING, made
from tests.integrations.web_errors import ERRORS

pytestmark = pytest.mark.asyncio(loop_scope="module")

Message = MutableMapping[str, Any]
PROXY, STRANGER = "10.0.0.1", "203.0.113.9"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(web_config: Config) -> AsyncGenerator[Any]:
    app = made(
        WebSettings(
            config=web_config,
            proxies=TrustedProxies(["10.0.0.0/8"]),
            sentences={"users_username_lower_key": "This name is taken."},
            log_requests=False,
        )
    )
    async with app.state.oadb:
        yield app


def client_of(app: Any, ip: str = "192.0.2.1") -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False, client=(ip, 5000))
    return httpx2.AsyncClient(transport=transport, base_url="https://x")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(app: Any) -> AsyncGenerator[httpx2.AsyncClient]:
    async with client_of(app) as client:
        yield client


async def test_an_answered_write_is_there_when_it_is_read_back(
    client: httpx2.AsyncClient, stored: Database
) -> None:
    answer = await client.post("/v1/users/ravi")

    assert (answer.status_code, answer.json()) == (200, answer.json())
    assert users.get(stored, answer.json())


@pytest.mark.parametrize(
    ("name", "path", "status"),
    [
        ("r1", "status/400", 400),
        ("r2", "status/503", 503),
        ("r3", "raise/409", 409),
        ("r4", "error/bug", 500),
        ("r5", "error/unavailable", 503),
        ("r6", "swallow", 500),
        ("r7", "unfit", 500),
    ],
)
async def test_a_request_that_was_not_answered_as_done_leaves_nothing(
    client: httpx2.AsyncClient, stored: Database, name: str, path: str, status: int
) -> None:
    answer = await client.post(f"/v1/users/{name}/{path}")

    assert answer.status_code == status
    assert users.find_by_username(stored, name) is None


@pytest.mark.parametrize("status", [201, 303])
async def test_a_status_below_400_commits(
    client: httpx2.AsyncClient, stored: Database, status: int
) -> None:
    await client.post(f"/v1/users/s{status}/status/{status}")

    assert users.find_by_username(stored, f"s{status}")


async def test_a_swallowed_error_is_answered_as_a_failure(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/v1/users/swallowed/swallow")

    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["reason"] == "internal"


@pytest.mark.usefixtures("asha")
async def test_a_conflict_names_its_constraint(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/v1/users/asha")

    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    assert answer.json() == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "This name is taken.",
        "reason": "conflict",
        "constraint": "users_username_lower_key",
        "field": "username",
    }


async def test_an_invalid_argument_is_the_clients_fault(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/v1/users/%00")

    assert (answer.status_code, answer.json()["reason"]) == (422, "invalid")


@pytest.mark.parametrize(
    ("kind", "status", "wait"),
    [("busy", 503, "1"), ("pool", 503, "1"), ("unavailable", 503, "5"), ("no_row", 404, None)],
)
async def test_errors_say_when_to_try_again(
    client: httpx2.AsyncClient, kind: str, status: int, wait: str | None
) -> None:
    assert kind in ERRORS
    answer = await client.post(f"/v1/users/x/error/{kind}")

    assert (answer.status_code, answer.headers.get("retry-after")) == (status, wait)


async def test_a_background_task_has_no_transaction_any_more(
    client: httpx2.AsyncClient, stored: Database
) -> None:
    assert (await client.post("/v1/users/late/later")).status_code == 202

    assert users.find_by_username(stored, "late") is None


async def test_a_transaction_ends_before_an_answer_is_streamed(
    client: httpx2.AsyncClient, stored: Database
) -> None:
    assert (await client.post("/v1/users/streamed/streamed")).text == "ayes"

    assert users.find_by_username(stored, "streamed")


@pytest.mark.parametrize("end", ["well", "fail", "swallow"])
async def test_a_stream_that_keeps_it_open_commits_at_its_end(
    app: Any, stored: Database, end: str
) -> None:
    sent, error = await asked(app, f"/v1/users/while-{end}/streaming/{end}")

    ended = [each for each in sent if each.get("more_body") is False]
    assert [each["body"] for each in sent if each.get("body")] == [b"a", b"b"]
    assert (error is None, len(ended)) == ((True, 1) if end == "well" else (False, 0))
    assert (users.find_by_username(stored, f"while-{end}") is not None) == (end == "well")


async def asked(
    app: Any, path: str, gone: asyncio.Event | None = None, **scope: Any
) -> tuple[list[Message], BaseException | None]:
    """Ask the application as a server does; return what it sent and what it raised.

    *gone* is set when the client is gone.
    """
    sent: list[Message] = []
    gone = gone or asyncio.Event()
    received = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        for message in received:
            return message
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    whole = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "headers": [],
        "query_string": b"", "client": ("192.0.2.1", 1), "server": ("x", 443), "scheme": "https",
        "root_path": "", "http_version": "1.1", **scope,
    }  # fmt: skip  # a message
    try:
        await app(whole, receive, send)
    except BaseException as error:  # noqa: BLE001  # as a server does
        return sent, error
    return sent, None


async def test_a_client_that_is_gone_before_the_commit_leaves_nothing(
    app: Any, stored: Database
) -> None:
    WAITING.expect("gone")
    gone = asyncio.Event()
    asking = asyncio.create_task(asked(app, "/v1/users/gone/wait", gone))
    await WAITING.reached["gone"].wait()
    gone.set()
    WAITING.let_go["gone"].set()
    await asking

    assert users.find_by_username(stored, "gone") is None


async def test_a_client_that_leaves_in_the_middle_of_a_stream_leaves_nothing(
    app: Any, stored: Database
) -> None:
    gone = asyncio.Event()
    WAITING.expect("left")
    asking = asyncio.create_task(asked(app, "/v1/users/left/streaming/wait", gone))
    await WAITING.reached["left"].wait()
    gone.set()
    await asking

    assert users.find_by_username(stored, "left") is None
    db = await app.state.oadb.database()
    async with asyncio.timeout(10):
        while db.stats().leased:  # noqa: ASYNC110  # bans are read now and then
            await asyncio.sleep(0)


@pytest.mark.parametrize("number", range(1, 20))
async def test_a_request_that_is_cancelled_before_its_commit_leaves_nothing(
    app: Any, stored: Database, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At any point: the number is that of the turns of the loop until the task is cancelled."""
    name, commit, begun = f"cancelled-{number}", AsyncDeferredTransaction.commit, [False]

    async def noted(tx: AsyncDeferredTransaction) -> None:
        begun[0] = True
        await commit(tx)

    monkeypatch.setattr(AsyncDeferredTransaction, "commit", noted)
    asking = asyncio.create_task(asked(app, f"/v1/users/{name}"))
    for _ in range(number):
        await asyncio.sleep(0)
    asking.cancel()
    sent, error = await asking

    answered = any(message["type"] == "http.response.start" for message in sent)
    assert answered or isinstance(error, asyncio.CancelledError)
    is_stored = users.find_by_username(stored, name) is not None
    assert is_stored if answered else is_stored <= begun[0]


async def test_a_session_travels_in_a_cookie(app: Any, asha: Asha) -> None:
    async with client_of(app) as client:
        assert (await client.get("/me")).status_code == 401
        login = {"name": "asha", "password": PASSWORD.reveal()}
        answer = await client.post("/login", params=login)
        cookie = answer.headers["set-cookie"]
        assert "Secure; HttpOnly; SameSite=Lax" in cookie
        assert cookie.startswith("__Host-session=oas_")
        assert (await client.get("/me")).json() == asha.user_id
        assert (await client.get("/strong")).status_code == 403
        crossed = await client.post("/logout", headers={"Sec-Fetch-Site": "cross-site"})
        assert (crossed.status_code, crossed.json()["reason"]) == (403, "cross_site")
        kept = cookie.partition(";")[0]
        assert (await client.post("/logout")).status_code == 204
        answer = await client.get("/me", headers={"Cookie": kept})
        assert (answer.status_code, answer.json()["reason"]) == (401, "unknown")
        assert answer.headers["www-authenticate"] == 'Cookie cookie-name="__Host-session"'


async def test_too_many_tries_are_told_how_long_to_wait(app: Any) -> None:
    async with client_of(app, "192.0.2.77") as client:
        login = {"name": "nobody", "password": "x"}
        found = [await client.post("/login", params=login) for _ in range(7)]

    assert [each.status_code for each in found[:3]] == [401] * 3
    assert (found[-1].status_code, found[-1].json()["reason"]) == (429, "locked")
    assert int(found[-1].headers["retry-after"]) >= 1


async def test_an_api_key_is_read_from_its_header(client: httpx2.AsyncClient, asha: Asha) -> None:
    async def get(path: str, key: str) -> tuple[int, object]:
        answer = await client.get(path, headers={"X-API-Key": key})
        found = answer.json()
        return answer.status_code, found["reason"] if isinstance(found, dict) else found

    assert await get("/key", asha.key) == (200, asha.user_id)
    assert await get("/orders", asha.orders_key) == (200, asha.user_id)
    assert await get("/orders", asha.key) == (403, "scope")
    assert await get("/key", asha.revoked_key) == (401, "revoked")
    assert await get("/key", "") == (401, "missing")
    assert await get("/key", asha.key[:-1]) == (401, "unknown")


async def test_a_key_may_be_verified_after_a_write(
    client: httpx2.AsyncClient, stored: Database, asha: Asha
) -> None:
    path, key = "/v1/users/{}/keyed", "X-API-Key"
    answer = await client.post(path.format("keyed"), headers={key: asha.key})
    refused = await client.post(path.format("unkeyed"), headers={key: asha.revoked_key})

    assert (answer.status_code, refused.status_code) == (200, 401)
    assert users.find_by_username(stored, "keyed")
    assert users.find_by_username(stored, "unkeyed") is None


async def test_a_banned_client_is_refused_and_wrong_keys_count(app: Any, stored: Database) -> None:
    async with client_of(app, STRANGER) as client:
        await client.get("/key", headers={"X-API-Key": "0" * 64})
        suspects = trackers.list_suspects(stored, "bad_key", least_hits=1).rows
        assert STRANGER in [each.network for each in suspects]
        ip_bans.ban(stored, STRANGER, "tests", by=None)
        async with asyncio.timeout(10):
            while not await app.state.oadb.is_banned(STRANGER):  # noqa: ASYNC110  # it polls
                await asyncio.sleep(0.001)
        answer = await client.get("/me")
        assert (answer.status_code, answer.json()["reason"]) == (403, "banned")
        assert (await client.get("/health")).status_code == 200
    async with client_of(app, PROXY) as client:
        headers = {"X-Forwarded-For": f"198.51.100.4, {STRANGER}"}
        assert (await client.get("/ip", headers=headers)).status_code == 403
        headers = {"X-Forwarded-For": f"{STRANGER}, 198.51.100.4"}
        assert (await client.get("/ip", headers=headers)).json() == "198.51.100.4"


async def test_probes_are_answered(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/health")).json() == {"status": "ok"}
    answer = await client.get("/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": "__Host-session=" + "x" * 60_000},
        {"Cookie": "; ;=;__Host-session; \xff\xfe=\x80"},
        {"X-API-Key": "\xff" * 5000},
        {"Host": "\xff\xff", "Sec-Fetch-Site": "\xff"},
        {"X-Forwarded-For": ",,,[,]:::,\xff"},
    ],
)
async def test_hostile_headers_are_refused_like_any_other(
    app: Any, headers: dict[str, str]
) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    async with client_of(app, PROXY) as client:
        for path in ("/me", "/key"):
            request = client.build_request("GET", path, headers=raw)
            assert (await client.send(request)).status_code == 401


async def test_a_second_installation_is_refused(app: Any) -> None:
    with pytest.raises(ParameterError, match="has oadb already"):
        install(app)
