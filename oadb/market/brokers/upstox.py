"""Upstox's complete.json.gz, and the older complete.csv.gz, which says less.

The CSV has neither the series of NSE's securities nor contract values. Rows that need a series are
rejected; but that a share is of series BE or BZ nothing in it says, so its symbol is TCS, where the
JSON gives TCS-BE.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from oadb.errors import RowError
from oadb.market.brokers import (
    contract_values,
    csv_files,
    field_values,
    json_files,
    securities,
)
from oadb.market.brokers.field_values import PAISA, RUPEE, EmptyFieldError, OmittedRowError, cited
from oadb.market.brokers.files import ALL_EXCHANGES, is_json
from oadb.market.brokers.layouts import Layout, Market, converter, type_of, with_series
from oadb.market.instruments import Listing, Rejected

BROKER = "upstox"

TOGETHER = ALL_EXCHANGES

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

# The keys of every entry in the JSON file; a share has neither expiry nor strike.
_ALWAYS = ("segment", "instrument_type", "instrument_key", "trading_symbol", "name")

_MASTER = "complete.json.gz"

# In the CSV file; shares and what is derived from them are in rupees.
_TICKS_IN_PAISE = frozenset({"CDS", "BCD", "MCX", "NCO"})

_COMMODITY = "COM"


def read(path: Path) -> Iterator[Listing | Rejected]:
    """Read the file, JSON or CSV; see ``brokers.read``."""
    if is_json(path):
        yield from json_files.rows(path, JSON.columns, converter(JSON), always=_ALWAYS)
    else:
        yield from csv_files.rows(path, CSV.columns, converter(CSV))


def _market(segment: str, instrument: str) -> Market:
    """Return the market of an entry in the JSON file, which has all ticks in paise."""
    exchange = _EXCHANGES.get(segment)
    if exchange is None:
        raise RowError(f"segment is {cited(segment)}; expected one of {', '.join(_EXCHANGES)}")
    if exchange.endswith("_INDEX"):
        return Market(exchange, segment, "INDEX", PAISA)
    if not instrument:
        raise RowError("the instrument type is empty")
    kind = "EQ" if segment.endswith("_EQ") else type_of(instrument)
    return Market(exchange, segment, kind, PAISA)


def _csv_market(segment: str, instrument: str, lot: str) -> Market:
    """Return the market of a line in the CSV file."""
    market = _market(segment, instrument or _COMMODITY)
    if instrument == "" and market.exchange == "NCO":
        raise OmittedRowError(f"the file does not say the symbol of a commodity; load {_MASTER}")
    if market.exchange == "NSE" and lot != "1":
        raise OmittedRowError(
            f"the file does not say the series of a security in lots; load {_MASTER}"
        )
    unit = PAISA if market.exchange in _TICKS_IN_PAISE else RUPEE
    return replace(market, tick_unit=unit)


def _csv_symbol(symbol: str, exchange: str, key: str) -> str:
    """Return the symbol of a share or fund; the other securities of NSE need their series."""
    isin = key.partition("|")[2]
    if exchange == "NSE" and not (isin[:3] == "INF" or (isin[:3] == "INE" and isin[7:9] == "01")):
        raise OmittedRowError(
            f"the file does not say the series of {cited(symbol)}, which is not a share by its "
            f"ISIN {cited(isin)}; load {_MASTER}"
        )
    return symbol


def _require_value(exchange: str, underlying: str) -> str:
    """Return the contract value of an entry without one, which are only those of BFO."""
    if exchange != "BFO":
        column = "qty_multiplier"
        raise EmptyFieldError(column, f"{column} is empty; a contract on {underlying} needs it")
    return ""


def _csv_security(
    exchange: str, symbol: str, name: str, ticker: str, key: str, nature: str, code: str
) -> str:
    """Return the type of a security by the ISIN in its key."""
    del nature, code
    isin = key.partition("|")[2]
    return securities.of_isin(exchange, symbol, name, ticker, "", isin, isin)


JSON = Layout(
    broker=BROKER,
    market_columns=("segment", "instrument_type"),
    market=_market,
    broker_symbol="trading_symbol",
    name="name",
    underlying="underlying_symbol",
    token=("instrument_key",),
    series="instrument_type",
    nature="isin",
    expiry="expiry",
    strike="strike_price",
    lot_size="lot_size",
    tick_size="tick_size",
    contract_value="qty_multiplier",
    contract_value_of=_require_value,
    freeze_quantity="freeze_quantity",
    cash_symbol=with_series,
    security=securities.of_isin,
)

CSV = Layout(
    broker=BROKER,
    market_columns=("exchange", "instrument_type", "lot_size"),
    market=_csv_market,
    broker_symbol="tradingsymbol",
    name="name",
    underlying=None,
    token=("instrument_key",),
    # The ISIN, instead of the series.
    series="instrument_key",
    expiry="expiry",
    strike="strike",
    lot_size="lot_size",
    tick_size="tick_size",
    contract_value_of=contract_values.known,
    cash_symbol=_csv_symbol,
    security=_csv_security,
    root=field_values.root_before_date,
)
