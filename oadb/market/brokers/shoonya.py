"""Shoonya's symbol files: a CSV per exchange, such as NFO_symbols.txt, prices in rupees."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from oadb.errors import RowError
from oadb.market.brokers import csv_files, securities
from oadb.market.brokers.field_values import cited
from oadb.market.brokers.files import Convert, a_file_each
from oadb.market.brokers.layouts import Layout, Market, converter, type_of
from oadb.market.instruments import Listing, Rejected

BROKER = "shoonya"

# Whether BSE's file has indices is not known.
TOGETHER = (
    frozenset({"NSE", "NSE_INDEX"}),
    *a_file_each("BSE", "BSE_INDEX", "NFO", "CDS", "NCO", "BFO", "BCD", "MCX"),
)

_CASH = frozenset({"NSE", "BSE"})
_DERIVATIVES = {"NFO": "NFO", "BFO": "BFO", "CDS": "CDS", "BCD": "BCD", "MCX": "MCX", "NCX": "NCO"}
_INDICES = frozenset({"INDEX", "UNDIND"})

# BSE's codes of what its options and futures are on.
_UNDERLYINGS = {
    f"{code}{kind}": root
    for code, root in (("BSX", "SENSEX"), ("BKX", "BANKEX"), ("SX50", "SENSEX50"))
    for kind in ("OPT", "FUT")
}


def read(path: Path) -> Iterator[Listing | Rejected]:
    """Read the file; see ``brokers.read``."""
    heading = csv_files.heading(path)
    if "OptionType" not in heading:
        yield from csv_files.rows(path, CASH.columns, converter(CASH))
        return
    layout = CURRENCIES if "Multiplier" in heading else DERIVATIVES
    yield from csv_files.rows(path, layout.columns, _with_underlying(converter(layout)))


def _cash_market(exchange: str, instrument: str) -> Market:
    if exchange not in _CASH:
        raise RowError(f"exchange {cited(exchange)} is unknown")
    if instrument in _INDICES:
        return Market(f"{exchange}_INDEX", exchange, "INDEX")
    return Market(exchange, exchange, "EQ")


def _cash_symbol(symbol: str, exchange: str, series: str) -> str:
    del exchange, series
    return symbol.removesuffix("-EQ")


def _market(exchange: str, instrument: str, option: str) -> Market:
    name = _DERIVATIVES.get(exchange)
    if name is None:
        raise RowError(f"exchange {cited(exchange)} is unknown")
    kind = type_of(instrument)
    if (kind, option) != ("FUT", "XX") and not (kind == "OPT" and option in {"CE", "PE"}):
        raise RowError(f"OptionType is {cited(option)}, and Instrument {cited(instrument)}")
    return Market(name, exchange, "FUT" if kind == "FUT" else option)


def _with_underlying(convert: Convert[Listing]) -> Convert[Listing]:
    """Return *convert* for lines whose underlying is a code of BSE."""
    place = DERIVATIVES.columns.index("Symbol", 2)

    def convert_any(fields: tuple[str, ...]) -> Listing:
        root = _UNDERLYINGS.get(fields[place])
        if root is not None:
            fields = (*fields[:place], root, *fields[place + 1 :])
        return convert(fields)

    return convert_any


CASH = Layout(
    broker=BROKER,
    market_columns=("Exchange", "Instrument"),
    market=_cash_market,
    broker_symbol="TradingSymbol",
    name="Symbol",
    underlying=None,
    token=("Token",),
    # At BSE, the group.
    series="Instrument",
    expiry=None,
    strike=None,
    lot_size="LotSize",
    tick_size="TickSize",
    cash_symbol=_cash_symbol,
    security=securities.of_isin,
)

DERIVATIVES = Layout(
    broker=BROKER,
    market_columns=("Exchange", "Instrument", "OptionType"),
    market=_market,
    broker_symbol="TradingSymbol",
    name="Symbol",
    underlying="Symbol",
    token=("Token",),
    expiry="Expiry",
    strike="StrikePrice",
    lot_size="LotSize",
    tick_size="TickSize",
)

CURRENCIES = replace(DERIVATIVES, contract_value="Multiplier")
