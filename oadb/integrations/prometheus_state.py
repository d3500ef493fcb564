"""The state of pools, log writers and followers, read when Prometheus asks."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from oadb.engine.pool.pool_stats import PoolStats
from oadb.integrations.missing_extras import missing_extra

try:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector
except ModuleNotFoundError as error:
    raise missing_extra("prometheus", error) from None

if TYPE_CHECKING:
    from oadb.changes.following import Following
    from oadb.engine.database import AsyncDatabase, Database
    from oadb.logs.writer import AsyncLogWriter, LogWriter
    from oadb.logs.writing.writer_stats import LogTableStats

_POOL_GAUGES: Mapping[str, tuple[str, Callable[[PoolStats], float]]] = {
    "most_connections": ("The largest number of connections.", lambda stats: stats.most),
    "waiting_callers": ("Callers without a connection.", lambda stats: stats.waiting),
    "queued_notes": (
        "Writes that nobody waits for, and that are not known to be written.",
        lambda stats: stats.notes_queued,
    ),
}

_POOL_COUNTERS: Mapping[str, tuple[str, Callable[[PoolStats], float]]] = {
    "replaced": ("Dead and expired connections.", lambda stats: stats.stale_replaced),
    "overdue": ("Connections closed because a deadline passed.", lambda stats: stats.overdue),
    "leaked": ("Connections that were never returned.", lambda stats: stats.leaked),
    "lost": ("Connections that an interrupted caller left.", lambda stats: stats.lost),
    "failed_notes": (
        "Attempts to write a note that failed; most are repeated.",
        lambda stats: stats.notes_failed,
    ),
    "dropped_notes": (
        "Notes that were lost, because too many were queued.",
        lambda stats: stats.notes_dropped,
    ),
}


class PrometheusState(Collector):
    """Yields the state of what was given to it."""

    def __init__(self) -> None:
        self.pools: dict[str, Database | AsyncDatabase] = {}
        self.logs: LogWriter | AsyncLogWriter | None = None
        self.followers: dict[str, Following[Database] | Following[AsyncDatabase]] = {}

    def collect(self) -> Iterator[Metric]:
        """Yield each metric, also one without samples, so that its name is known."""
        yield from self._pool_metrics()
        yield from self._replica_metrics()
        yield from self._log_metrics()
        yield from self._follower_metrics()

    def _pool_metrics(self) -> Iterator[Metric]:
        # Copied, as another thread may add one meanwhile.
        stats: dict[str, PoolStats] = {}
        for name, db in [*self.pools.items()]:
            stats[name] = db.stats()
            stats |= {f"{name} {each.host}": each.pool for each in db.read_stats().replicas}
        connections = GaugeMetricFamily(
            "oadb_pool_connections", "Connections, idle and leased.", labels=["pool", "state"]
        )
        for name, each in stats.items():
            connections.add_metric([name, "idle"], each.idle)
            connections.add_metric([name, "leased"], each.leased)
        yield connections
        for metric, (text, value) in _POOL_GAUGES.items():
            gauge = GaugeMetricFamily(f"oadb_pool_{metric}", text, labels=["pool"])
            for name, each in stats.items():
                gauge.add_metric([name], value(each))
            yield gauge
        for metric, (text, value) in _POOL_COUNTERS.items():
            counter = CounterMetricFamily(f"oadb_pool_{metric}", text, labels=["pool"])
            for name, each in stats.items():
                counter.add_metric([name], value(each))
            yield counter

    def _replica_metrics(self) -> Iterator[Metric]:
        labels = ["pool", "host"]
        out = GaugeMetricFamily(
            "oadb_replica_out", "1 while a replica takes no reads.", labels=labels
        )
        lag = GaugeMetricFamily(
            "oadb_replica_lag_seconds", "How far a replica is behind, at most.", labels=labels
        )
        reads = CounterMetricFamily("oadb_replica_reads", "Reads of a replica.", labels=labels)
        primary = CounterMetricFamily(
            "oadb_replica_reads_by_primary",
            "Reads that the primary ran, as all replicas were out or behind.",
            labels=["pool"],
        )
        for name, db in [*self.pools.items()]:
            stats = db.read_stats()
            for each in stats.replicas:
                out.add_metric([name, each.host], bool(each.out))
                reads.add_metric([name, each.host], each.reads)
                if each.lag_seconds is not None:
                    lag.add_metric([name, each.host], each.lag_seconds)
            if stats.replicas:
                primary.add_metric([name], stats.primary_reads)
        yield from (out, lag, reads, primary)

    def _log_metrics(self) -> Iterator[Metric]:
        table = ["table"]
        queued = GaugeMetricFamily(
            "oadb_log_queued_rows", "Rows not known to be stored.", labels=table
        )
        oldest = GaugeMetricFamily(
            "oadb_log_oldest_age_seconds", "Age of the oldest queued row.", labels=table
        )
        success = GaugeMetricFamily(
            "oadb_log_last_success_age_seconds",
            "Seconds since a batch was stored; absent: none has been.",
            labels=table,
        )
        failing = GaugeMetricFamily(
            "oadb_log_failing", "1 while no batch can be stored.", labels=table
        )
        rows = CounterMetricFamily(
            "oadb_log_rows", "Rows, by what became of them.", labels=["table", "result"]
        )
        tables: Mapping[str, LogTableStats] = {} if self.logs is None else self.logs.stats().tables
        for name, each in tables.items():
            queued.add_metric([name], each.queued_rows)
            oldest.add_metric([name], each.oldest_age_seconds)
            if each.last_success_age_seconds is not None:
                success.add_metric([name], each.last_success_age_seconds)
            failing.add_metric([name], each.last_error is not None)
            for result, count in (
                ("stored", each.stored),
                ("rejected", each.rejected),
                ("dropped", each.dropped),
                ("refused", each.refused),
            ):
                rows.add_metric([name, result], count)
        yield from (queued, oldest, success, failing, rows)

    def _follower_metrics(self) -> Iterator[Metric]:
        follower = ["follower"]
        age = GaugeMetricFamily(
            "oadb_follower_age_seconds",
            "Seconds since a copy in memory last agreed with the database.",
            labels=follower,
        )
        failing = GaugeMetricFamily(
            "oadb_follower_failing", "1 while a copy cannot be read.", labels=follower
        )
        for name, each in [*self.followers.items()]:
            age.add_metric([name], each.age_seconds)
            failing.add_metric([name], each.error is not None)
        yield from (age, failing)
