"""Traffic: every HTTP request to the service."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from oadb.engine.binding.operations import operation
from oadb.engine.binding.pages import Limit, Page
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.sendable_texts import readable
from oadb.engine.executors import AsyncExecutor
from oadb.logs.clocks import RIGHT
from oadb.logs.redaction import redacted
from oadb.logs.rollups import summarized
from oadb.validation.argument_rules import Ip

__all__ = [
    "ClientTraffic",
    "EndpointTraffic",
    "LoggedRequest",
    "Request",
    "TrafficStatistics",
    "count",
    "get",
    "list_clients",
    "list_requests",
    "record",
    "statistics",
    "stream",
]

query = queries(__name__)

_LONGEST_METHOD = 20
_FIRST_ERROR = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request to record. ``endpoint`` is the route that matched; None: no route did."""

    ip: Ip
    method: str
    path: str
    status: int
    duration_ms: float
    endpoint: str | None = None
    host: str | None = None
    user_id: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """An HTTP request, as it is stored."""

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
class ClientTraffic:
    """An address with its number of requests and of errors, and the time of its last request."""

    ip: str
    requests: int
    errors: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class EndpointTraffic:
    """Requests of an endpoint (None: no route matched) or of all; times in milliseconds.

    Without any request, ``average_ms`` and the percentiles are None. ``bins`` and ``counts`` are a
    histogram: see ``rollups.bin_edges``.
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
        """Requests answered with a status of 400 or above."""
        return self.status_4xx + self.status_5xx


@dataclass(frozen=True, slots=True)
class TrafficStatistics:
    """The requests in a window: all together, and of each endpoint, by number of requests."""

    total: EndpointTraffic
    endpoints: tuple[EndpointTraffic, ...]


@query
def store(
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
    clock: datetime = RIGHT,
) -> Affected: ...


@query
def copy_in(blocks: Iterable[bytes]) -> Affected: ...


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
def get(log_id: int, *, logged_at: datetime) -> LoggedRequest | None:
    """Return a request; None if there is none. *logged_at* finds the partition."""
    ...


@query
def _list_requests(
    ip: str | None,
    endpoint: str | None,
    status: int | None,
    error_status: int | None,
    *,
    text: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> Page[LoggedRequest]: ...


@query
def stream(
    *,
    ip: Ip | None = None,
    endpoint: str | None = None,
    status: int | None = None,
    text: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[LoggedRequest]:
    """Yield the requests in a window that pass every filter as they arrive, oldest first."""
    ...


@query
def count(
    *,
    ip: Ip | None = None,
    endpoint: str | None = None,
    status: int | None = None,
    text: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Count the requests in a window that pass every filter: the total of ``list_requests``."""
    ...


@query
def list_clients(
    host: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> Page[ClientTraffic]:
    """List the addresses that requested a host in a window, most requests first.

    Looks at the newest 200,000 requests of the window, to all hosts.
    """
    ...


@query
def _summarize(since: datetime, until: datetime, few: int) -> list[EndpointTraffic]: ...


query.complete()


@operation
async def record(db: AsyncExecutor, request: Request) -> None:
    """Store one request immediately; for many requests, a LogWriter is much cheaper.

    Redacted as by a LogWriter. Texts are cut to 2000 characters, the method to 20, the
    template of the error to 500.

    Raises:
        ParameterError: the IP address is invalid; or the status is not in 100 to 599, or the
            duration is negative, above 1e9 or NaN.
    """
    kept = redacted(request)
    await _insert(
        db,
        kept.ip,
        readable(kept.method, _LONGEST_METHOD),
        kept.path,
        kept.endpoint,
        kept.status,
        kept.duration_ms,
        kept.host,
        kept.user_id,
        kept.error,
    )


@operation
async def list_requests(
    db: AsyncExecutor,
    *,
    ip: Ip | None = None,
    endpoint: str | None = None,
    status: int | None = None,
    text: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> Page[LoggedRequest]:
    """List the requests in a window that pass every filter.

    *text* is looked for in any case, in path, endpoint, host and error. Indexes serve an address,
    and statuses from 400 on. For a rare text, endpoint or status below 400, all requests of the
    window are read.

    Returns:
        A page of the requests, newest first.

    Raises:
        ParameterError: *limit* is not in 1 to 1000, *cursor* belongs to another list, or *since*
            is after *until*.
    """
    is_error = status is not None and status >= _FIRST_ERROR
    statuses = (None, status) if is_error else (status, None)
    return await _list_requests(
        db, ip, endpoint, *statuses, text=text, since=since, until=until, cursor=cursor, limit=limit
    )


@operation
async def statistics(db: AsyncExecutor, *, since: datetime, until: datetime) -> TrafficStatistics:
    """Summarize the requests from *since* up to, but not including, *until*.

    Counts and averages are exact, and include all committed rows. Percentiles are exact for up to
    1000 requests, and otherwise at most 5 % off. Once rows are deleted, only whole
    minutes of the window count.

    Returns:
        Counts, averages and percentiles of all requests and of each endpoint.

    Raises:
        ParameterError: *since* is after *until*.
    """
    total, *endpoints = await summarized(db, _summarize, since, until)
    return TrafficStatistics(total, tuple(endpoints))
