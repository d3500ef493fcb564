"""Analyzer logs: orders that were analyzed instead of sent to a broker."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from oadb.engine.binding.operations import operation
from oadb.engine.binding.pages import Limit, Page
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.sendable_texts import readable
from oadb.engine.executors import AsyncExecutor
from oadb.logs.clocks import RIGHT
from oadb.logs.redaction import redacted
from oadb.validation.argument_rules import TimeZone

__all__ = [
    "Analysis",
    "Facet",
    "FacetCount",
    "LoggedAnalysis",
    "count",
    "count_by_facet",
    "get",
    "list_analyses",
    "record",
    "stream",
]

query = queries(__name__)

Facet = Literal["total", "api_type", "error", "strategy", "symbol"]
"""What analyses are counted by; total: all of them."""

# Characters stored of a text that a client may have chosen.
_LONGEST_API_TYPE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """An analyzed order to record; both bodies are redacted before they are stored."""

    api_type: str
    request: dict[str, object]
    response: dict[str, object]
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class LoggedAnalysis:
    """An analyzed order, as it is stored."""

    log_id: int
    logged_at: datetime
    user_id: int | None
    api_type: str
    request: dict[str, object]
    response: dict[str, object]


@dataclass(frozen=True, slots=True)
class FacetCount:
    """The number of analyses with a value, such as 3 with the strategy Momentum.

    The value of the facet ``total`` is empty.
    """

    facet: Facet
    value: str
    analyses: int


@query
def store(
    logged_at: str,
    user_id: str,
    api_type: str,
    request: str,
    response: str,
    clock: datetime = RIGHT,
) -> Affected: ...


@query
def copy_in(blocks: Iterable[bytes]) -> Affected: ...


@query
def _insert(
    user_id: int | None,
    api_type: str,
    request: dict[str, object],
    response: dict[str, object],
) -> Affected: ...


@query
def get(log_id: int, *, logged_at: datetime) -> LoggedAnalysis | None:
    """Return an analysis; None if there is none. *logged_at* finds the partition."""
    ...


@query
def list_analyses(
    *,
    user_id: int | None = None,
    api_type: str | None = None,
    text: str | None = None,
    day: date | None = None,
    time_zone: TimeZone = "Asia/Kolkata",
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> Page[LoggedAnalysis]:
    """List the analyses in a window or of a *day* that pass every filter, newest first.

    *text* is looked for in any case, in API type and both bodies.
    """
    ...


@query
def stream(
    *,
    user_id: int | None = None,
    api_type: str | None = None,
    text: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[LoggedAnalysis]:
    """Yield the analyses in a window that pass every filter as they arrive, oldest first."""
    ...


@query
def count_by_facet(
    *, since: datetime, until: datetime | None = None, user_id: int | None = None
) -> list[FacetCount]:
    """Count the analyses in a window by API type, error, strategy and symbol."""
    ...


@query
def count(
    *,
    user_id: int | None = None,
    api_type: str | None = None,
    text: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Count the analyses in a window that pass every filter: the total of ``list_analyses``."""
    ...


query.complete()


@operation
async def record(db: AsyncExecutor, analysis: Analysis) -> None:
    """Store an analysis in the caller's transaction: it is stored if, and only if, that commits.

    Redacted as by a LogWriter without additional fields. ``api_type`` is cut to 100 characters.
    """
    kept = redacted(analysis)
    api_type = readable(kept.api_type, _LONGEST_API_TYPE)
    await _insert(db, kept.user_id, api_type, kept.request, kept.response)
