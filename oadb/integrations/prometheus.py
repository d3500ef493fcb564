"""Metrics for Prometheus: an observer of a Database, and a collector of what it can be asked.

    metrics = PrometheusObserver()                       # one for a process
    db = Database.from_env(observer=metrics)
    metrics.watch_pool(db)

Histograms and counters are fed by what the observer hears, and go through prometheus_client's
multiprocess mode. The state of pools, writers and followers is read when Prometheus asks; that mode
knows no such collectors, so it leaves them out.

Labels are names of queries and of functions that begin transactions: a bounded number, and no value
of a parameter or row.
"""

from typing import TYPE_CHECKING, NamedTuple

from oadb.engine.observing import (
    ConnectionChange,
    Observer,
    RowsDropped,
    RowsWritten,
    StatementDone,
    TransactionDone,
    WaitFailed,
    WriteFailed,
)
from oadb.integrations.missing_extras import missing_extra
from oadb.integrations.prometheus_state import PrometheusState

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
except ModuleNotFoundError as error:
    raise missing_extra("prometheus", error) from None

if TYPE_CHECKING:
    from oadb.changes.following import Following
    from oadb.engine.database import AsyncDatabase, Database
    from oadb.logs.writer import AsyncLogWriter, LogWriter

__all__ = ["PrometheusObserver"]

# Seconds: from a lookup by key on the same machine to a report that somebody waits for.
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

# Names of queries, and of transactions, that have series of their own; a program that makes names
# all the time would otherwise fill the memory of Prometheus.
_MOST_NAMES = 1000
_OTHER = "other"


class _OfQuery(NamedTuple):
    """The series of one query."""

    seconds: Histogram
    waiting: Counter
    server: Counter
    rows: Counter
    retries: Counter


