"""Upstox's complete.json.gz, whose ticks are in paise, and the older complete.csv.gz, in rupees."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from oadb.errors import RowError
from oadb.market.brokers import csv_files, json_files
from oadb.market.brokers.field_values import MONTHS, PAISA
from oadb.market.brokers.files import is_json
from oadb.market.brokers.layouts import Layout, Market, converter, type_of, with_series
from oadb.market.instruments import Listing, Rejected

BROKER = "upstox"

_EXCHANGES = {
    "NSE_EQ": "NSE",
    "NSE_FO": "NFO",
    "NSE_COM": "NCO",
    "NSE_INDEX": "NSE_INDEX",
    "NCD_FO": "CDS",
    "BSE_EQ": "BSE",
    "BSE_FO": "BFO",
    "BSE_INDEX": "BSE_INDEX",
    "BCD_FO": "BCD",
    "MCX_FO": "MCX",
    "MCX_INDEX": "MCX_INDEX",
    "GLOBAL_INDEX": "GLOBAL_INDEX",
    "GLOBAL_INDICATOR": "GLOBAL_INDEX",
}


def read(path: Path) -> Iterator[Listing | Rejected]:
    """Read the file, JSON or CSV; see ``brokers.read``."""
    layout, rows = (JSON, json_files.rows) if is_json(path) else (CSV, csv_files.rows)
    yield from rows(path, layout.columns, converter(layout))


def _market(segment: str, instrument: str) -> Market:
    exchange = _EXCHANGES.get(segment)
    if exchange is None:
        raise RowError(f"segment is {segment[:40]!r}; expected one of {', '.join(_EXCHANGES)}")
    if exchange.endswith("_INDEX"):
        return Market(exchange, segment, "INDEX")
    return Market(exchange, segment, "EQ" if segment.endswith("_EQ") else type_of(instrument))


def _root(symbol: str, expiry: str, strike: str, kind: str) -> str:
    """Cut off expiry, strike and type; the expiry is 24JAN for a month, 24125 for a day."""
    day = date.fromisoformat(expiry)
    month = MONTHS[day.month - 1]
    short = f"{day:%y}{day.month if day.month < 10 else month[0]}{day:%d}"
    for date_text in (f"{day:%y}{month}", short):
        root = symbol.removesuffix(f"{date_text}{strike}{kind}")
        if root != symbol:
            return root
    raise RowError(f"tradingsymbol is {symbol[:40]!r}; expected {short} or {day:%y}{month} in it")


JSON = Layout(
    broker=BROKER,
    market_columns=("segment", "instrument_type"),
    market=_market,
    broker_symbol="trading_symbol",
    name="name",
    underlying="underlying_symbol",
    token=("instrument_key",),
    series="instrument_type",
    expiry="expiry",
    strike="strike_price",
    lot_size="lot_size",
    tick_size="tick_size",
    tick_unit=PAISA,
    contract_value="qty_multiplier",
    cash_symbol=with_series,
)

CSV = Layout(
    broker=BROKER,
    market_columns=("exchange", "instrument_type"),
    market=_market,
    broker_symbol="tradingsymbol",
    name="name",
    underlying=None,
    token=("instrument_key",),
    expiry="expiry",
    strike="strike",
    lot_size="lot_size",
    tick_size="tick_size",
    root=_root,
)
