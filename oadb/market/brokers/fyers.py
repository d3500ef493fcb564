"""Fyers' symbol masters: one CSV per exchange and segment, such as NSE_FO.csv, no heading."""

from collections.abc import Iterator
from pathlib import Path

from oadb.errors import RowError
from oadb.market.brokers import csv_files
from oadb.market.brokers.layouts import Layout, Market, converter
from oadb.market.instruments import Listing, Rejected

BROKER = "fyers"

# By Fyers' numbers of exchange (10 NSE, 11 MCX, 12 BSE) and segment (10 cash; derivatives of:
# 11 shares and indices, 12 currencies, 20 commodities).
_EXCHANGES = {
    ("10", "10"): "NSE",
    ("10", "11"): "NFO",
    ("10", "12"): "CDS",
    ("10", "20"): "NCO",
    ("11", "20"): "MCX",
    ("12", "10"): "BSE",
    ("12", "11"): "BFO",
    ("12", "12"): "BCD",
}

_CASH = "10"
_INDEX = "10"

_TYPES = {"XX": "FUT", "CE": "CE", "PE": "PE"}

# The columns from the left; further columns are not used.
_HEADING = (
    "fytoken",
    "description",
    "instrument_type",
    "lot_size",
    "tick_size",
    "isin",
    "session",
    "updated",
    "expiry",
    "symbol",
    "exchange",
    "segment",
    "scrip_code",
    "underlying",
    "underlying_code",
    "strike",
    "option_type",
)


def read(path: Path) -> Iterator[Listing | Rejected]:
    """Read the file; see ``brokers.read``."""
    return csv_files.rows(path, LAYOUT.columns, converter(LAYOUT), heading=_HEADING)


def _market(exchange: str, segment: str, instrument: str, option: str) -> Market:
    name = _EXCHANGES.get((exchange, segment))
    if name is None:
        raise RowError(f"segment {segment[:40]!r} on exchange {exchange[:40]!r} is unknown")
    if segment != _CASH:
        if option not in _TYPES:
            raise RowError(f"option_type is {option[:40]!r}; expected CE, PE or XX")
        return Market(name, name, _TYPES[option])
    if instrument == _INDEX:
        return Market(f"{name}_INDEX", name, "INDEX")
    return Market(name, name, "EQ")


def _cash_symbol(symbol: str, exchange: str, series: str) -> str:
    """Cut off the exchange, and a series that the platform does not use: NSE:SBIN-EQ."""
    del series
    plain = symbol.partition(":")[2]
    # At BSE the suffix is the group of the share.
    if exchange == "BSE":
        return plain.rpartition("-")[0] or plain
    return plain.removesuffix("-EQ").removesuffix("-INDEX")


LAYOUT = Layout(
    broker=BROKER,
    market_columns=("exchange", "segment", "instrument_type", "option_type"),
    market=_market,
    broker_symbol="symbol",
    name="description",
    underlying="underlying",
    token=("fytoken",),
    expiry="expiry",
    strike="strike",
    lot_size="lot_size",
    tick_size="tick_size",
    cash_symbol=_cash_symbol,
)
