"""Spans and metrics by OpenTelemetry's semantic conventions for databases.

    telemetry = OpenTelemetryObserver(attributes={"db.namespace": "shop"})
    db = Database.from_env(observer=telemetry)
    telemetry.watch_pool(db)

Each call of a declared statement is a span with the name of the query. It is made when the call has
ended, in the thread or task of the caller, so its parent is the caller's span: a request, a task, a
function. A transaction is a span as well, the parent of its statements' spans. It is no current
span, which would stay current where a transaction is not ended in the thread or task that began it.
No span has the value of a parameter or of a row.

Only the API is needed; without an SDK nothing is recorded.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic, time_ns
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from oadb.engine.observing import (
    Observer,
    StatementDone,
    TransactionBegun,
    TransactionDone,
    WaitFailed,
)
from oadb.engine.pool.pool_stats import PoolStats
from oadb.integrations.missing_extras import missing_extra

try:
    from opentelemetry import metrics, trace
    from opentelemetry.context import Context
    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
    from opentelemetry.trace import Span, SpanKind, StatusCode, TracerProvider
except ModuleNotFoundError as error:
    raise missing_extra("opentelemetry", error) from None

if TYPE_CHECKING:
    from oadb.engine.database import AsyncDatabase, Database

__all__ = ["OpenTelemetryObserver"]

Attributes = dict[str, str | int | float]

_SCOPE = "oadb"

# Seconds, as the conventions want them.
_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)


# Read when metrics are collected: names, units, texts and values.
_POOL_GAUGES: Sequence[tuple[str, str, str, Callable[[PoolStats], int]]] = (
    (
        "db.client.connection.max",
        "{connection}",
        "The largest number of connections.",
        lambda stats: stats.most,
    ),
    (
        "db.client.connection.pending_requests",
        "{request}",
        "Callers without a connection.",
        lambda stats: stats.waiting,
    ),
    (
        "oadb.notes.queued",
        "{note}",
        "Writes that nobody waits for, and that are not known to be written.",
        lambda stats: stats.notes_queued,
    ),
)
_NOTE_COUNTERS: Sequence[tuple[str, str, str, Callable[[PoolStats], int]]] = (
    (
        "oadb.notes.failed",
        "{attempt}",
        "Attempts to write a note that failed; most are repeated.",
        lambda stats: stats.notes_failed,
    ),
    (
        "oadb.notes.dropped",
        "{note}",
        "Notes that were lost, because too many were queued.",
        lambda stats: stats.notes_dropped,
    ),
)


class _OpenSpan(NamedTuple):
    """The span of a transaction that has not ended, and when it began (ns of the epoch).

    Attributes:
        caller: The span that was current when it began.
    """

    span: Span
    started: int
    caller: Span


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
        self._open: WeakKeyDictionary[TransactionBegun, _OpenSpan] = WeakKeyDictionary()
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
        gauge, counter = meter.create_observable_up_down_counter, meter.create_observable_counter
        text = "Connections, idle and used."
        gauge("db.client.connection.count", [self._counts], "{connection}", text)
        for name, unit, text, value in _POOL_GAUGES:
            gauge(name, [self._reader(value)], unit, text)
        for name, unit, text, value in _NOTE_COUNTERS:
            counter(name, [self._reader(value)], unit, text)

    def watch_pool(self, db: "Database | AsyncDatabase") -> None:
        """Measure the pool of *db* whenever metrics are collected."""
        self._db = db

    def _counts(self, _: CallbackOptions) -> Iterable[Observation]:
        if self._db is not None:
            stats = self._db.stats()
            for state, count in (("idle", stats.idle), ("used", stats.leased)):
                yield Observation(count, self._pool | {"db.client.connection.state": state})

    def _reader(
        self, value: Callable[[PoolStats], int]
    ) -> Callable[[CallbackOptions], Iterable[Observation]]:
        """Return what reads a number of the pool when metrics are collected."""

        def read(_: CallbackOptions) -> Iterable[Observation]:
            if self._db is not None:
                yield Observation(value(self._db.stats()), self._pool)

        return read

    def statement(self, done: StatementDone) -> None:
        """Make the span of a call, and measure it."""
        query, _, seconds, waiting, server, rows, error, sqlstate, retries, transaction = done
        label = query.observed_label
        measured: Attributes = {**self._always, "db.query.summary": label}
        if error is not None:
            measured |= _failure(error, sqlstate)
        self._duration.record(seconds, measured)
        if transaction is None:
            self._wait.record(waiting, self._pool)
        attributes: Attributes = {
            **measured,
            "oadb.sql_place": query.source_place,
            "oadb.waiting_seconds": waiting,
            "oadb.server_seconds": server,
            "oadb.retries": retries,
        }
        if query.kind in {"read", "stream"}:
            attributes["db.response.returned_rows"] = rows
        ended = time_ns()
        parent = None if transaction is None else self._parent(transaction)
        started = ended - int(seconds * 1e9)
        span = self._tracer.start_span(
            label, parent, SpanKind.CLIENT, attributes, start_time=started
        )
        if error is not None:
            span.set_status(StatusCode.ERROR)
        span.end(ended)

    def _parent(self, transaction: TransactionBegun) -> Context | None:
        """Return the parent of the span of a statement in a transaction; None: the current span.

        It is the span of the transaction, unless the program has begun a span of its own in it.
        """
        found = self._open.get(transaction)
        if found is None:
            return None
        current = trace.get_current_span()
        is_own = current is not found.caller and current.get_span_context().is_valid
        return None if is_own else trace.set_span_in_context(found.span)

    def transaction_begun(self, begun: TransactionBegun) -> None:
        """Begin the span of a transaction."""
        started = time_ns() - int((monotonic() - begun.started) * 1e9)
        details: Attributes = {"oadb.begun_at": begun.place, "oadb.retries": begun.retries}
        span = self._tracer.start_span(
            begun.label, attributes=self._always | details, start_time=started
        )
        self._open[begun] = _OpenSpan(span, started, trace.get_current_span())

    def transaction(self, done: TransactionDone) -> None:
        """End the span of a transaction."""
        self._wait.record(done.waiting_seconds, self._pool)
        found = self._open.pop(done.begun, None)
        if found is None:  # its beginning raised an error, which was logged
            return
        result: Attributes = {"oadb.outcome": done.outcome, "oadb.statements": done.statements}
        found.span.set_attributes(result | _failure(done.error, done.sqlstate))
        if done.error is not None:
            found.span.set_status(StatusCode.ERROR)
        found.span.end(found.started + int(done.seconds * 1e9))

    def wait_failed(self, failed: WaitFailed) -> None:
        """Count a caller for whom no connection became free in time."""
        if failed.reason == "timed out":
            self._timeouts.add(1, self._pool)


def _failure(error: str | None, sqlstate: str | None) -> Attributes:
    """Return how a call failed, in the words of the conventions; empty if it did not."""
    if error is None:
        return {}
    if sqlstate is None:
        return {"error.type": error}
    return {"error.type": sqlstate, "db.response.status_code": sqlstate}
