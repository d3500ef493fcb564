"""Statements, transactions and waits that a Prometheus observer of several processes hears of.

Processes that share a folder (PROMETHEUS_MULTIPROC_DIR) share it through prometheus_client's own
metrics, whose numbers live in files there.
"""

from typing import NamedTuple

from oadb.engine.observing import StatementDone, TransactionDone
from oadb.integrations.missing_extras import missing_extra
from oadb.integrations.prometheus_names import (
    BUCKETS,
    ERROR_LABELS,
    MOST_NAMES,
    OTHER,
    OUTCOME_LABELS,
    POOL_WAIT,
    STATEMENT_COUNTERS,
    STATEMENT_ERRORS,
    STATEMENT_SECONDS,
    TRANSACTION_RETRIES,
    TRANSACTION_SECONDS,
)

try:
    from prometheus_client import CollectorRegistry, Counter, Histogram
except ModuleNotFoundError as error:
    raise missing_extra("prometheus", error) from None


class _SharedSeries(NamedTuple):
    """The series of one query."""

    seconds: Histogram
    waiting: Counter
    server: Counter
    rows: Counter
    retries: Counter


class SharedCalls:
    """Counts the calls of processes that share a folder."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics.

        Raises:
            ValueError: the registry has them already, from another observer.
        """
        self._registry = registry
        self._seconds = self._histogram(STATEMENT_SECONDS, ("query",))
        self._counters = [self._counter(each, ("query",)) for each in STATEMENT_COUNTERS]
        self._errors = self._counter(STATEMENT_ERRORS, ERROR_LABELS)
        self._transaction_seconds = self._histogram(TRANSACTION_SECONDS, OUTCOME_LABELS)
        self._transaction_retries = self._counter(TRANSACTION_RETRIES, ("transaction",))
        self._waits = self._histogram(POOL_WAIT, ())
        self._queries: dict[str, _SharedSeries] = {}
        self._transactions: set[str] = set()

    def _histogram(self, named: tuple[str, str], labels: tuple[str, ...]) -> Histogram:
        return Histogram(*named, labels, buckets=BUCKETS, registry=self._registry)

    def _counter(self, named: tuple[str, str], labels: tuple[str, ...]) -> Counter:
        return Counter(*named, labels, registry=self._registry)

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
            name = label if label in self._queries else OTHER
            self._errors.labels(name, done.error, done.sqlstate or "").inc()
        if not done.in_transaction:
            self._waits.observe(done.waiting_seconds)

    def _series(self, label: str) -> _SharedSeries:
        name = label if len(self._queries) < MOST_NAMES else OTHER
        if name in self._queries:
            return self._queries[name]
        counters = (each.labels(name) for each in self._counters)
        series = self._queries[name] = _SharedSeries(self._seconds.labels(name), *counters)
        return series

    def transaction(self, done: TransactionDone) -> None:
        """Count a transaction."""
        label = done.label
        if label not in self._transactions:
            if len(self._transactions) >= MOST_NAMES:
                label = OTHER
            self._transactions.add(label)
        self._transaction_seconds.labels(label, done.outcome).observe(done.seconds)
        if done.retries:
            self._transaction_retries.labels(label).inc(done.retries)
        self._waits.observe(done.waiting_seconds)
