"""Histories, which are OpenAlgo's tables that only grow: its logs and its login attempts.

Each describes how rows are converted and stored. Secrets are redacted as in new rows: OpenAlgo
wrote API keys into bodies, and secrets of webhooks into paths. A time without a zone is Indian time
if OpenAlgo's clock set it, and UTC if SQLite's did.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Generic, TypeVar, cast

from oadb.accounts.login_attempts import LoginMethod, LoginOutcome
from oadb.engine.binding.queries import Query
from oadb.engine.binding.results import Affected
from oadb.engine.executors import Executor
from oadb.errors import RowError
from oadb.importing import imports
from oadb.importing.columns import (
    described_text,
    explained_text,
    ip,
    number,
    one_of,
    optional_number,
    optional_text,
    text,
    whole,
)
from oadb.importing.imports import ImportedAttempt
from oadb.importing.openalgo_tables import Row
from oadb.logs import analyzer_logs, api_logs, latency, traffic
from oadb.logs.redaction import Redaction
from oadb.logs.writing.encoding import array, element
from oadb.market.brokers.field_values import ConversionCache
from oadb.validation.time_zones import INDIA

T = TypeVar("T")

Elements = tuple[str, ...]
"""The values of a row, each encoded as an element of an array."""

ATTEMPTS = "login_attempts"

_CALL_OUTCOMES: Mapping[str, latency.CallOutcome] = {
    "SUCCESS": "succeeded",
    "FAILED": "failed",
    "PARTIAL": "partial",
}
_ATTEMPT_OUTCOMES: Mapping[str, LoginOutcome] = {
    "success": "succeeded",
    "failed": "failed",
    "resumed": "resumed",
}
_METHODS: Mapping[str, LoginMethod] = {"password": "password", "oauth": "oauth", "resume": "resume"}

# Reads NaN and infinities, which jsonb does not have, as texts.
_decoder = json.JSONDecoder(parse_constant=str)

_LONGEST_DURATION = 1e9
"""Milliseconds; the tables refuse longer ones."""


@dataclass(frozen=True, slots=True)
class History(Generic[T]):
    """A table that only grows: how its rows are converted and stored.

    ``column`` has the time of a row; ``zone`` applies to times without a zone. ``log`` is the log
    table in oadb; None for login attempts.
    """

    table: str
    columns: tuple[str, ...]
    column: str
    zone: tzinfo
    convert: Callable[[Row, datetime], T]
    store: Callable[[Executor, list[T]], object]
    log: str | None = None


def logs(owner: int | None) -> tuple[History[Elements], ...]:
    """Return the logs; requests to the API, which have no user in OpenAlgo, become *owner*'s."""
    redaction = Redaction()
    known = ConversionCache[str, str](lambda text: element(redaction.text(text)))
    writer = _RowEncoder(redaction, known, owner)
    bodies = ("id", "api_type", "request_data", "response_data", "created_at")
    return (
        _log("order_logs", bodies, "created_at", INDIA, writer.call, api_logs.store),
        _log("analyzer_logs", bodies, "created_at", INDIA, writer.analysis, analyzer_logs.store),
        _log("traffic_logs", _TRAFFIC, "timestamp", UTC, writer.request, traffic.store),
        _log("order_latency", _LATENCY, "timestamp", UTC, writer.timing, latency.store),
    )


_TRAFFIC = (
    "id", "timestamp", "client_ip", "method", "path", "status_code", "duration_ms", "host",
    "error", "user_id",
)  # fmt: skip  # a table
_LATENCY = (
    "id", "timestamp", "order_id", "user_id", "broker", "symbol", "order_type", "rtt_ms",
    "validation_latency_ms", "response_latency_ms", "overhead_ms", "total_latency_ms",
    "request_body", "response_body", "status", "error",
)  # fmt: skip  # a table


def _log(
    table: str,
    columns: tuple[str, ...],
    column: str,
    zone: tzinfo,
    convert: Callable[[Row, datetime], Elements],
    store: Query[..., Affected],
) -> History[Elements]:
    return History(
        table,
        columns,
        column,
        zone,
        convert,
        partial(_insert, store),
        store.label.partition(".")[0],
    )


def _insert(store: Query[..., Affected], tx: Executor, rows: list[Elements]) -> None:
    store(tx, *map(array, zip(*rows, strict=True)))


