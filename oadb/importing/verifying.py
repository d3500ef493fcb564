"""Finds rows of histories that oadb does not have as they would be imported.

They were changed or deleted since, or are older than the retention of their table.
"""

from collections.abc import Collection
from datetime import datetime

from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import Query, queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.importing.imports import ImportedAttempt
from oadb.logs import analyzer_logs, api_logs, latency, traffic

query = queries(__name__)


@query
def _list_missing_calls(
    logged_at: str,
    user_id: str,
    endpoint: str,
    method: str,
    status: str,
    ip: str,
    request: str,
    response: str,
    error: str,
) -> list[int]: ...


@query
def _list_missing_analyses(
    logged_at: str,
    user_id: str,
    api_type: str,
    request: str,
    response: str,
) -> list[int]: ...


@query
def _list_missing_requests(
    logged_at: str,
    ip: str,
    method: str,
    path: str,
    endpoint: str,
    status: str,
    duration_ms: str,
    host: str,
    user_id: str,
    error: str,
) -> list[int]: ...


@query
def _list_missing_timings(
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
) -> list[int]: ...


@query
def _list_missing_attempts(
    attempted_ats: list[datetime],
    usernames: list[str],
    ips: list[str],
    devices: list[str],
    brokers: list[str],
    methods: list[str],
    outcomes: list[str],
    reasons: list[str],
) -> list[int]: ...


query.complete()

Statements = tuple[Query[..., Affected], Query[..., list[int]]]
"""What stores rows of a log, and what finds those that it lacks, from the same columns."""

CALLS: Statements = (api_logs.store, _list_missing_calls)
ANALYSES: Statements = (analyzer_logs.store, _list_missing_analyses)
REQUESTS: Statements = (traffic.store, _list_missing_requests)
TIMINGS: Statements = (latency.store, _list_missing_timings)


@operation
async def list_missing_attempts(
    db: AsyncExecutor, attempts: Collection[ImportedAttempt]
) -> list[int]:
    """Return the positions, from 1, of attempts that oadb does not have."""
    return await _list_missing_attempts(
        db,
        [each.attempted_at for each in attempts],
        [each.username for each in attempts],
        [each.ip or "" for each in attempts],
        [each.device or "" for each in attempts],
        [each.broker or "" for each in attempts],
        [each.method for each in attempts],
        [each.outcome for each in attempts],
        [each.reason or "" for each in attempts],
    )
