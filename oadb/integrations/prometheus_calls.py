"""Statements, transactions and waits that a Prometheus observer hears of, counted in memory.

prometheus_client has a lock for each number, and a call changes seven of them. Here a call takes
one lock, which makes it five times as cheap, and the metrics are made when Prometheus asks.
"""

import os
import weakref
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from threading import RLock

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
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
    from prometheus_client.registry import Collector
except ModuleNotFoundError as error:
    raise missing_extra("prometheus", error) from None

_BOUNDS = (*map(str, BUCKETS), "+Inf")


class _Times:
    """How many times fell below each bound and above the one before, and their sum."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * len(_BOUNDS)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Count a time."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds

    def show(self, metric: HistogramMetricFamily, *labels: str) -> None:
        """Add what was counted to a metric."""
        buckets = [*zip(_BOUNDS, accumulate(self.counts), strict=True)]
        metric.add_metric(labels, buckets, self.total)


class _OfQuery:
    """What is counted of a query."""

    __slots__ = ("errors", "retries", "rows", "server", "times", "waiting")

    def __init__(self) -> None:
        self.times = _Times()
        self.waiting = self.server = 0.0
        self.rows = self.retries = 0
        self.errors: dict[tuple[str, str], int] = {}


class _OfTransaction:
    """What is counted of the transactions that a function began."""

    __slots__ = ("outcomes", "retries")

    def __init__(self) -> None:
        self.outcomes: dict[str, _Times] = {}
        self.retries = 0


class CountedCalls(Collector):
    """Counts the calls of this process in memory, each under one lock."""

    def __init__(self) -> None:
        # Entered again by a stream that the garbage collector closes in the middle of a count.
        self._lock = RLock()
        self._queries: dict[str, _OfQuery] = {}
        self._transactions: dict[str, _OfTransaction] = {}
        self._waits = _Times()
        _counting.add(self)

    def statement(self, done: StatementDone) -> None:
        """Count a call of a declared statement."""
        query, _, seconds, waiting, server, rows, error, sqlstate, retries, transaction = done
        label = query.observed_label
        with self._lock:
            series = self._queries.get(label) or self._series(label)
            times = series.times  # as add() does, without a call: each statement pays for it
            times.counts[bisect_left(BUCKETS, seconds)] += 1
            times.total += seconds
            series.waiting += waiting
            series.server += server
            series.rows += rows
            series.retries += retries
            if error is not None:
                failure = (error, sqlstate or "")
                series.errors[failure] = series.errors.get(failure, 0) + 1
            if transaction is None:
                self._waits.add(waiting)

    def _series(self, label: str) -> _OfQuery:
        name = label if len(self._queries) < MOST_NAMES else OTHER
        return self._queries.setdefault(name, _OfQuery())

    def transaction(self, done: TransactionDone) -> None:
        """Count a transaction."""
        label = done.label
        with self._lock:
            if label not in self._transactions and len(self._transactions) >= MOST_NAMES:
                label = OTHER
            series = self._transactions.setdefault(label, _OfTransaction())
            series.outcomes.setdefault(done.outcome, _Times()).add(done.seconds)
            series.retries += done.retries
            self._waits.add(done.waiting_seconds)

    def renew_lock(self) -> None:
        """Forget who holds the lock: in a forked child, a thread that did not come along."""
        self._lock = RLock()

    def describe(self) -> Iterator[Metric]:
        """Yield each metric without samples, so that the registry knows its name."""
        yield from _CallMetrics().all()

    def collect(self) -> Iterator[Metric]:
        """Yield each metric. Calls wait while one query is read, not while all are."""
        metrics = _CallMetrics()
        for name, query in [*self._queries.items()]:
            with self._lock:
                metrics.add_query(name, query)
        for name, transaction in [*self._transactions.items()]:
            with self._lock:
                metrics.add_transaction(name, transaction)
        with self._lock:
            self._waits.show(metrics.waits)
        yield from metrics.all()


class _CallMetrics:
    """The metrics, to which what was counted is added."""

    def __init__(self) -> None:
        query, transaction = ["query"], ["transaction"]
        self.seconds = HistogramMetricFamily(*STATEMENT_SECONDS, labels=query)
        self.waiting, self.server, self.rows, self.retries = (
            CounterMetricFamily(name, text, labels=query) for name, text in STATEMENT_COUNTERS
        )
        self.errors = CounterMetricFamily(*STATEMENT_ERRORS, labels=ERROR_LABELS)
        self.transactions = HistogramMetricFamily(*TRANSACTION_SECONDS, labels=OUTCOME_LABELS)
        self.again = CounterMetricFamily(*TRANSACTION_RETRIES, labels=transaction)
        self.waits = HistogramMetricFamily(*POOL_WAIT, labels=())

    def add_query(self, name: str, query: _OfQuery) -> None:
        query.times.show(self.seconds, name)
        self.waiting.add_metric([name], query.waiting)
        self.server.add_metric([name], query.server)
        self.rows.add_metric([name], query.rows)
        self.retries.add_metric([name], query.retries)
        for (error, sqlstate), count in query.errors.items():
            self.errors.add_metric([name, error, sqlstate], count)

    def add_transaction(self, name: str, transaction: _OfTransaction) -> None:
        for outcome, times in transaction.outcomes.items():
            times.show(self.transactions, name, outcome)
        self.again.add_metric([name], transaction.retries)

    def all(self) -> Iterator[Metric]:
        yield from (self.seconds, self.waiting, self.server, self.rows, self.retries, self.errors)
        yield from (self.transactions, self.again, self.waits)


_counting: weakref.WeakSet[CountedCalls] = weakref.WeakSet()


def _renew_locks() -> None:
    for calls in [*_counting]:
        calls.renew_lock()


os.register_at_fork(after_in_child=_renew_locks)
