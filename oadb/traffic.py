"""Traffic: HTTP requests, whatever they asked for. The SQL is in traffic.sql."""

from collections.abc import Iterable
from dataclasses import dataclass

from oadb.engine.queries import queries
from oadb.engine.results import Affected

query = queries("traffic")


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


@query
def store(blocks: Iterable[bytes]) -> Affected: ...


query.complete()
