"""Analyzer logs: orders that were analyzed, not sent."""

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
from oadb.validation import time_zones

query = queries(__name__)

Facet = Literal["total", "api_type", "error", "strategy", "symbol"]

# Characters that are kept of what a client may have chosen.
_LONGEST_API_TYPE = 100


@dataclass(frozen=True, slots=True)
class Analysis:
    """An order that was analyzed, to be written; both bodies are redacted on the way."""

    api_type: str
    request: dict[str, object]
    response: dict[str, object]
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class AnalyzerLog:
    """An order that was analyzed, as it was written."""

    log_id: int
    logged_at: datetime
    user_id: int | None
    api_type: str
    request: dict[str, object]
    response: dict[str, object]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many analyses have a value: 3 of the strategy Momentum. The total's value is empty."""

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
    """Write *analysis* in the caller's transaction: it is there if, and only if, that commits.

    Redacted as LogWriter redacts, by the usual fields. Of api_type 100 characters are kept.
    """
    kept = redacted(analysis)
    api_type = readable(kept.api_type, _LONGEST_API_TYPE)
    await _insert(db, kept.user_id, api_type, kept.request, kept.response)


@operation
async def list_by_day(
    db: AsyncExecutor,
    day: date,
    zone: str = "Asia/Kolkata",
    *,
    before_at: datetime | None = None,
    before_id: int | None = None,
    page_size: int = 100,
) -> list[AnalyzerLog]:
    """Return the analyses of a *day* as it was in *zone*, newest first, in pages.

    Raises ParameterError if *zone* is no name of the IANA time zone database.
    """
    time_zones.require("analyzer_logs.list_by_day: zone", zone)
    return await _list_by_day(db, day, zone, before_at, before_id, page_size)
