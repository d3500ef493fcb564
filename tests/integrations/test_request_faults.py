"""A request that does not fit a path of FastAPI: its field is named, and never what was sent."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse
from fastapi.testclient import TestClient
from pydantic import BaseModel, ConfigDict

from oadb import Config
from oadb.integrations.fastapi import WebSettings, install

LOGIN = "/login/7"
NO_STRING = "Input should be a valid string"
UNKNOWN = "Extra inputs are not permitted"


class Login(BaseModel):
    model_config = ConfigDict(extra="forbid")

    username: str
    password: str


@contextmanager
def client_of(app: FastAPI, config: Config) -> Iterator[TestClient]:
    install(app, WebSettings(config=config, bans=False, log_requests=False))

    @app.post("/login/{number}")
    async def login(number: int, form: Login) -> None: ...

    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "body", "detail", "field"),
    [
        (LOGIN, '{"username": NaN, "password": "x"}', f"username: {NO_STRING}", "username"),
        (LOGIN, '{"username": "a", "password": 1e999}', f"password: {NO_STRING}", "password"),
        (LOGIN, '{"username": "a"}', "password: Field required", "password"),
        (LOGIN, "[]", "body: Input should be a valid dictionary or object", ""),
        (LOGIN, '{"username": ', "The body is not JSON.", ""),
        ("/login/x", "{}", "number: Input should be a valid integer", "number"),
        (LOGIN, f'{{"username": "a", "password": "", "{"x" * 200}": 1}}', "x" * 100, "x" * 100),
    ],
)
def test_a_request_that_does_not_fit_is_told_its_first_fault(
    web_config: Config, path: str, body: str, detail: str, field: str
) -> None:
    with client_of(FastAPI(), web_config) as client:
        answer = client.post(path, content=body, headers={"Content-Type": "application/json"})

    problem = answer.json()
    assert (answer.status_code, problem["reason"]) == (422, "invalid")
    assert problem["detail"].startswith(detail)
    assert problem.get("field", "") == field


def test_what_was_sent_is_not_shown(web_config: Config) -> None:
    with client_of(FastAPI(), web_config) as client:
        answer = client.post(LOGIN, json={"password": "correct horse battery"})

    assert answer.status_code == 422
    assert "horse" not in answer.text


def test_an_answer_of_the_applications_own_stays(web_config: Config) -> None:
    app = FastAPI()

    @app.exception_handler(RequestValidationError)
    async def refuse(_: Request, __: RequestValidationError) -> PlainTextResponse:
        return PlainTextResponse("no", 400)

    with client_of(app, web_config) as client:
        assert client.post(LOGIN, json={}).text == "no"


def test_the_description_says_what_is_answered_to_a_request_that_does_not_fit(
    web_config: Config,
) -> None:
    app = FastAPI()

    class Own(BaseModel):
        reason: str

    @app.post("/own", responses={422: {"model": Own}})
    async def own(number: int) -> None: ...

    with client_of(app, web_config) as client:
        refused = client.post(LOGIN, json={})
        for _ in range(2):  # FastAPI keeps it
            described = client.get("/openapi.json").json()

    media_type = refused.headers["Content-Type"]
    answers = described["paths"]["/login/{number}"]["post"]["responses"]
    reference = answers["422"]["content"][media_type]["schema"]["$ref"]
    assert reference == "#/components/schemas/OadbProblem"
    schemas = described["components"]["schemas"]
    assert (
        {*schemas["OadbProblem"]["properties"]}
        >= {*refused.json()}
        >= {"type", "title", "status", "detail", "reason"}
    )
    assert {*schemas} == {"Login", "OadbProblem", "Own"}
    of_its_own = described["paths"]["/own"]["post"]["responses"]["422"]["content"]
    assert [*of_its_own] == ["application/json"]


def test_an_answer_of_the_applications_own_is_described_by_fastapi(web_config: Config) -> None:
    app = FastAPI()
    with client_of(app, web_config) as client:

        @app.exception_handler(RequestValidationError)  # after oadb's
        async def refuse(_: Request, __: RequestValidationError) -> PlainTextResponse:
            return PlainTextResponse("no", 400)

        described = client.get("/openapi.json").json()

    assert {"HTTPValidationError", "Login"} <= {*described["components"]["schemas"]}
