"""Histories, which are OpenAlgo's tables that only grow: its logs; ``attempts`` has its sign-ins.

Each describes how rows are converted and stored. Secrets are redacted as in new rows: OpenAlgo
wrote API keys into bodies, and secrets of webhooks into paths. A time without a zone is Indian time
if OpenAlgo's clock set it, and UTC if SQLite's did.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Generic, TypeVar, cast

from oadb.engine.binding.queries import Query
from oadb.engine.executors import Executor
from oadb.errors import RowError
from oadb.importing import verifying
from oadb.importing.columns import (
    ip,
    number,
    one_of,
    optional_number,
    optional_text,
    text,
    whole,
)
from oadb.importing.hidden_fields import HiddenFields
from oadb.importing.openalgo_tables import Row
from oadb.logs import latency
from oadb.logs.redaction import Redaction
from oadb.logs.writing.encoding import array, element
from oadb.market.brokers.field_values import ConversionCache
from oadb.validation.time_zones import INDIA

T = TypeVar("T")

Elements = tuple[str, ...]
"""The values of a row, each encoded as an element of an array."""

BODIES = ("request_body", "response_body")
"""The columns of order_latency that have no counterpart."""

_CALL_OUTCOMES: Mapping[str, latency.CallOutcome] = {
    "SUCCESS": "succeeded",
    "FAILED": "failed",
    "PARTIAL": "partial",
}
# Reads NaN and infinities, which jsonb does not have, as texts.
_decoder = json.JSONDecoder(parse_constant=str)

_LONGEST_DURATION = 1e9
"""Milliseconds; the tables refuse longer ones."""


@dataclass(frozen=True, slots=True)
class History(Generic[T]):
    """A table that only grows: how its rows are converted and stored.

    ``column`` has the time of a row; ``zone`` applies to times without a zone. ``list_missing``
    returns the positions, from 1, of rows that oadb does not have. ``log`` is the log table in
    oadb; None for login attempts. ``hidden`` counts what is left out of bodies.
    """

    table: str
    columns: tuple[str, ...]
    column: str
    zone: tzinfo
    convert: Callable[[Row, datetime], T]
    store: Callable[[Executor, list[T]], object]
    list_missing: Callable[[Executor, list[T]], list[int]]
    log: str | None = None
    hidden: HiddenFields = field(default_factory=HiddenFields)


def logs(owner: int | None, kept_fields: Collection[str] = ()) -> tuple[History[Elements], ...]:
    """Return the logs; requests to the API, which have no user in OpenAlgo, become *owner*'s.

    Args:
        kept_fields: names of fields of bodies that are kept as well; see ``Redaction``.
    """
    hidden = HiddenFields()
    redaction = Redaction(kept_fields, hidden.add)
    known = ConversionCache[str, str](lambda text: element(redaction.text(text)))
    writer = _RowEncoder(redaction, known, owner, hidden)
    made = partial(_log, hidden)
    bodies = ("id", "api_type", "request_data", "response_data", "created_at")
    return (
        made("order_logs", bodies, "created_at", INDIA, writer.call, verifying.CALLS),
        made("analyzer_logs", bodies, "created_at", INDIA, writer.analysis, verifying.ANALYSES),
        made("traffic_logs", _TRAFFIC, "timestamp", UTC, writer.request, verifying.REQUESTS),
        made("order_latency", _LATENCY, "timestamp", UTC, writer.timing, verifying.TIMINGS),
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
    hidden: HiddenFields,
    table: str,
    columns: tuple[str, ...],
    column: str,
    zone: tzinfo,
    convert: Callable[[Row, datetime], Elements],
    statements: verifying.Statements,
) -> History[Elements]:
    store, list_missing = statements
    log = store.label.partition(".")[0]
    stored, missing = partial(_in_columns, store), partial(_in_columns, list_missing)
    return History(table, columns, column, zone, convert, stored, missing, log, hidden)


def _in_columns(run: Query[..., T], db: Executor, rows: list[Elements]) -> T:
    return run(db, *map(array, zip(*rows, strict=True)))


@dataclass(frozen=True, slots=True)
class _RowEncoder:
    """Encodes rows, with columns in the order of the ``store`` statements."""

    redaction: Redaction
    known: ConversionCache[str, str]
    """Redacted and encoded texts: many rows have the same names and paths."""
    owner: int | None
    hidden: HiddenFields

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
            _host(row),
            None,
            optional_text(row, "error"),
        )

    def timing(self, row: Row, moment: datetime) -> Elements:
        for name in BODIES:
            if row.get(name) is not None:
                self.hidden.add(name)
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


def _host(row: Row) -> str | None:
    """Return the host of a request; "unknown" stands for none."""
    host = optional_text(row, "host")
    return None if host == "unknown" else host


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
