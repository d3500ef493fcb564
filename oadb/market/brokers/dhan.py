"""Dhan's api-scrip-master.csv: one CSV for all exchanges, ticks in paise."""

from collections.abc import Iterator
from pathlib import Path

from oadb.errors import RowError
from oadb.market.brokers import csv_files
from oadb.market.brokers.field_values import PAISA
from oadb.market.brokers.layouts import Layout, Market, converter, type_of, with_series
from oadb.market.instruments import Listing, Rejected

BROKER = "dhan"

# Groups of instruments, by Dhan's type; other futures and options are on shares and indices (FNO).
_GROUPS = {
    "EQUITY": "EQ",
    "INDEX": "INDEX",
    "FUTCUR": "CURRENCY",
    "OPTCUR": "CURRENCY",
    "FUTCOM": "COMM",
    "OPTFUT": "COMM",
    "OPTCOM": "COMM",
}

# The exchange at the platform and at Dhan.
_EXCHANGES = {
    ("NSE", "EQ"): ("NSE", "NSE_EQ"),
    ("NSE", "INDEX"): ("NSE_INDEX", "IDX_I"),
    ("NSE", "FNO"): ("NFO", "NSE_FNO"),
    ("NSE", "CURRENCY"): ("CDS", "NSE_CURRENCY"),
    ("NSE", "COMM"): ("NCO", "NSE_COMM"),
    ("BSE", "EQ"): ("BSE", "BSE_EQ"),
    ("BSE", "INDEX"): ("BSE_INDEX", "IDX_I"),
    ("BSE", "FNO"): ("BFO", "BSE_FNO"),
    ("BSE", "CURRENCY"): ("BCD", "BSE_CURRENCY"),
    ("MCX", "INDEX"): ("MCX_INDEX", "IDX_I"),
    ("MCX", "FNO"): ("MCX", "MCX_COMM"),
    ("MCX", "COMM"): ("MCX", "MCX_COMM"),
}


def read(path: Path) -> Iterator[Listing | Rejected]:
    """Read the file; see ``brokers.read``."""
    return csv_files.rows(path, LAYOUT.columns, converter(LAYOUT))


def _market(exchange: str, instrument: str) -> Market:
    group = _GROUPS.get(instrument, "FNO")
    names = _EXCHANGES.get((exchange, group))
    kind = type_of(instrument)
    if names is None or (group == "FNO" and kind == instrument):
        raise RowError(f"instrument {instrument[:40]!r} on exchange {exchange[:40]!r} is unknown")
    return Market(*names, kind, PAISA)


def _root(symbol: str, expiry: str, strike: str, kind: str) -> str:
    """Cut off the month, the strike and the type: BAJAJ-AUTO-Jul2026-9000-CE."""
    del expiry, strike
    return symbol.rsplit("-", 2 if kind == "FUT" else 3)[0]


LAYOUT = Layout(
    broker=BROKER,
    market_columns=("SEM_EXM_EXCH_ID", "SEM_INSTRUMENT_NAME"),
    market=_market,
    broker_symbol="SEM_TRADING_SYMBOL",
    name="SM_SYMBOL_NAME",
    # SM_SYMBOL_NAME of a derivative is empty, or not its underlying: BSXOPT for SENSEX.
    underlying=None,
    token=("SEM_SMST_SECURITY_ID",),
    series="SEM_SERIES",
    expiry="SEM_EXPIRY_DATE",
    strike="SEM_STRIKE_PRICE",
    lot_size="SEM_LOT_UNITS",
    tick_size="SEM_TICK_SIZE",
    cash_symbol=with_series,
    root=_root,
)
