"""Traffic: HTTP requests, whatever they asked for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.values import readable
from oadb.engine.executors import AsyncExecutor
from oadb.logs.redaction import redacted
from oadb.logs.rollups import FEW, plan_lightly, require_window
from oadb.security.addresses import address

query = queries(__name__)

_LONGEST_METHOD = 20
_FIRST_ERROR = 400


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request, to be written. ``endpoint`` is the route that took it; None: none did."""

    ip: str
    method: str
    path: str
    status: int
    duration_ms: float
    endpoint: str | None = None
    host: str | None = None
    user_id: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class RequestLog:
    """An HTTP request that was written."""

    log_id: int
    logged_at: datetime
    ip: str
    method: str
    path: str
    endpoint: str | None
    status: int
    duration_ms: float
    host: str | None
    user_id: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Client:
    """An address that asked: how often, how often in vain, and when last."""

    ip: str
    requests: int
    errors: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class EndpointTraffic:
    """Requests of an endpoint (None: that no route took) or of all; times in milliseconds.

    ``average_ms`` and the percentiles are None where there was no request. ``bins`` and ``counts``
    are a histogram: see ``rollups.bin_edges``.
    """

    endpoint: str | None
    requests: int
    status_1xx: int
    status_2xx: int
    status_3xx: int
    status_4xx: int
    status_5xx: int
    average_ms: float | None
    p50_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    bins: list[int]
    counts: list[int]

    @property
    def errors(self) -> int:
        """Requests that were answered with a status from 400 on."""
        return self.status_4xx + self.status_5xx


@dataclass(frozen=True, slots=True)
class TrafficStatistics:
    """What was asked for in a window: all together, and by endpoint, the most asked for first."""

    total: EndpointTraffic
    endpoints: tuple[EndpointTraffic, ...]


@query
def store(blocks: Iterable[bytes]) -> Affected: ...


@query
def _insert(
    ip: str,
    method: str,
    path: str,
    endpoint: str | None,
    status: int,
    duration_ms: float,
    host: str | None,
    user_id: int | None,
    error: str | None,
) -> Affected: ...


@query
def list_recent(
    before_at: datetime | None = None, before_id: int | None = None, page_size: int = 100
) -> list[RequestLog]: ...


@query
def list_by_ip(
    ip: str, before_at: datetime | None = None, before_id: int | None = None, page_size: int = 100
) -> list[RequestLog]: ...


@query
def list_by_endpoint(
    endpoint: str,
    since: datetime,
    before_at: datetime | None = None,
    before_id: int | None = None,
    page_size: int = 100,
) -> list[RequestLog]: ...


@query
def _list_errors(
    status: int,
    since: datetime,
    before_at: datetime | None,
    before_id: int | None,
    page_size: int,
) -> list[RequestLog]: ...


@query
def _list_by_status(
    status: int,
    since: datetime,
    before_at: datetime | None,
    before_id: int | None,
    page_size: int,
) -> list[RequestLog]: ...


@query
def stream_between(since: datetime, until: datetime) -> Iterator[RequestLog]: ...


@query
def list_clients(
    host: str, since: datetime, until: datetime, page_size: int = 100
) -> list[Client]: ...


@query
def _summarize(since: datetime, until: datetime, few: int) -> list[EndpointTraffic]: ...


query.complete()


@operation
async def write(db: AsyncExecutor, request: Request) -> None:
    """Write one request at once; a LogWriter writes many for the price of few.

    Redacted as LogWriter redacts; texts are cut at 2,000 characters, the method at 20. Raises
    ParameterError for an address that is none, CheckViolation for a status outside of 100 to 599
    and for a duration that is negative, above 1e9 or no number.
    """
    ip, kept = address("traffic.write", request.ip) or "", redacted(request)
    await _insert(
        db, ip, readable(kept.method, _LONGEST_METHOD), kept.path, kept.endpoint, kept.status,
        kept.duration_ms, kept.host, kept.user_id, kept.error,
    )  # fmt: skip


@operation
async def list_by_status(
    db: AsyncExecutor,
    status: int,
    since: datetime,
    before_at: datetime | None = None,
    before_id: int | None = None,
    page_size: int = 100,
) -> list[RequestLog]:
    """Return the requests that were answered with a status, in pages as ``list_recent``.

    From 400 on by an index, whatever *since* is; below, a rare status costs all requests from
    *since* on.
    """
    listed = _list_errors if status >= _FIRST_ERROR else _list_by_status
    return await listed(db, status, since, before_at, before_id, page_size)


@operation
async def statistics(db: AsyncExecutor, since: datetime, until: datetime) -> TrafficStatistics:
    """Count and time the requests from *since* up to, but not including, *until*.

    Counts and averages are exact, of whatever is committed when it is asked. Percentiles are exact
    where there are at most ``rollups.FEW`` requests, and otherwise at most 5 % off. Where rows are
    gone, a window counts whole minutes alone. Raises ParameterError if *since* is after *until*.
    """
    require_window("traffic.statistics", since, until)
    async with db.transaction() as tx:
        await plan_lightly(tx)
        total, *endpoints = await _summarize(tx, since, until, FEW)
    return TrafficStatistics(total, tuple(endpoints))
