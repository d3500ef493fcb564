"""Angel's OpenAPIScripMaster.json: one JSON array for all exchanges, prices in paise."""

from collections.abc import Iterator
from pathlib import Path

from oadb.market.brokers import json_files
from oadb.market.brokers.field_values import PAISA
from oadb.market.brokers.files import ALL_EXCHANGES
from oadb.market.brokers.layouts import Layout, Market, converter, type_of
from oadb.market.instruments import Listing, Rejected

BROKER = "angel"

TOGETHER = ALL_EXCHANGES

# Strikes of currency options have seven decimal places.
_CURRENCY = "0.0000001"


def read(path: Path) -> Iterator[Listing | Rejected]:
    """Read the file; see ``brokers.read``."""
    always = {*filter(None, LAYOUT.columns)} - {LAYOUT.freeze_quantity}
    return json_files.rows(path, LAYOUT.columns, converter(LAYOUT), always=always)


def _market(segment: str, instrument: str) -> Market:
    if instrument == "AMXIDX":
        return Market(f"{segment}_INDEX", segment, "INDEX", PAISA)
    unit = _CURRENCY if segment == "CDS" else PAISA
    return Market(segment, segment, type_of(instrument), PAISA, unit)


def _cash_symbol(symbol: str, exchange: str, series: str) -> str:
    del exchange, series
    return symbol.removesuffix("-EQ")


LAYOUT = Layout(
    broker=BROKER,
    market_columns=("exch_seg", "instrumenttype"),
    market=_market,
    broker_symbol="symbol",
    name="name",
    underlying="name",
    token=("token",),
    expiry="expiry",
    strike="strike",
    lot_size="lotsize",
    tick_size="tick_size",
    freeze_quantity="freeze_qty",
    cash_symbol=_cash_symbol,
)
