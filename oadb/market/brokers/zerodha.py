"""Zerodha's instrument dump: one CSV for all exchanges, as its instruments endpoint serves it."""

from collections.abc import Iterator
from pathlib import Path

from oadb.market.brokers import csv_files
from oadb.market.brokers.files import ALL_EXCHANGES
from oadb.market.brokers.layouts import Layout, Market, converter
from oadb.market.instruments import Listing, Rejected

BROKER = "zerodha"

TOGETHER = ALL_EXCHANGES


def read(path: Path) -> Iterator[Listing | Rejected]:
    """Read the file; see ``brokers.read``."""
    return csv_files.rows(path, LAYOUT.columns, converter(LAYOUT))


def _market(exchange: str, segment: str, instrument_type: str) -> Market:
    if segment == "INDICES" or exchange == "GLOBAL":
        return Market(f"{exchange}_INDEX", exchange, "INDEX")
    return Market(exchange, exchange, instrument_type)


LAYOUT = Layout(
    broker=BROKER,
    market_columns=("exchange", "segment", "instrument_type"),
    market=_market,
    broker_symbol="tradingsymbol",
    name="name",
    underlying="name",
    # Orders and ticks use the first, historical data the second.
    token=("instrument_token", "exchange_token"),
    expiry="expiry",
    strike="strike",
    lot_size="lot_size",
    tick_size="tick_size",
)
