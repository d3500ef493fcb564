"""Fyers' symbol masters: a file per exchange and segment, such as NSE_FO_sym_master.json.

The older CSV files, such as NSE_FO.csv, have no heading, and no contract values; in the JSON
files, qtyMultiplier is one.
"""

from collections.abc import Iterator
from pathlib import Path

from oadb.errors import RowError
from oadb.market.brokers import contract_values, csv_files, json_files, securities
from oadb.market.brokers.field_values import cited
from oadb.market.brokers.files import a_file_each, is_json
from oadb.market.brokers.layouts import Layout, Market, converter
from oadb.market.instruments import Listing, Rejected

BROKER = "fyers"

TOGETHER = (
    frozenset({"NSE", "NSE_INDEX"}),
    frozenset({"BSE", "BSE_INDEX"}),
    *a_file_each("NFO", "CDS", "NCO", "MCX", "BFO", "BCD"),
)

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

# Fyers' numbers of instruments.
_FUTURES = frozenset({"11", "12", "13", "16", "17", "18", "25", "30", "33", "34", "35"})
_OPTIONS = frozenset({"14", "15", "19", "31", "32", "36", "37"})

_OPTION_TYPES = frozenset({"CE", "PE"})

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
    """Read the file, JSON or CSV; see ``brokers.read``."""
    if is_json(path):
        columns = JSON.columns
        always = [*filter(None, columns)]
        yield from json_files.rows(path, columns, converter(JSON), always=always, named=True)
    else:
        yield from csv_files.rows(path, CSV.columns, converter(CSV), heading=_HEADING)


def _market(exchange: str, segment: str, instrument: str, option: str) -> Market:
    name = _EXCHANGES.get((exchange, segment))
    if name is None:
        raise RowError(f"segment {cited(segment)} on exchange {cited(exchange)} is unknown")
    if segment != _CASH:
        return Market(name, name, _type(instrument, option))
    if instrument == _INDEX:
        return Market(f"{name}_INDEX", name, "INDEX")
    return Market(name, name, "EQ")


def _type(instrument: str, option: str) -> str:
    """Return the type of a derivative; the option type of a future is XX or empty."""
    if instrument in _FUTURES and option in {"", "XX"}:
        return "FUT"
    if instrument in _OPTIONS and option in _OPTION_TYPES:
        return option
    raise RowError(
        f"option_type is {cited(option)}; expected CE, PE, or XX for a future, and the "
        f"instrument type is {cited(instrument)}"
    )


def _cash_symbol(symbol: str, exchange: str, series: str) -> str:
    """Cut off the exchange, and a series that the platform does not use: NSE:SBIN-EQ."""
    del series
    plain = symbol.partition(":")[2]
    # At BSE the suffix is the group of the share.
    if exchange == "BSE":
        return plain.rpartition("-")[0] or plain
    return plain.removesuffix("-EQ").removesuffix("-INDEX")


def _security(
    exchange: str, symbol: str, name: str, ticker: str, series: str, isin: str, token: str
) -> str:
    """Return the type of a security; at BSE its symbol ends with its group: BSE:715RJ53-G."""
    del series
    group = ticker.rpartition("-")[2] if exchange == "BSE" else ""
    # The numbers of exchange, segment and expiry come before that of the security.
    return securities.of_isin(exchange, symbol, name, ticker, group, isin, token[10:])


CSV = Layout(
    broker=BROKER,
    market_columns=("exchange", "segment", "instrument_type", "option_type"),
    market=_market,
    broker_symbol="symbol",
    name="description",
    underlying="underlying",
    token=("fytoken",),
    nature="isin",
    expiry="expiry",
    strike="strike",
    lot_size="lot_size",
    tick_size="tick_size",
    contract_value_of=contract_values.known,
    cash_symbol=_cash_symbol,
    security=_security,
)

JSON = Layout(
    broker=BROKER,
    market_columns=("exchange", "segment", "exInstType", "optType"),
    market=_market,
    broker_symbol="symTicker",
    name="symDetails",
    underlying="underSym",
    token=("fyToken",),
    nature="isin",
    expiry="expiryDate",
    strike="strikePrice",
    lot_size="minLotSize",
    tick_size="tickSize",
    contract_value="qtyMultiplier",
    cash_symbol=_cash_symbol,
    security=_security,
)
