"""Spans and metrics of OpenTelemetry."""

import asyncio
import threading
from typing import cast

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.metrics import db_metrics as pool_names
from opentelemetry.semconv.attributes import db_attributes as names
from opentelemetry.semconv.attributes import error_attributes
from opentelemetry.semconv.metrics import db_metrics
from opentelemetry.trace import SpanKind, StatusCode

from oadb import Database
from oadb.engine.observing import WaitFailed
from oadb.integrations.opentelemetry import OpenTelemetryObserver
from tests.conftest import configured
from tests.support.observed import begun, statement, transaction


class Telemetry:
    """An observer, and what it has exported."""

    def __init__(self) -> None:
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.observer = OpenTelemetryObserver(
            self.tracers,
            MeterProvider([self.reader]),
            attributes={names.DB_NAMESPACE: "shop", "server.address": "db1"},
        )

    @property
    def spans(self) -> list[ReadableSpan]:
        return [*self.exporter.get_finished_spans()]

    def points(self) -> dict[str, list[tuple[float, dict[str, object]]]]:
        """Return the values of each metric, sums of histograms, with their attributes."""
        data = self.reader.get_metrics_data()
        found: dict[str, list[tuple[float, dict[str, object]]]] = {}
        for metric in data.resource_metrics[0].scope_metrics[0].metrics if data else ():
            for point in metric.data.data_points:
                value = point.sum if isinstance(point, HistogramDataPoint) else point.value
                attributes = cast("dict[str, object]", dict(point.attributes or {}))
                found.setdefault(metric.name, []).append((value, attributes))
        return found


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


ALWAYS = {names.DB_SYSTEM_NAME: "postgresql", names.DB_NAMESPACE: "shop", "server.address": "db1"}


# Spans -----------------------------------------------------------------------------------------


def test_a_statement_is_a_span_with_the_name_of_its_query(telemetry: Telemetry) -> None:
    telemetry.observer.statement(statement())

    [span] = telemetry.spans
    assert (span.name, span.kind) == ("users.get", SpanKind.CLIENT)
    assert span.status.status_code is StatusCode.UNSET
    assert dict(span.attributes or {}) == ALWAYS | {
        names.DB_QUERY_SUMMARY: "users.get",
        "db.response.returned_rows": 2,
        "oadb.sql_place": "users.sql:12",
        "oadb.waiting_seconds": 0.01,
        "oadb.server_seconds": 0.015,
        "oadb.retries": 0,
    }
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time - span.start_time == 30_000_000


@pytest.mark.parametrize(
    ("sqlstate", "attributes"),
    [
        ("23505", {"error.type": "23505", names.DB_RESPONSE_STATUS_CODE: "23505"}),
        (None, {error_attributes.ERROR_TYPE: "PoolTimeoutError"}),
    ],
)
def test_a_failure_is_told_by_its_class_or_sqlstate(
    telemetry: Telemetry, sqlstate: str | None, attributes: dict[str, str]
) -> None:
    telemetry.observer.statement(
        statement(kind="write", error="PoolTimeoutError", sqlstate=sqlstate)
    )

    [span] = telemetry.spans
    found = dict(span.attributes or {})
    assert span.status.status_code is StatusCode.ERROR
    assert found.items() >= attributes.items()
    assert "db.response.returned_rows" not in found


def test_a_transaction_is_a_span_as_well(telemetry: Telemetry) -> None:
    order = begun()
    telemetry.observer.transaction_begun(order)
    telemetry.observer.transaction(transaction(order, error="ValueError"))

    [span] = telemetry.spans
    found = dict(span.attributes or {})
    assert (span.name, span.kind) == ("observed.place_order", SpanKind.INTERNAL)
    assert (found["oadb.outcome"], found["oadb.statements"]) == ("rolled back", 3)
    assert found["error.type"] == "ValueError"
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time - span.start_time == 200_000_000


def parent_of(span: ReadableSpan, spans: list[ReadableSpan]) -> str | None:
    """Return the name of the parent of a span."""
    by_id = {each.context.span_id: each.name for each in spans if each.context}
    return None if span.parent is None else by_id[span.parent.span_id]


def test_each_thread_is_the_parent_of_its_statements(telemetry: Telemetry) -> None:
    tracer = telemetry.tracers.get_tracer("a service")

    def work(number: int) -> None:
        with tracer.start_as_current_span(f"request {number}"):
            telemetry.observer.statement(statement(f"orders.get_{number}"))

    threads = [threading.Thread(target=work, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    spans = telemetry.spans
    found = {span.name: parent_of(span, spans) for span in spans if span.parent}
    assert found == {f"orders.get_{number}": f"request {number}" for number in range(3)}


async def test_each_task_is_the_parent_of_its_statements(telemetry: Telemetry) -> None:
    tracer = telemetry.tracers.get_tracer("a service")
    all_began = asyncio.Barrier(3)

    async def work(number: int) -> None:
        with tracer.start_as_current_span(f"request {number}"):
            await all_began.wait()
            telemetry.observer.statement(statement(f"orders.get_{number}"))

    await asyncio.gather(*(work(number) for number in range(3)))

    spans = telemetry.spans
    found = {span.name: parent_of(span, spans) for span in spans if span.parent}
    assert found == {f"orders.get_{number}": f"request {number}" for number in range(3)}


# Metrics ---------------------------------------------------------------------------------------


def test_calls_are_measured_by_the_names_of_the_conventions(telemetry: Telemetry) -> None:
    telemetry.observer.statement(statement())
    telemetry.observer.statement(statement(transaction=begun(), error="E", sqlstate="40001"))
    telemetry.observer.wait_failed(WaitFailed("users.get", 30.0, "timed out", 1))
    telemetry.observer.wait_failed(WaitFailed("users.get", 0.0, "refused", 1))

    points = telemetry.points()
    query = ALWAYS | {names.DB_QUERY_SUMMARY: "users.get"}
    failed = {"error.type": "40001", names.DB_RESPONSE_STATUS_CODE: "40001"}
    pool = ALWAYS | {"db.client.connection.pool.name": "main"}
    assert points[db_metrics.DB_CLIENT_OPERATION_DURATION] == [
        (0.03, query),
        (0.03, query | failed),
    ]
    assert points[pool_names.DB_CLIENT_CONNECTION_WAIT_TIME] == [(0.01, pool)]
    assert points[pool_names.DB_CLIENT_CONNECTION_TIMEOUTS] == [(1, pool)]


def test_the_pool_is_measured_when_metrics_are_collected(telemetry: Telemetry, url: str) -> None:
    with Database(configured(url)) as db:
        telemetry.observer.watch_pool(db)
        with db.transaction():
            points = telemetry.points()

    pool = ALWAYS | {"db.client.connection.pool.name": "main"}
    counts = {
        attributes["db.client.connection.state"]: value
        for value, attributes in points[pool_names.DB_CLIENT_CONNECTION_COUNT]
    }
    assert counts == {"idle": 0, "used": 1}
    assert points[pool_names.DB_CLIENT_CONNECTION_MAX] == [(11, pool)]
    assert points[pool_names.DB_CLIENT_CONNECTION_PENDING_REQUESTS] == [(0, pool)]
    for name in ("queued", "failed", "dropped"):
        assert points[f"oadb.notes.{name}"] == [(0, pool)]
