"""Real servers: what was answered is stored, and nothing of a request that was not."""

from collections.abc import Generator
from dataclasses import replace

import pytest

from oadb import Config, Database
from oadb.integrations.web_settings import WebSettings
from tests.conftest import configured
from tests.integrations import fastapi_service, flask_service
from tests.support.web_clients import Outcome, ask_many, uvicorn_serving, werkzeug_serving


@pytest.fixture
def stored(web_config: Config) -> Generator[Database]:
    with Database(web_config) as db:
        yield db


@pytest.fixture
def web_config(oadb_database_url: str) -> Config:
    return configured(oadb_database_url)


@pytest.fixture
def settings(web_config: Config) -> WebSettings:
    return WebSettings(config=replace(web_config, pool_size=4), log_requests=False)


@pytest.mark.long("asks a server 240 times")
def test_uvicorn_stores_what_it_answered_and_nothing_else(
    settings: WebSettings, stored: Database
) -> None:
    outcome = ask_many(uvicorn_serving(fastapi_service.made(settings)), stored, 240)

    assert outcome == Outcome(240, 60, missing=0, left_over=0, surprises=())


@pytest.mark.long("asks a server 240 times")
def test_the_server_of_flask_stores_what_it_answered_and_nothing_else(
    settings: WebSettings, stored: Database
) -> None:
    outcome = ask_many(werkzeug_serving(flask_service.made(settings)), stored, 240)

    assert outcome == Outcome(240, 60, missing=0, left_over=0, surprises=())
