"""API logs: requests to the API and what they were answered. The SQL is in api_logs.sql."""

from collections.abc import Iterable
from dataclasses import dataclass

from oadb.engine.queries import queries
from oadb.engine.results import Affected

query = queries("api_logs")


@dataclass(frozen=True, slots=True)
class Call:
    """A request to the API, to be written; ``request`` and ``response`` are redacted on the way."""

    endpoint: str
    method: str
    status: int
    user_id: int | None = None
    ip: str | None = None
    request: dict[str, object] | None = None
    response: dict[str, object] | None = None
    error: str | None = None


@query
def store(blocks: Iterable[bytes]) -> Affected: ...


query.complete()
