"""Analyzer logs: orders that were analyzed instead of sent to a broker."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.values import readable
from oadb.engine.executors import AsyncExecutor
from oadb.logs.redaction import redacted
from oadb.validation.rules import TimeZone

query = queries(__name__)

Facet = Literal["total", "api_type", "error", "strategy", "symbol"]

# Characters stored of a text that a client may have chosen.
_LONGEST_API_TYPE = 100


@dataclass(frozen=True, slots=True)
class Analysis:
    """An analyzed order to write; both bodies are redacted before they are stored."""

    api_type: str
    request: dict[str, object]
    response: dict[str, object]
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class AnalyzerLog:
    """An analyzed order, as it is stored."""

    log_id: int
    logged_at: datetime
    user_id: int | None
    api_type: str
    request: dict[str, object]
    response: dict[str, object]


@dataclass(frozen=True, slots=True)
class Tally:
    """The number of analyses with a value, such as 3 with the strategy Momentum.

    The value of the facet ``total`` is empty.
    """

    facet: Facet
    value: str
    analyses: int


@query
def store(blocks: Iterable[bytes]) -> Affected: ...


@query
def _insert(
    user_id: int | None,
    api_type: str,
    request: dict[str, object],
    response: dict[str, object],
) -> Affected: ...


@query
def list_recent(
    since: datetime | None = None,
    before_at: datetime | None = None,
    before_id: int | None = None,
    page_size: int = 100,
) -> list[AnalyzerLog]: ...


@query
def list_by_user(
    user_id: int,
    since: datetime | None = None,
    before_at: datetime | None = None,
    before_id: int | None = None,
    page_size: int = 100,
) -> list[AnalyzerLog]: ...


@query
def _list_by_day(
    day: date,
    zone: str,
    before_at: datetime | None,
    before_id: int | None,
    page_size: int,
) -> list[AnalyzerLog]: ...


@query
def tally(
    since: datetime, until: datetime | None = None, user_id: int | None = None
) -> list[Tally]: ...


@query
def count(since: datetime | None = None, until: datetime | None = None) -> int: ...


query.complete()


@operation
async def write(db: AsyncExecutor, analysis: Analysis) -> None:
    """Write an analysis in the caller's transaction: it is stored if, and only if, that commits.

    Redacted as by a LogWriter without additional fields. ``api_type`` is cut to 100 characters.
    """
    kept = redacted(analysis)
    api_type = readable(kept.api_type, _LONGEST_API_TYPE)
    await _insert(db, kept.user_id, api_type, kept.request, kept.response)


@operation
async def list_by_day(
    db: AsyncExecutor,
    day: date,
    zone: TimeZone = "Asia/Kolkata",
    *,
    before_at: datetime | None = None,
    before_id: int | None = None,
    page_size: int = 100,
) -> list[AnalyzerLog]:
    """List the analyses of a calendar day in a time zone, in pages.

    Args:
        zone: a name of the IANA time zone database.
        before_at: ``logged_at`` of the last row of the page before; None starts at the newest.
        before_id: ``log_id`` of that row; without it, ``before_at`` ends a window.

    Returns:
        The analyses, newest first, at most 1000.

    Raises:
        ParameterError: *zone* is not a known time zone.
    """
    return await _list_by_day(db, day, zone, before_at, before_id, page_size)
