"""Latency: the duration of calls to brokers, part by part."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from oadb.engine.binding.operations import operation
from oadb.engine.binding.pages import Limit, Page
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.logs.clocks import RIGHT
from oadb.logs.redaction import redacted
from oadb.logs.rollups import summarized

__all__ = [
    "BrokerLatency",
    "CallOutcome",
    "LatencyStatistics",
    "LoggedTiming",
    "PartLatency",
    "Timing",
    "count",
    "get",
    "list_brokers",
    "list_timings",
    "record",
    "statistics",
    "stream",
]

query = queries(__name__)

CallOutcome = Literal["succeeded", "failed", "partial"]
"""How a call to a broker ended; partial: some of its orders were placed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """A call to a broker to record; times in milliseconds."""

    total_ms: float
    outcome: CallOutcome
    broker: str | None = None
    order_type: str | None = None
    symbol: str | None = None
    order_id: str | None = None
    user_id: int | None = None
    rtt_ms: float | None = None
    validation_ms: float | None = None
    response_ms: float | None = None
    overhead_ms: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class LoggedTiming:
    """A call to a broker, as it is stored; times in milliseconds."""

    log_id: int
    logged_at: datetime
    user_id: int | None
    order_id: str | None
    broker: str | None
    symbol: str | None
    order_type: str | None
    rtt_ms: float | None
    validation_ms: float | None
    response_ms: float | None
    overhead_ms: float | None
    total_ms: float
    outcome: CallOutcome
    error: str | None


@dataclass(frozen=True, slots=True)
class PartLatency:
    """One part of the calls to a broker (None: unknown) or to all; times in milliseconds.

    ``calls`` counts the calls in which the part was measured. Without any, ``average_ms`` and the
    percentiles are None. ``bins`` and ``counts`` are a histogram: see ``rollups.bin_edges``.
    """

    broker: str | None
    part: str
    calls: int
    failed: int
    partial: int
    under_100_ms: int
    under_150_ms: int
    under_200_ms: int
    average_ms: float | None
    p50_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    bins: list[int]
    counts: list[int]

    def share(self, count: int) -> float | None:
        """Return a count, such as ``under_150_ms``, as a share of ``calls``: 0 to 1, or None."""
        return count / self.calls if self.calls else None


@dataclass(frozen=True, slots=True)
class BrokerLatency:
    """The calls to a broker, or to all, part by part; ``total`` counts every call."""

    rtt: PartLatency
    validation: PartLatency
    response: PartLatency
    overhead: PartLatency
    total: PartLatency


@dataclass(frozen=True, slots=True)
class LatencyStatistics:
    """The calls in a window: to all brokers together, and to each, by number of calls."""

    total: BrokerLatency
    brokers: tuple[BrokerLatency, ...]


@query
def store(
    logged_at: str,
    user_id: str,
    order_id: str,
    broker: str,
    symbol: str,
    order_type: str,
    rtt_ms: str,
    validation_ms: str,
    response_ms: str,
    overhead_ms: str,
    total_ms: str,
    outcome: str,
    error: str,
    clock: datetime = RIGHT,
) -> Affected: ...


@query
def copy_in(blocks: Iterable[bytes]) -> Affected: ...


@query
def _insert(
    user_id: int | None,
    order_id: str | None,
    broker: str | None,
    symbol: str | None,
    order_type: str | None,
    rtt_ms: float | None,
    validation_ms: float | None,
    response_ms: float | None,
    overhead_ms: float | None,
    total_ms: float,
    outcome: CallOutcome,
    error: str | None,
) -> Affected: ...


@query
def get(log_id: int, *, logged_at: datetime) -> LoggedTiming | None:
    """Return a call to a broker; None if there is none. *logged_at* finds the partition."""
    ...


@query
def list_timings(
    *,
    broker: str | None = None,
    outcome: CallOutcome | None = None,
    text: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> Page[LoggedTiming]:
    """List the calls to brokers in a window that pass every filter, newest first.

    *text* is looked for in any case, in order id, broker, symbol, order type and error.
    """
    ...


@query
def stream(
    *,
    broker: str | None = None,
    outcome: CallOutcome | None = None,
    text: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[LoggedTiming]:
    """Yield the calls to brokers in a window that pass every filter, oldest first."""
    ...


@query
def count(
    *,
    broker: str | None = None,
    outcome: CallOutcome | None = None,
    text: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Count the calls in a window that pass every filter: the total of ``list_timings``."""
    ...


@query
def _summarize(since: datetime, until: datetime, few: int) -> list[PartLatency]: ...


@query
def list_brokers() -> list[str]:
    """List the brokers that were called."""
    ...


query.complete()


@operation
async def record(db: AsyncExecutor, timing: Timing) -> None:
    """Store one call immediately; for many calls, a LogWriter is much cheaper.

    Redacted as by a LogWriter. Texts are cut to 2000 characters, the template of the error to 500.

    Raises:
        ParameterError: the outcome is unknown; or a time is negative (except ``overhead_ms``),
            above 1e9 or NaN.
    """
    kept = redacted(timing)
    await _insert(
        db,
        kept.user_id,
        kept.order_id,
        kept.broker,
        kept.symbol,
        kept.order_type,
        kept.rtt_ms,
        kept.validation_ms,
        kept.response_ms,
        kept.overhead_ms,
        kept.total_ms,
        kept.outcome,
        kept.error,
    )


@operation
async def statistics(db: AsyncExecutor, *, since: datetime, until: datetime) -> LatencyStatistics:
    """Summarize the calls from *since* up to, but not including, *until*.

    As exact as ``traffic.statistics``.

    Returns:
        Counts, averages and percentiles of each part of a call.

    Raises:
        ParameterError: *since* is after *until*.
    """
    parts = await summarized(db, _summarize, since, until)
    total, *brokers = (BrokerLatency(*parts[at : at + 5]) for at in range(0, len(parts), 5))
    return LatencyStatistics(total, tuple(brokers))
