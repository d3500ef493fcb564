"""API logs: requests to the API and the responses to them."""

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
from oadb.validation.argument_rules import Ip

__all__ = [
    "Call",
    "LoggedCall",
    "count",
    "get",
    "list_calls",
    "record",
    "search",
    "stream",
]

query = queries(__name__)

# Characters stored of a text that a client may have chosen.
_LONGEST_ENDPOINT, _LONGEST_METHOD, _LONGEST_ERROR = 500, 20, 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request to the API to record; both bodies are redacted before they are stored."""

    endpoint: str
    method: str
    status: int
    user_id: int | None = None
    ip: Ip | None = None
    request: dict[str, object] | None = None
    response: dict[str, object] | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """A request to the API, as it is stored."""

    log_id: int
    logged_at: datetime
    user_id: int | None
    endpoint: str
    method: str
    status: int
    ip: str | None
    request: dict[str, object] | None
    response: dict[str, object] | None
    error: str | None


@query
def store(
    logged_at: str,
    user_id: str,
    endpoint: str,
    method: str,
    status: str,
    ip: str,
    request: str,
    response: str,
    error: str,
    clock: datetime = RIGHT,
) -> Affected: ...


@query
def copy_in(blocks: Iterable[bytes]) -> Affected: ...


@query
def _insert(
    user_id: int | None,
    endpoint: str,
    method: str,
    status: int,
    ip: str | None,
    request: dict[str, object] | None,
    response: dict[str, object] | None,
    error: str | None,
) -> Affected: ...


@query
def get(log_id: int, *, logged_at: datetime) -> LoggedCall | None:
    """Return a call; None if there is none. *logged_at* finds the partition."""
    ...


@query
def list_calls(
    *,
    user_id: int | None = None,
    endpoint: str | None = None,
    status: int | None = None,
    text: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> Page[LoggedCall]:
    """List the calls in a window that pass every filter, newest first.

    *text* is looked for in any case, in endpoint, error and both bodies.
    """
    ...


@query
def search(
    content: dict[str, object],
    *,
    user_id: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> Page[LoggedCall]:
    """List the calls in a window whose request or response contains *content*, newest first."""
    ...


@query
def stream(
    *,
    user_id: int | None = None,
    endpoint: str | None = None,
    status: int | None = None,
    text: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[LoggedCall]:
    """Yield the calls in a window that pass every filter as they arrive, oldest first."""
    ...


@query
def count(
    *,
    user_id: int | None = None,
    endpoint: str | None = None,
    status: int | None = None,
    text: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Count the calls in a window that pass every filter: the total of ``list_calls``."""
    ...


query.complete()


@operation
async def record(db: AsyncExecutor, call: Call) -> None:
    """Store a call in the caller's transaction: it is stored if, and only if, that commits.

    Redacted as by a LogWriter without additional fields. Long texts are cut: the endpoint to 500
    characters, the method to 20, the template of the error to 500.

    Raises:
        ParameterError: the IP address is invalid; or the status is not in 100 to 599.
    """
    kept = redacted(call)
    await _insert(
        db,
        kept.user_id,
        readable(kept.endpoint, _LONGEST_ENDPOINT),
        readable(kept.method, _LONGEST_METHOD),
        kept.status,
        kept.ip,
        kept.request,
        kept.response,
        None if kept.error is None else readable(kept.error, _LONGEST_ERROR),
    )
