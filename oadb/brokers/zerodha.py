"""Zerodha's instrument dump: one CSV with all exchanges, as its instruments endpoint serves it.

Symbols become the platform's: an underlying, the expiry as DDMMMYY, the strike, FUT, CE or PE;
an index moves to the exchange NSE_INDEX or BSE_INDEX.
"""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeVar

from oadb.brokers.files import Record, records
from oadb.instruments import Instrument, Rejected

T = TypeVar("T")

BROKER = "zerodha"

COLUMNS = (
    "instrument_token", "exchange_token", "tradingsymbol", "name", "expiry", "strike",
    "tick_size", "lot_size", "instrument_type", "segment", "exchange",
)  # fmt: skip

# Indices that the platform calls by another name than the exchange does.
_INDEX_SYMBOLS = {
    "NIFTY 50": "NIFTY",
    "NIFTY BANK": "BANKNIFTY",
    "NIFTY FIN SERVICE": "FINNIFTY",
    "NIFTY MID SELECT": "MIDCPNIFTY",
    "NIFTY NEXT 50": "NIFTYNXT50",
    "INDIA VIX": "INDIAVIX",
}

_OPTIONS = frozenset({"CE", "PE"})

# Not of the locale.
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]

# Before or after the decimal point; what is longer is no price, and too long to write out.
_MOST_DIGITS = 20


class _FieldError(Exception):
    """A field that cannot be read; the text says what was expected."""


def read(path: Path) -> Iterator[Instrument | Rejected]:
    """Yield each line as an Instrument, or as Rejected with file, line and reason.

    Raises LoadError if the file as a whole cannot be read.
    """
    for record in records(path, COLUMNS):
        if record.fault is not None:
            yield Rejected(record.where, record.fault)
            continue
        try:
            yield _instrument(record)
        except _FieldError as fault:
            yield Rejected(record.where, str(fault))


def _instrument(record: Record) -> Instrument:
    fields = record.fields
    kind = "INDEX" if fields["segment"] == "INDICES" else fields["instrument_type"]
    expiry = (
        _field(record, "expiry", date.fromisoformat, "a date as 2025-07-31")
        if fields["expiry"]
        else None
    )
    strike = _number(record, "strike") if kind in _OPTIONS else None
    return Instrument(
        broker=BROKER,
        exchange=f"{fields['exchange']}_INDEX" if kind == "INDEX" else fields["exchange"],
        symbol=_symbol(fields, kind, expiry, strike),
        name=fields["name"] or None,
        broker_symbol=fields["tradingsymbol"],
        broker_exchange=fields["exchange"],
        # Both numbers: orders and ticks want the first, historical data the second.
        token=f"{fields['instrument_token']}::::{fields['exchange_token']}",
        instrument_type=kind,
        expiry=expiry,
        strike=strike,
        lot_size=_field(record, "lot_size", int, "a whole number"),
        tick_size=_number(record, "tick_size"),
        contract_value=Decimal(1),
    )


def _symbol(fields: dict[str, str], kind: str, expiry: date | None, strike: Decimal | None) -> str:
    if kind == "INDEX":
        return _INDEX_SYMBOLS.get(fields["tradingsymbol"], fields["tradingsymbol"])
    if expiry is None or not fields["name"]:
        return fields["tradingsymbol"]
    price = "" if strike is None else f"{strike.normalize():f}"
    day = f"{expiry:%d}{_MONTHS[expiry.month - 1]}{expiry:%y}"
    return f"{fields['name']}{day}{price}{kind}"


def _number(record: Record, column: str) -> Decimal:
    return _field(record, column, _finite, "a number")


def _finite(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite() or abs(value.adjusted()) > _MOST_DIGITS:
        raise ValueError
    return value


def _field(record: Record, column: str, convert: Callable[[str], T], expected: str) -> T:
    text = record.fields[column]
    try:
        return convert(text)
    except (ValueError, InvalidOperation):
        raise _FieldError(f"{column} is {text[:40]!r}; expected {expected}") from None
