"""Dhan's CSV for all exchanges: api-scrip-master.csv and its detailed form.

The detailed form has 31, 32 or 39 columns; the columns that are read are the same.
Ticks are in paise.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from oadb.errors import RowError
from oadb.market.brokers import csv_files, field_values, securities
from oadb.market.brokers.field_values import PAISA, cited
from oadb.market.brokers.files import ALL_EXCHANGES
from oadb.market.brokers.layouts import Layout, Market, converter, type_of, with_series
from oadb.market.instruments import Listing, Rejected

BROKER = "dhan"

TOGETHER = ALL_EXCHANGES

# The exchange at the platform and at Dhan, by Dhan's exchange and segment (E cash, I indices;
# derivatives of: D shares and indices, C currencies and interest rates, M commodities).
_EXCHANGES = {
    ("NSE", "E"): ("NSE", "NSE_EQ"),
    ("NSE", "I"): ("NSE_INDEX", "IDX_I"),
    ("NSE", "D"): ("NFO", "NSE_FNO"),
    ("NSE", "C"): ("CDS", "NSE_CURRENCY"),
    ("NSE", "M"): ("NCO", "NSE_COMM"),
    ("BSE", "E"): ("BSE", "BSE_EQ"),
    ("BSE", "I"): ("BSE_INDEX", "IDX_I"),
    ("BSE", "D"): ("BFO", "BSE_FNO"),
    ("BSE", "C"): ("BCD", "BSE_CURRENCY"),
    ("MCX", "I"): ("MCX_INDEX", "IDX_I"),
    ("MCX", "M"): ("MCX", "MCX_COMM"),
}

# The instruments of a segment; the others have futures and options.
_SEGMENT_TYPES = {"E": "EQUITY", "I": "INDEX"}

# Dhan's words for what BSE lists.
_NATURES = {
    "ES": "EQ",
    "PS": "PREF",
    **dict.fromkeys(("CB", "DEB", "GB", "PN", "PTC"), "BOND"),
    **dict.fromkeys(("DBT", "TB"), "GSEC"),
    **dict.fromkeys(("InvITU", "REIT"), "TRUST"),
}
_FUNDS = frozenset({"ETF", "MF"})


def read(path: Path) -> Iterator[Listing | Rejected]:
    """Read the file, compact or detailed; see ``brokers.read``."""
    if "SECURITY_ID" in csv_files.heading(path):
        yield from csv_files.rows(path, DETAILED.columns, _with_ticker(converter(DETAILED)))
    else:
        yield from csv_files.rows(path, COMPACT.columns, converter(COMPACT))


def _market(exchange: str, segment: str, instrument: str) -> Market:
    names = _EXCHANGES.get((exchange, segment))
    if names is None:
        raise RowError(f"segment {cited(segment)} on exchange {cited(exchange)} is unknown")
    expected, kind = _SEGMENT_TYPES.get(segment), type_of(instrument)
    if (kind not in {"FUT", "OPT"}) if expected is None else instrument != expected:
        raise RowError(f"instrument {cited(instrument)} in segment {segment!r} is unknown")
    return Market(*names, kind, PAISA)


def _root(symbol: str, expiry: str, strike: str, kind: str) -> str:
    """Cut off the month, the strike and the type: BAJAJ-AUTO-Jul2026-9000-CE."""
    del expiry, strike
    return symbol.rsplit("-", 2 if kind == "FUT" else 3)[0]


def _security(
    exchange: str, symbol: str, name: str, ticker: str, series: str, nature: str, code: str
) -> str:
    """Return the type of a security; at BSE by Dhan's word for it, or by its group."""
    del ticker
    if exchange == "NSE":
        by_series = securities.by_series(symbol, name)
        return "ETF" if by_series == "EQ" and nature in _FUNDS else by_series
    kind = _NATURES.get(nature)
    if kind == "GSEC" and symbol.startswith("SGB"):
        return "SGB"
    if nature in _FUNDS:
        return securities.fund_of_bse(symbol, series)
    return kind or securities.by_code(code, symbol, name, series)


def _detailed_expiry(text: str) -> tuple[str, str]:
    """Read a date, which may also be 27/11/36, with the day first."""
    day, month, year = text.split("/") if text.count("/") == 2 else ("", "", "")
    if not year:
        return field_values.expiry(text)
    century = "20" if len(year) == 2 else ""
    return field_values.expiry(f"{century}{year}-{month:0>2}-{day:0>2}")


def _with_ticker(
    convert: Callable[[tuple[str, ...]], Listing],
) -> Callable[[tuple[str, ...]], Listing]:
    """Return *convert* for lines of shares too, whose symbol and name have changed places.

    A derivative has its symbol in SYMBOL_NAME and its underlying in UNDERLYING_SYMBOL, a share its
    name and its symbol.
    """
    segment = DETAILED.columns.index("SEGMENT")

    def convert_either(fields: tuple[str, ...]) -> Listing:
        if fields[segment] in _SEGMENT_TYPES:
            fields = (fields[1], fields[0], *fields[2:])
        return convert(fields)

    return convert_either


COMPACT = Layout(
    broker=BROKER,
    market_columns=("SEM_EXM_EXCH_ID", "SEM_SEGMENT", "SEM_INSTRUMENT_NAME"),
    market=_market,
    broker_symbol="SEM_TRADING_SYMBOL",
    name="SM_SYMBOL_NAME",
    # SM_SYMBOL_NAME of a derivative is empty, or not its underlying: BSXOPT for SENSEX.
    underlying=None,
    token=("SEM_SMST_SECURITY_ID",),
    series="SEM_SERIES",
    nature="SEM_EXCH_INSTRUMENT_TYPE",
    expiry="SEM_EXPIRY_DATE",
    strike="SEM_STRIKE_PRICE",
    lot_size="SEM_LOT_UNITS",
    tick_size="SEM_TICK_SIZE",
    cash_symbol=with_series,
    security=_security,
    root=_root,
)

DETAILED = Layout(
    broker=BROKER,
    market_columns=("EXCH_ID", "SEGMENT", "INSTRUMENT"),
    market=_market,
    broker_symbol="SYMBOL_NAME",
    name="UNDERLYING_SYMBOL",
    underlying="UNDERLYING_SYMBOL",
    token=("SECURITY_ID",),
    series="SERIES",
    nature="ISIN",
    expiry="SM_EXPIRY_DATE",
    strike="STRIKE_PRICE",
    lot_size="LOT_SIZE",
    tick_size="TICK_SIZE",
    parse_expiry=_detailed_expiry,
    cash_symbol=with_series,
    security=securities.of_isin,
)
