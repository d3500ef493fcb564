"""Metrics for Prometheus: an observer of a Database, and a collector of what it can be asked.

    metrics = PrometheusObserver()                       # one for a process
    db = Database.from_env(observer=metrics)
    metrics.watch_pool(db)

Histograms and counters are fed by what the observer hears, in prometheus_client's multiprocess mode
too. The state of pools, writers and followers is read when Prometheus asks; that mode knows no
such collectors, so it leaves them out.

Labels are names of queries and of functions that begin transactions: a bounded number, and no value
of a parameter or row.
"""

import os
from typing import TYPE_CHECKING

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
from oadb.integrations.prometheus_calls import CountedCalls
from oadb.integrations.prometheus_names import BUCKETS
from oadb.integrations.prometheus_shared import SharedCalls
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


class PrometheusObserver(Observer):
    """Counts and times what a Database and its writers do; make one per process."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Register the metrics, by default in the registry of prometheus_client itself.

        Raises:
            ValueError: the registry has them already, from another observer.
        """
        registry = REGISTRY if registry is None else registry
        self._state = PrometheusState()
        try:
            registry.register(self._state)
        except ValueError:  # it names each of them twice
            raise ValueError(
                "this registry has the metrics of oadb already, from another PrometheusObserver; "
                "make one for a process, or give each of several applications a CollectorRegistry"
            ) from None
        self._calls = _calls_of(registry)
        self._make_pool_metrics(registry)
        self._make_writer_metrics(registry)

    def _make_pool_metrics(self, registry: CollectorRegistry) -> None:
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

    def _make_writer_metrics(self, registry: CollectorRegistry) -> None:
        writer = ["writer"]
        self._batch_seconds = Histogram(
            "oadb_writer_batch_seconds",
            "Batches of writers, from the first attempt.",
            writer,
            buckets=BUCKETS,
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
        self._calls.statement(done)

    def transaction(self, done: TransactionDone) -> None:
        """Count a transaction."""
        self._calls.transaction(done)

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


def _calls_of(registry: CollectorRegistry) -> CountedCalls | SharedCalls:
    """Return what counts calls: in memory, unless processes share a folder.

    Raises:
        ValueError: the registry has such metrics already.
    """
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        return SharedCalls(registry)
    calls = CountedCalls()
    registry.register(calls)
    return calls
