"""Kotak Neo's scrip masters: a CSV per segment, such as nse_fo.csv and nse_cm-v1.csv.

Ticks and strikes are whole numbers, with as many decimal places as lPrecision says. An expiry is a
number of seconds of Indian time: since 1980 in NSE's files, since 1970 in those of BSE and MCX. The
broker's symbol has both again: a row where they differ is rejected.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from oadb.errors import RowError
from oadb.market.brokers import csv_files, field_values, securities
from oadb.market.brokers.field_values import cited
from oadb.market.brokers.files import a_file_each
from oadb.market.brokers.layouts import Layout, Market, converter, with_series
from oadb.market.instruments import Listing, Rejected

BROKER = "kotak"

# Whether BSE's file has indices is not known.
TOGETHER = (
    frozenset({"NSE", "NSE_INDEX"}),
    *a_file_each("BSE", "BSE_INDEX", "NFO", "CDS", "BFO", "MCX"),
)

_EXCHANGES = {
    "nse_cm": "NSE",
    "bse_cm": "BSE",
    "nse_fo": "NFO",
    "cde_fo": "CDS",
    "bse_fo": "BFO",
    "mcx_fo": "MCX",
}

_CASH = frozenset({"NSE", "BSE"})
_FROM_1980 = frozenset({"nse_fo", "cde_fo"})

_OPTION_TYPES = frozenset({"CE", "PE"})

_MOST_DECIMALS = 8


def read(path: Path) -> Iterator[Listing | Rejected]:
    """Read the file; see ``brokers.read``."""
    convert_old, convert = converter(SINCE_1980), converter(SINCE_1970)
    segment = SINCE_1970.columns.index("pExchSeg")

    def convert_either(fields: tuple[str, ...]) -> Listing:
        return (convert_old if fields[segment] in _FROM_1980 else convert)(fields)

    return csv_files.rows(path, SINCE_1970.columns, convert_either)


def _market(segment: str, instrument: str, option: str, isin: str, decimals: str) -> Market:
    name = _EXCHANGES.get(segment)
    if name is None:
        raise RowError(f"pExchSeg is {cited(segment)}; expected one of {', '.join(_EXCHANGES)}")
    unit = _unit(decimals)
    if name in _CASH:
        if isin:
            return Market(name, segment, "EQ", unit)
        return Market(f"{name}_INDEX", segment, "INDEX", unit)
    is_future = instrument.startswith("FUT") and option in {"", "XX"}
    if not is_future and not (instrument.startswith("OPT") and option in _OPTION_TYPES):
        raise RowError(f"pOptionType is {cited(option)}, and pInstType {cited(instrument)}")
    return Market(name, segment, "FUT" if is_future else option, unit, unit)


def _unit(decimals: str) -> str:
    """Return the unit of prices with this many decimal places."""
    if not (decimals.isascii() and decimals.isdigit()) or int(decimals) > _MOST_DECIMALS:
        raise RowError(f"lPrecision is {cited(decimals)}; expected 0 to {_MOST_DECIMALS}")
    return f"1e-{decimals}"


def _cash_symbol(symbol: str, exchange: str, series: str) -> str:
    return with_series(symbol.removesuffix("-EQ"), exchange, series)


def _expiry_since(year: int, text: str) -> tuple[str, str]:
    """Read a number of seconds since the beginning of *year*, both in Indian time."""
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise ValueError
    day = datetime(year, 1, 1, tzinfo=UTC) + timedelta(seconds=int(text))
    return field_values.expiry(day.date().isoformat())


SINCE_1970 = Layout(
    broker=BROKER,
    market_columns=("pExchSeg", "pInstType", "pOptionType", "pISIN", "lPrecision"),
    market=_market,
    broker_symbol="pTrdSymbol",
    name="pDesc",
    underlying=None,
    token=("pSymbol",),
    # At BSE, the group.
    series="pGroup",
    nature="pISIN",
    expiry="lExpiryDate",
    strike="dStrikePrice",
    lot_size="lLotSize",
    tick_size="dTickSize",
    freeze_quantity="lFreezeQty",
    parse_expiry=partial(_expiry_since, 1970),
    cash_symbol=_cash_symbol,
    security=securities.of_isin,
    root=field_values.root_before_date,
)

SINCE_1980 = replace(SINCE_1970, parse_expiry=partial(_expiry_since, 1980))