@dataclass(frozen=True, slots=True)
class _RowEncoder:
    """Encodes rows, with columns in the order of the ``store`` statements."""

    redaction: Redaction
    known: ConversionCache[str, str]
    """Redacted and encoded texts: many rows have the same names and paths."""
    owner: int | None

    def call(self, row: Row, moment: datetime) -> Elements:
        """Convert an order log. OpenAlgo stores neither method nor status; both are inferred."""
        response = _parsed(row, "response_data")
        succeeded, message = _outcome(response)
        endpoint, status = f"/api/v1/{text(row, 'api_type')}", 200 if succeeded else 400
        return self._row(
            moment,
            self.owner,
            endpoint,
            "POST",
            status,
            None,
            self._body(_parsed(row, "request_data")),
            self._body(response),
            None if succeeded else message,
        )

    def analysis(self, row: Row, moment: datetime) -> Elements:
        return self._row(
            moment,
            self.owner,
            text(row, "api_type"),
            self._body(_parsed(row, "request_data")),
            self._body(_parsed(row, "response_data")),
        )

    def request(self, row: Row, moment: datetime) -> Elements:
        status = whole(row, "status_code")
        if not 100 <= status <= 599:
            raise RowError("status_code is not an HTTP status")
        return self._row(
            moment,
            ip(row, "client_ip"),
            text(row, "method"),
            text(row, "path"),
            None,
            status,
            _milliseconds(row, "duration_ms"),
            optional_text(row, "host"),
            None,
            optional_text(row, "error"),
        )

    def timing(self, row: Row, moment: datetime) -> Elements:
        overhead = optional_number(row, "overhead_ms")
        if overhead is not None and abs(overhead) > _LONGEST_DURATION:
            raise RowError("overhead_ms is not a duration in milliseconds")
        return self._row(
            moment,
            None,
            optional_text(row, "order_id"),
            optional_text(row, "broker"),
            optional_text(row, "symbol"),
            optional_text(row, "order_type"),
            _optional_milliseconds(row, "rtt_ms"),
            _optional_milliseconds(row, "validation_latency_ms"),
            _optional_milliseconds(row, "response_latency_ms"),
            overhead,
            _milliseconds(row, "total_latency_ms"),
            one_of(row, "status", _CALL_OUTCOMES),
            optional_text(row, "error"),
        )

    def _body(self, body: object) -> "_Json":
        """Return a body, redacted; a value that is not an object is put into one."""
        kept = self.redaction.body(body)
        return _Json(kept if isinstance(body, dict) else f'{{"value": {kept}}}')

    def _row(self, moment: datetime, *values: object) -> Elements:
        known = self.known
        kept = [known[each] if type(each) is str else element(each) for each in values]
        return (moment.isoformat(), *kept)


class _Json(str):
    """A redacted body; its type keeps it out of the cache of texts."""

    __slots__ = ()


def attempts(user_of: Callable[[object], int | None]) -> History[ImportedAttempt]:
    """Return the login attempts; *user_of* returns the user id in oadb of a name."""
    columns = (
        "id", "username", "ip_address", "device_info", "status", "login_type", "broker",
        "failure_reason", "timestamp",
    )  # fmt: skip  # a table
    convert = partial(_attempt, user_of)
    return History(ATTEMPTS, columns, "timestamp", INDIA, convert, imports.record_attempts)


def _attempt(
    user_of: Callable[[object], int | None], row: Row, moment: datetime
) -> ImportedAttempt:
    try:
        address = ip(row, "ip_address")
    except RowError:
        address = None
    return ImportedAttempt(
        moment,
        text(row, "username", 254),
        user_of(row.get("username")),
        address,
        described_text(row, "device_info", 500),
        described_text(row, "broker", 50),
        one_of(row, "login_type", _METHODS, "password"),
        one_of(row, "status", _ATTEMPT_OUTCOMES),
        explained_text(row, "failure_reason", 500),
    )


def _parsed(row: Row, column: str) -> object:
    """Return the value of a column of JSON; its text if it is not valid JSON."""
    given = row.get(column)
    if not isinstance(given, str):
        raise RowError(f"{column} is missing, or not a text")
    try:
        # Rarely there is space around it, and searching for it costs as much as everything else.
        parsed, end = cast("tuple[object, int]", _decoder.raw_decode(given))
        return parsed if end == len(given) else cast("object", _decoder.decode(given))
    except (ValueError, RecursionError):
        return given


def _outcome(response: object) -> tuple[bool, str | None]:
    """Return whether a request succeeded, and the message of a failure."""
    match response:
        case {"status": "success"}:
            return True, None
        case {"message": str(message)}:
            return False, message
        case _:
            return False, None


def _milliseconds(row: Row, column: str) -> float:
    value = row.get(column)
    if type(value) is float and 0 <= value <= _LONGEST_DURATION:
        return value
    value = number(row, column)
    if not 0 <= value <= _LONGEST_DURATION:
        raise RowError(f"{column} is not a duration in milliseconds")
    return value


def _optional_milliseconds(row: Row, column: str) -> float | None:
    return None if row.get(column) is None else _milliseconds(row, column)
