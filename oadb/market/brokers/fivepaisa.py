"""5paisa's scrip master: a CSV for all segments or for one, prices in rupees."""

from collections.abc import Iterator
from pathlib import Path

from oadb.errors import RowError
from oadb.market.brokers import csv_files, securities
from oadb.market.brokers.field_values import cited
from oadb.market.brokers.files import a_file_each
from oadb.market.brokers.layouts import Layout, Market, converter, with_series
from oadb.market.instruments import Listing, Rejected

BROKER = "fivepaisa"

TOGETHER = (
    frozenset({"NSE", "NSE_INDEX"}),
    frozenset({"BSE", "BSE_INDEX"}),
    *a_file_each("NFO", "CDS", "BFO", "BCD", "MCX"),
)

# By exchange (N NSE, B BSE, M MCX) and type (C cash; derivatives of: D shares, indices and
# commodities, U currencies).
_EXCHANGES = {
    ("N", "C"): "NSE",
    ("N", "D"): "NFO",
    ("N", "U"): "CDS",
    ("B", "C"): "BSE",
    ("B", "D"): "BFO",
    ("B", "U"): "BCD",
    ("M", "D"): "MCX",
}

# The codes of indices begin so; those of securities are lower.
_INDEX = "9999"


def read(path: Path) -> Iterator[Listing | Rejected]:
    """Read the file; see ``brokers.read``."""
    return csv_files.rows(path, LAYOUT.columns, converter(LAYOUT))


def _market(exchange: str, kind: str, instrument: str, code: str) -> Market:
    name = _EXCHANGES.get((exchange, kind))
    if name is None:
        raise RowError(f"type {cited(kind)} on exchange {cited(exchange)} is unknown")
    theirs = f"{exchange}{kind}"
    if kind == "C":
        is_index = len(code) > 5 and code.startswith(_INDEX)
        return Market(f"{name}_INDEX", theirs, "INDEX") if is_index else Market(name, theirs, "EQ")
    return Market(name, theirs, "FUT" if instrument == "XX" else instrument)


def _cash_symbol(symbol: str, exchange: str, series: str) -> str:
    """Cut off the series: ITC_EQ."""
    return with_series(symbol.removesuffix(f"_{series}"), exchange, series)


LAYOUT = Layout(
    broker=BROKER,
    market_columns=("Exch", "ExchType", "ScripType", "ScripCode"),
    market=_market,
    broker_symbol="ScripData",
    name="FullName",
    underlying="SymbolRoot",
    token=("ScripCode",),
    series="Series",
    nature="ISIN",
    expiry="Expiry",
    strike="StrikeRate",
    lot_size="LotSize",
    tick_size="TickSize",
    freeze_quantity="QtyLimit",
    cash_symbol=_cash_symbol,
    security=securities.of_isin,
)
