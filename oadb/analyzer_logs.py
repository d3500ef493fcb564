"""Analyzer logs: orders that were analyzed, not sent. The SQL is in analyzer_logs.sql."""

from collections.abc import Iterable
from dataclasses import dataclass

from oadb.engine.queries import queries
from oadb.engine.results import Affected

query = queries("analyzer_logs")


@dataclass(frozen=True, slots=True)
class Analysis:
    """An order that was analyzed, to be written; both bodies are redacted on the way."""

    api_type: str
    request: dict[str, object]
    response: dict[str, object]
    user_id: int | None = None


@query
def store(blocks: Iterable[bytes]) -> Affected: ...


query.complete()
