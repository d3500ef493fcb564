"""Spans and metrics by OpenTelemetry's semantic conventions for databases.

    telemetry = OpenTelemetryObserver(attributes={"db.namespace": "shop"})
    db = Database.from_env(observer=telemetry)
    telemetry.watch_pool(db)

Each call of a declared statement is a span with the name of the query. It is made when the call has
ended, in the thread or task of the caller, so its parent is the caller's span: a request, a task, a
function. A transaction is a span as well, beside those of its statements. No span has the value of
a parameter or of a row.

Only the API is needed; without an SDK nothing is recorded.
"""

from collections.abc import Iterable, Mapping
from time import time_ns
from typing import TYPE_CHECKING

from oadb.engine.observing import Observer, StatementDone, TransactionDone, WaitFailed
from oadb.integrations.missing_extras import missing_extra

try:
    from opentelemetry import metrics, trace
    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
    from opentelemetry.trace import SpanKind, StatusCode, TracerProvider
except ModuleNotFoundError as error:
    raise missing_extra("opentelemetry", error) from None

if TYPE_CHECKING:
    from oadb.engine.database import AsyncDatabase, Database

__all__ = ["OpenTelemetryObserver"]

Attributes = dict[str, str | int | float]

_SCOPE = "oadb"

# Seconds, as the conventions want them.
_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)


class OpenTelemetryObserver(Observer):
    """Makes a span of each statement and transaction, and measures them; make one per Database."""

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        *,
        pool_name: str = "main",
        attributes: Mapping[str, str | int] | None = None,
    ) -> None:
        """Use these providers; by default the global ones.

        Args:
            pool_name: tells the pools of several databases of a process apart.
            attributes: for every span and measurement, such as ``db.namespace``, the name of the
                database, and ``server.address``.
        """
        self._tracer = trace.get_tracer(_SCOPE, tracer_provider=tracer_provider)
        self._always: Attributes = {**(attributes or {}), "db.system.name": "postgresql"}
        self._pool: Attributes = self._always | {"db.client.connection.pool.name": pool_name}
        self._db: Database | AsyncDatabase | None = None
        meter = metrics.get_meter(_SCOPE, meter_provider=meter_provider)
        self._duration = meter.create_histogram(
            "db.client.operation.duration",
            unit="s",
            description="Duration of calls of declared statements.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        self._wait = meter.create_histogram(
            "db.client.connection.wait_time",
            unit="s",
            description="Waits for a connection of the pool.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        self._timeouts = meter.create_counter(
            "db.client.connection.timeouts",
            unit="{timeout}",
            description="Callers for whom no connection became free in time.",
        )
        self._make_gauges(meter)

    def _make_gauges(self, meter: metrics.Meter) -> None:
        meter.create_observable_up_down_counter(
            "db.client.connection.count",
            callbacks=[self._counts],
            unit="{connection}",
            description="Connections, idle and used.",
        )
        meter.create_observable_up_down_counter(
            "db.client.connection.max",
            callbacks=[self._limits],
            unit="{connection}",
            description="The largest number of connections.",
        )
        meter.create_observable_up_down_counter(
            "db.client.connection.pending_requests",
            callbacks=[self._waiting],
            unit="{request}",
            description="Callers without a connection.",
        )

    def watch_pool(self, db: "Database | AsyncDatabase") -> None:
        """Measure the pool of *db* whenever metrics are collected."""
        self._db = db

    def _counts(self, _: CallbackOptions) -> Iterable[Observation]:
        if self._db is not None:
            stats = self._db.stats()
            for state, count in (("idle", stats.idle), ("used", stats.leased)):
                yield Observation(count, self._pool | {"db.client.connection.state": state})

    def _limits(self, _: CallbackOptions) -> Iterable[Observation]:
        if self._db is not None:
            yield Observation(self._db.stats().most, self._pool)

    def _waiting(self, _: CallbackOptions) -> Iterable[Observation]:
        if self._db is not None:
            yield Observation(self._db.stats().waiting, self._pool)

    def statement(self, done: StatementDone) -> None:
        """Make the span of a call, and measure it."""
        label = done.label
        measured = self._always | {"db.query.summary": label} | _failure(done.error, done.sqlstate)
        self._duration.record(done.seconds, measured)
        if not done.in_transaction:
            self._wait.record(done.waiting_seconds, self._pool)
        details: Attributes = {
            "oadb.sql_place": done.place,
            "oadb.waiting_seconds": done.waiting_seconds,
            "oadb.server_seconds": done.server_seconds,
            "oadb.retries": done.retries,
        }
        if done.kind in {"read", "stream"}:
            details["db.response.returned_rows"] = done.rows
        self._span(label, SpanKind.CLIENT, done.seconds, measured | details)

    def transaction(self, done: TransactionDone) -> None:
        """Make the span of a transaction."""
        self._wait.record(done.waiting_seconds, self._pool)
        details: Attributes = {
            "oadb.begun_at": done.place,
            "oadb.outcome": done.outcome,
            "oadb.statements": done.statements,
            "oadb.retries": done.retries,
        }
        attributes = self._always | details | _failure(done.error, done.sqlstate)
        self._span(done.label, SpanKind.INTERNAL, done.seconds, attributes)

    def wait_failed(self, failed: WaitFailed) -> None:
        """Count a caller for whom no connection became free in time."""
        if failed.reason == "timed out":
            self._timeouts.add(1, self._pool)

    def _span(self, name: str, kind: SpanKind, seconds: float, attributes: Attributes) -> None:
        """Make a span that ends now, as a child of the current one."""
        end = time_ns()
        start = end - int(seconds * 1e9)
        span = self._tracer.start_span(name, kind=kind, attributes=attributes, start_time=start)
        if "error.type" in attributes:
            span.set_status(StatusCode.ERROR)
        span.end(end)


def _failure(error: str | None, sqlstate: str | None) -> Attributes:
    """Return how a call failed, in the words of the conventions; empty if it did not."""
    if error is None:
        return {}
    if sqlstate is None:
        return {"error.type": error}
    return {"error.type": sqlstate, "db.response.status_code": sqlstate}
