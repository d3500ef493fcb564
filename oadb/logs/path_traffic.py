"""Traffic by the beginnings of paths, such as all of an API and each of its routes."""

from dataclasses import dataclass
from datetime import datetime

from oadb.engine.binding.queries import queries

__all__ = ["PathTraffic", "summarize"]

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class PathTraffic:
    """The requests whose path begins with *prefix*, and those answered with 400 or above.

    ``average_ms`` is None without any request.
    """

    prefix: str
    requests: int
    errors: int
    average_ms: float | None


@query
def summarize(prefixes: list[str], *, since: datetime, until: datetime) -> list[PathTraffic]:
    """Summarize the requests in a window by what their paths begin with, in the given order."""
    ...


query.complete()
