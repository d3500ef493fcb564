"""Alice Blue's contract masters: a CSV per exchange, such as NFO.csv, and INDICES.csv.

Prices are in rupees. The order of the columns differs from file to file.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from oadb.errors import RowError
from oadb.market.brokers import csv_files, securities
from oadb.market.brokers.field_values import cited
from oadb.market.brokers.files import a_file_each
from oadb.market.brokers.layouts import Layout, Market, converter, with_series
from oadb.market.instruments import Listing, Rejected

BROKER = "aliceblue"

TOGETHER = (
    frozenset({"NSE_INDEX", "BSE_INDEX"}),
    *a_file_each("NSE", "BSE", "NFO", "CDS", "BFO", "BCD", "MCX"),
)

_CASH = frozenset({"NSE", "BSE"})
_DERIVATIVES = frozenset({"NFO", "BFO", "CDS", "BCD", "MCX"})

# BSE's types of futures, of an index and of a share; those of the others begin with FUT.
_FUTURES = frozenset({"IF", "SF"})


def read(path: Path) -> Iterator[Listing | Rejected]:
    """Read the file; see ``brokers.read``."""
    heading = csv_files.heading(path)
    cash = CASH if "Group Name" in heading else DERIVATIVES
    layout = INDICES if "exch" in heading else cash
    yield from csv_files.rows(path, layout.columns, converter(layout))


def _index_market(exchange: str) -> Market:
    return Market(f"{exchange}_INDEX", exchange, "INDEX")


def _cash_market(exchange: str) -> Market:
    if exchange not in _CASH:
        raise RowError(f"exchange {cited(exchange)} is unknown")
    return Market(exchange, exchange, "EQ")


def _cash_symbol(symbol: str, exchange: str, series: str) -> str:
    return with_series(symbol.removesuffix("-EQ"), exchange, series)


def _market(exchange: str, instrument: str, option: str) -> Market:
    if exchange not in _DERIVATIVES:
        raise RowError(f"exchange {cited(exchange)} is unknown")
    is_future = instrument.startswith("FUT") or instrument in _FUTURES
    if is_future and option in {"XX", ""}:
        return Market(exchange, exchange, "FUT")
    if not is_future and option in {"CE", "PE"}:
        return Market(exchange, exchange, option)
    raise RowError(f"Option Type is {cited(option)}, and Instrument Type {cited(instrument)}")


DERIVATIVES = Layout(
    broker=BROKER,
    market_columns=("Exch", "Instrument Type", "Option Type"),
    market=_market,
    broker_symbol="Trading Symbol",
    name="Symbol",
    underlying="Symbol",
    token=("Token",),
    expiry="Expiry Date",
    strike="Strike Price",
    lot_size="Lot Size",
    tick_size="Tick Size",
)

CASH = replace(
    DERIVATIVES,
    market_columns=("Exch",),
    market=_cash_market,
    name="Instrument Name",
    underlying=None,
    series="Group Name",
    expiry=None,
    strike=None,
    cash_symbol=_cash_symbol,
    security=securities.of_isin,
)

INDICES = replace(
    CASH,
    market_columns=("exch",),
    market=_index_market,
    broker_symbol="symbol",
    name="symbol",
    token=("token",),
    series=None,
    lot_size=None,
    tick_size=None,
)
