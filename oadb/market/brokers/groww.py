"""Groww's instrument.csv: one CSV for all exchanges, prices in rupees."""

from collections.abc import Iterator
from pathlib import Path

from oadb.errors import RowError
from oadb.market.brokers import csv_files, securities
from oadb.market.brokers.field_values import cited
from oadb.market.brokers.layouts import Layout, Market, converter, with_series
from oadb.market.instruments import Listing, Rejected

BROKER = "groww"

TOGETHER = (frozenset({"NSE", "NSE_INDEX", "NFO", "BSE", "BSE_INDEX", "BFO"}),)

_EXCHANGES = {
    ("NSE", "CASH"): "NSE",
    ("NSE", "FNO"): "NFO",
    ("BSE", "CASH"): "BSE",
    ("BSE", "FNO"): "BFO",
    ("MCX", "COMMODITY"): "MCX",
}


def read(path: Path) -> Iterator[Listing | Rejected]:
    """Read the file; see ``brokers.read``."""
    return csv_files.rows(path, LAYOUT.columns, converter(LAYOUT))


def _market(exchange: str, segment: str, instrument: str) -> Market:
    name = _EXCHANGES.get((exchange, segment))
    if name is None:
        raise RowError(f"segment {cited(segment)} on exchange {cited(exchange)} is unknown")
    theirs = f"{exchange}_{segment}"
    if instrument == "IDX":
        return Market(f"{exchange}_INDEX", theirs, "INDEX")
    return Market(name, theirs, "EQ" if segment == "CASH" else instrument)


LAYOUT = Layout(
    broker=BROKER,
    market_columns=("exchange", "segment", "instrument_type"),
    market=_market,
    broker_symbol="trading_symbol",
    name="name",
    underlying="underlying_symbol",
    token=("exchange_token",),
    series="series",
    nature="isin",
    expiry="expiry_date",
    strike="strike_price",
    lot_size="lot_size",
    tick_size="tick_size",
    freeze_quantity="freeze_quantity",
    cash_symbol=with_series,
    security=securities.of_isin,
)
