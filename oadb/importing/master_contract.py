"""Imports the master contract (symtoken): instruments of one broker, which it does not name."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import chain

from oadb.engine.database import Database
from oadb.errors import LoadError, RowError
from oadb.importing.columns import moment, optional_text, text
from oadb.importing.openalgo_tables import Row
from oadb.importing.reports import TableReport
from oadb.importing.sources import Sources
from oadb.market import instruments, loads
from oadb.market.brokers import field_values
from oadb.market.brokers.field_values import ConversionCache
from oadb.market.instruments import LONGEST_TEXT, Listing, Rejected
from oadb.market.intake import Intake
from oadb.market.loads import LoadLimits
from oadb.validation.time_zones import INDIA

TABLE = "symtoken"

_COLUMNS = (
    "id", "symbol", "brsymbol", "name", "exchange", "brexchange", "token", "expiry", "strike",
    "lotsize", "instrumenttype", "tick_size", "contract_value",
)  # fmt: skip  # a table

# 31-JUL-25; dates with a year of four digits need no change.
_SHORT_YEAR = re.compile(r"(\d\d-?[A-Z]{3}-?)(\d\d)", re.ASCII)

_DERIVATIVE = re.compile(r"(.+?)\d\d[A-Z]{3}\d\d[\d.]*(?:FUT|CE|PE)", re.ASCII)

_OPTIONS = frozenset({"CE", "PE"})
_CONTRACTS = _OPTIONS | {"FUT"}

# What an installation held comes over as it is, however old; rows that do not are in the report.
_LIMITS = LoadLimits(max_rejected=1, allow_expired=True)


_COMPARED = (
    "token", "broker_symbol", "broker_exchange", "expiry", "strike", "lot_size", "tick_size",
)  # fmt: skip  # a table
"""What an order needs to be right."""


def verify(db: Database, sources: Sources, broker: str) -> TableReport:
    """Compare the master contract row by row with the instruments of *broker* in oadb."""
    report, reader = TableReport(TABLE), _RowReader()
    known = {
        (each.exchange, each.symbol): each for each in instruments.stream_by_broker(db, broker)
    }
    for row in _counted(sources.rows(TABLE), report):
        listed = _listed(reader, broker, report, row)
        if isinstance(listed, Rejected):
            continue
        given = listed.instrument()
        found = known.get((given.exchange, given.symbol))
        if found is None:
            report.leave_out(row.get("id"), "oadb has no such instrument")
            continue
        report.existing += 1
        for name in _COMPARED:
            if getattr(given, name) != getattr(found, name):
                report.keep(row.get("id"), name)
    return report


def load(db: Database, sources: Sources, broker: str | None, *, applies: bool) -> TableReport:
    """Load the master contract as that of *broker*, unless the broker has instruments in oadb.

    Brokers publish a new one each day, which an older one must not replace.
    """
    report = TableReport(TABLE)
    rows = _counted(sources.rows(TABLE), report)
    if broker is None:
        report.remarks.append("the table does not say which broker it is from: give --broker")
    elif instruments.count_by_broker(db, broker):
        report.remarks.append(f"{broker} has instruments in oadb already, which stay as they are")
    elif (first := next(rows, None)) is not None:
        listed = map(partial(_listed, _RowReader(), broker, report), chain((first,), rows))
        report.written, duplicates = (
            _load(db, broker, listed, report, _downloaded_at(sources, broker))
            if applies
            else _check(broker, listed)
        )
        if duplicates:
            report.lack(f"{duplicates:,} rows have the symbol or the token of another row")
    deque(rows, maxlen=0)  # counts the remaining rows
    if broker is None and report.found:
        report.is_complete = False
    return report


def _counted(rows: Iterator[Row], report: TableReport) -> Iterator[Row]:
    for row in rows:
        if not report.found:
            report.compare(row, _COLUMNS)
        report.found += 1
        yield row


def _downloaded_at(sources: Sources, broker: str) -> datetime | None:
    """Return when OpenAlgo downloaded the list, by its clock; None: not known, or in the future."""
    for row in sources.downloads():
        if row.get("broker") == broker:
            with suppress(RowError):
                found = moment(row, "last_download_time", INDIA)
                return found if found <= datetime.now(UTC) else None
    return None


def _load(
    db: Database,
    broker: str,
    rows: Iterable[Listing | Rejected],
    report: TableReport,
    downloaded_at: datetime | None,
) -> tuple[int, int]:
    """Load rows; return the numbers of rows written and of duplicates."""
    try:
        done = loads.load(
            db,
            broker,
            rows,
            source="symtoken of OpenAlgo",
            downloaded_at=downloaded_at,
            limits=_LIMITS,
        )
    except LoadError as error:
        report.lack(str(error).partition("\n")[0])
        return 0, 0
    return done.inserted, done.duplicates.rows


def _check(broker: str, rows: Iterable[Listing | Rejected]) -> tuple[int, int]:
    """Return the same numbers without loading the rows."""
    intake = Intake(broker)
    deque(intake.accept(rows), maxlen=0)
    return intake.accepted, intake.duplicate_symbols.rows + intake.duplicate_tokens.rows


def _listed(reader: "_RowReader", broker: str, report: TableReport, row: Row) -> Listing | Rejected:
    try:
        return reader.listing(row, broker)
    except RowError as fault:
        report.leave_out(row.get("id"), str(fault))
        return Rejected(f"id {row.get('id')}", str(fault))


class _RowReader:
    """Converts rows; all of them have the same few thousand expiries and prices."""

    def __init__(self) -> None:
        self._expiries = _cached("expiry", _expiry, "a date such as 31-JUL-25")
        self._strikes = _cached("strike", field_values.positive, "a number above 0")
        self._lots = _cached("lotsize", field_values.whole_number, "a whole number from 0")
        self._ticks = _cached("tick_size", field_values.number, "a number from 0")
        self._values = _cached("contract_value", field_values.positive, "a number above 0")

    def listing(self, row: Row, broker: str) -> Listing:
        """Convert a row.

        Raises:
            RowError: a value is missing or invalid.
        """
        exchange, symbol, token = text(row, "exchange"), text(row, "symbol"), text(row, "token")
        broker_symbol, name = text(row, "brsymbol"), optional_text(row, "name") or ""
        kind = (optional_text(row, "instrumenttype") or "EQ").upper()
        broker_exchange = optional_text(row, "brexchange") or exchange
        texts = (exchange, symbol, broker_symbol, token, name, kind, broker_exchange)
        if max(map(len, texts)) > LONGEST_TEXT:
            raise RowError(f"it has a text of more than {LONGEST_TEXT} characters")
        expiry = optional_text(row, "expiry") or ""
        if kind in _OPTIONS and not expiry:
            raise RowError("expiry is missing")
        root = _DERIVATIVE.fullmatch(symbol) if kind in _CONTRACTS else None
        return Listing(
            broker,
            exchange,
            symbol,
            name,
            broker_symbol,
            broker_exchange,
            token,
            kind,
            root[1] if root else name if kind in _CONTRACTS else "",
            self._expiries[expiry] if expiry else "",
            self._strikes[str(row.get("strike"))] if kind in _OPTIONS else "",
            self._lots[_given(row, "lotsize", "0")],
            self._ticks[_given(row, "tick_size", "0")],
            self._values[value] if (value := _given(row, "contract_value", "")) else "",
            "",
        )


def _cached(column: str, convert: Callable[[str], str], expected: str) -> ConversionCache[str, str]:
    """Return a cache of converted texts; its errors quote no value, so that they can be counted."""

    def converted(given: str) -> str:
        try:
            return convert(given)
        except (ValueError, ArithmeticError):
            raise RowError(f"{column} is not {expected}") from None

    return ConversionCache(converted)


def _given(row: Row, column: str, default: str) -> str:
    value = row.get(column)
    return default if value is None else str(value)


def _expiry(text: str) -> str:
    """Return a date as PostgreSQL reads it; raise ValueError if it is invalid."""
    short = _SHORT_YEAR.fullmatch(text.upper())
    return field_values.expiry(f"{short[1]}20{short[2]}" if short else text)[0]
