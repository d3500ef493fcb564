"""Observers that show state show that of the pools, the log and the bans of a service."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry, generate_latest
from starlette.testclient import TestClient

from oadb import Config
from oadb.engine.observing import Observer
from oadb.integrations.opentelemetry import OpenTelemetryObserver
from oadb.integrations.prometheus import PrometheusObserver
from oadb.integrations.web_settings import WebSettings
from tests.integrations import fastapi_service, flask_service


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def watched(web_config: Config, registry: CollectorRegistry) -> WebSettings:
    return WebSettings(config=web_config, observer=(Observer(), PrometheusObserver(registry)))


@contextmanager
def flask_app(settings: WebSettings) -> Iterator[Flask]:
    app = flask_service.made(settings)
    try:
        yield app
    finally:
        app.extensions["oadb"].close()


def shown(registry: CollectorRegistry) -> set[str]:
    """Return the state that is shown, by its labels."""
    states = ("oadb_pool_waiting_callers{", "oadb_log_rows_total{", "oadb_follower_failing{")
    lines = generate_latest(registry).decode().splitlines()
    return {line.rpartition(" ")[0] for line in lines if line.startswith(states)}


LOGGED = {
    f'oadb_log_rows_total{{result="{result}",table="traffic"}}'
    for result in ("stored", "rejected", "dropped", "refused")
}
BANS = 'oadb_follower_failing{follower="bans"}'
POOL, SYNC_POOL = (f'oadb_pool_waiting_callers{{pool="{name}"}}' for name in ("web", "web sync"))


def test_the_state_of_an_asgi_service_is_shown(
    watched: WebSettings, registry: CollectorRegistry
) -> None:
    app = fastapi_service.made(watched)
    with TestClient(app, raise_server_exceptions=False) as client:
        client.get("/key")
        assert shown(registry) >= {POOL, SYNC_POOL, BANS, *LOGGED}
    assert shown(registry)  # also of one that is closed


def test_the_state_of_a_flask_service_is_shown(
    watched: WebSettings, registry: CollectorRegistry
) -> None:
    with flask_app(watched) as app:
        assert shown(registry) == {POOL}
        app.test_client().get("/key")
        assert shown(registry) >= {POOL, BANS, *LOGGED}
    assert shown(registry)


def test_an_observer_of_one_pool_shows_that_of_the_service(web_config: Config) -> None:
    reader = InMemoryMetricReader()
    observer = OpenTelemetryObserver(meter_provider=MeterProvider([reader]))
    with flask_app(WebSettings(config=web_config, observer=observer)):
        data = reader.get_metrics_data()

    assert data is not None
    assert "db.client.connection.max" in data.to_json()
