"""Latency: how long calls to brokers took, part by part. The SQL is in latency.sql."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from oadb.engine.queries import queries
from oadb.engine.results import Affected

query = queries("latency")

Outcome = Literal["succeeded", "failed", "partial"]


@dataclass(frozen=True, slots=True)
class Timing:
    """A call to a broker, to be written; times in milliseconds."""

    total_ms: float
    outcome: Outcome
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


@query
def store(blocks: Iterable[bytes]) -> Affected: ...


query.complete()