class PrometheusObserver(Observer):
    """Counts and times what a Database and its writers do; make one per process."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Register the metrics, by default in the registry of prometheus_client itself.

        Raises:
            ValueError: the registry has them already, from another observer.
        """
        registry = REGISTRY if registry is None else registry
        self._state = PrometheusState()
        registry.register(self._state)
        self._make_statement_metrics(registry)
        self._make_other_metrics(registry)
        self._queries: dict[str, _OfQuery] = {}
        self._transactions: set[str] = set()

    def _make_statement_metrics(self, registry: CollectorRegistry) -> None:
        query = ["query"]
        self._seconds = Histogram(
            "oadb_statement_seconds",
            "Calls of declared statements, from the call to its result or error.",
            query,
            buckets=_BUCKETS,
            registry=registry,
        )
        counters = {
            "waiting_seconds": "Seconds that calls waited for a connection.",
            "server_seconds": "Seconds from sending to the last answer of the server.",
            "rows": "Rows returned, or else written.",
            "retries": "Attempts before the one that ended a call.",
        }
        self._waiting, self._server, self._rows, self._retries = (
            Counter(f"oadb_statement_{name}", text, query, registry=registry)
            for name, text in counters.items()
        )
        self._errors = Counter(
            "oadb_statement_errors",
            "Calls that raised, by the class of the error and the SQLSTATE of the server.",
            ["query", "error", "sqlstate"],
            registry=registry,
        )

    def _make_other_metrics(self, registry: CollectorRegistry) -> None:
        self._transaction_seconds = Histogram(
            "oadb_transaction_seconds",
            "Transactions, by the function that began them and how they ended.",
            ["transaction", "outcome"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._transaction_retries = Counter(
            "oadb_transaction_retries",
            "Attempts of transact() before the one that ended.",
            ["transaction"],
            registry=registry,
        )
        self._pool_wait = Histogram(
            "oadb_pool_wait_seconds",
            "Waits for a connection of the pool.",
            buckets=_BUCKETS,
            registry=registry,
        )
        self._failed_waits = Counter(
            "oadb_pool_failed_waits",
            "Callers that got no connection.",
            ["reason"],
            registry=registry,
        )
        self._changes = Counter(
            "oadb_pool_connection_changes",
            "Connections that were opened, closed and replaced.",
            ["change", "reason"],
            registry=registry,
        )
        self._make_writer_metrics(registry)

    def _make_writer_metrics(self, registry: CollectorRegistry) -> None:
        writer = ["writer"]
        self._batch_seconds = Histogram(
            "oadb_writer_batch_seconds",
            "Batches of writers, from the first attempt.",
            writer,
            buckets=_BUCKETS,
            registry=registry,
        )
        counters = {
            "rows": "Rows of committed batches, including those that their table refused.",
            "rejected_rows": "Rows that their table refused, and that were put aside.",
            "dropped_rows": "Rows that a writer did not take, because its queue was full.",
            "failures": "Attempts of a writer that failed; their rows are tried again.",
        }
        self._written, self._rejected, self._dropped, self._write_failures = (
            Counter(f"oadb_writer_{name}", text, writer, registry=registry)
            for name, text in counters.items()
        )

    # What is read when Prometheus asks ------------------------------------------------------------

    def watch_pool(self, db: "Database | AsyncDatabase", name: str = "main") -> None:
        """Show the state of the pool of *db*, under a name of its own if there are several."""
        self._state.pools[name] = db

    def watch_logs(self, logs: "LogWriter | AsyncLogWriter") -> None:
        """Show the queues of the log writer of this process."""
        self._state.logs = logs

    def watch_follower(
        self, name: str, follower: "Following[Database] | Following[AsyncDatabase]"
    ) -> None:
        """Show how old a copy in memory is: a LiveBans, LiveIndex or LiveCache."""
        self._state.followers[name] = follower

    # What is heard --------------------------------------------------------------------------------

    def statement(self, done: StatementDone) -> None:
        """Count a call of a declared statement."""
        label = done.label
        series = self._queries.get(label) or self._series(label)
        series.seconds.observe(done.seconds)
        series.waiting.inc(done.waiting_seconds)
        series.server.inc(done.server_seconds)
        series.rows.inc(done.rows)
        if done.retries:
            series.retries.inc(done.retries)
        if done.error is not None:
            name = label if label in self._queries else _OTHER
            self._errors.labels(name, done.error, done.sqlstate or "").inc()
        if not done.in_transaction:
            self._pool_wait.observe(done.waiting_seconds)

    def _series(self, label: str) -> _OfQuery:
        name = label if len(self._queries) < _MOST_NAMES else _OTHER
        if name in self._queries:
            return self._queries[name]
        series = self._queries[name] = _OfQuery(
            self._seconds.labels(name),
            self._waiting.labels(name),
            self._server.labels(name),
            self._rows.labels(name),
            self._retries.labels(name),
        )
        return series

    def transaction(self, done: TransactionDone) -> None:
        """Count a transaction."""
        label = done.label
        if label not in self._transactions:
            if len(self._transactions) >= _MOST_NAMES:
                label = _OTHER
            self._transactions.add(label)
        self._transaction_seconds.labels(label, done.outcome).observe(done.seconds)
        if done.retries:
            self._transaction_retries.labels(label).inc(done.retries)
        self._pool_wait.observe(done.waiting_seconds)

    def wait_failed(self, failed: WaitFailed) -> None:
        """Count a caller that got no connection."""
        self._failed_waits.labels(failed.reason).inc()

    def connection(self, change: ConnectionChange) -> None:
        """Count a change of a connection."""
        self._changes.labels(change.change, change.reason).inc()

    def rows_written(self, written: RowsWritten) -> None:
        """Count a batch of a writer."""
        self._batch_seconds.labels(written.writer).observe(written.seconds)
        self._written.labels(written.writer).inc(written.rows)
        self._rejected.labels(written.writer).inc(written.rejected)

    def rows_dropped(self, dropped: RowsDropped) -> None:
        """Count rows that a writer did not take."""
        self._dropped.labels(dropped.writer).inc(dropped.rows)

    def write_failed(self, failed: WriteFailed) -> None:
        """Count a failed attempt of a writer."""
        self._write_failures.labels(failed.writer).inc()
