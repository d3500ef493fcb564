"""Layouts: what the columns of a broker's file mean, and how a row becomes a Listing.

All readers make the platform's symbols: a derivative is named by its underlying, the expiry as
DDMMMYY, the strike, and FUT, CE or PE; an index is on an exchange of its own, under the name in
``index_names``. What a security of a cash exchange is, ``securities`` says.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from oadb.errors import RowError
from oadb.market.brokers import field_values, index_names, securities
from oadb.market.brokers.field_values import (
    RUPEE,
    ConversionCache,
    EmptyFieldError,
    cache_of_column,
    cited,
)
from oadb.market.brokers.files import Convert
from oadb.market.instruments import LONGEST_TEXT, Listing

_TYPES = {"": "EQ", "EQUITY": "EQ"}

_DERIVATIVES = frozenset({"FUT", "OPT", "CE", "PE"})

_DERIVATIVE_EXCHANGES = frozenset({"NFO", "BFO", "CDS", "BCD", "MCX", "NCO", "NCDEX"})
_CASH_EXCHANGES = frozenset({"NSE", "BSE"})
_SECURITY = "EQ"

# NSE's commodity exchange also lists the commodities themselves.
_COMMODITY = ("NCO", "COM")


@dataclass(frozen=True, slots=True)
class Market:
    """The exchange of an instrument, as the platform and the broker name it, and the type.

    The type OPT stands for CE or PE, whichever the broker's symbol ends with, and EQ for any
    security, whose type the rest of its row says. The units are those in which the file has the
    prices of this market.
    """

    exchange: str
    broker_exchange: str
    instrument_type: str
    tick_unit: str = RUPEE
    strike_unit: str = RUPEE


def unchanged(symbol: str, exchange: str, series: str) -> str:
    """Return the broker's symbol of a share or bond, which is also the platform's."""
    del exchange, series
    return symbol


def with_series(symbol: str, exchange: str, series: str) -> str:
    """Return the symbol of a share or bond; at NSE with its series, as NSE writes it.

    Without the series, a share and a debenture or warrant of one company have the same symbol.
    """
    shown = exchange == "NSE" and series not in {"", "EQ"}
    return f"{symbol}-{series}" if shown and not symbol.endswith(f"-{series}") else symbol


def type_of(instrument: str) -> str:
    """Return the type for an exchange's FUTIDX, OPTSTK, EQUITY; ``Market`` explains OPT."""
    if instrument.startswith("FUT"):
        return "FUT"
    if instrument.startswith("OPT"):
        return "OPT"
    return _TYPES.get(instrument, instrument)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The columns of a broker's file, by meaning; None: the file has no such column.

    A token of two columns is joined as ``a::::b``. *market* makes a Market of the market columns,
    or raises RowError. *cash_symbol* makes the platform's symbol of a share or bond from the
    broker's symbol, the exchange and the series. *security* makes the type of a security from the
    exchange, the platform's symbol, the name, the broker's symbol, the series, the field of
    *nature* (its ISIN, or the broker's word for what it is) and the last part of the token. *root*
    finds the underlying of a derivative in the broker's symbol, the expiry, the strike and the
    type, if no column has it. *contract_value_of* finds the contract value of a derivative whose
    row has none, from its exchange and underlying, or raises RowError.
    """

    broker: str
    market_columns: tuple[str, ...]
    market: Callable[..., Market]
    broker_symbol: str
    name: str
    underlying: str | None
    token: tuple[str, ...]
    series: str | None = None
    nature: str | None = None
    expiry: str | None
    strike: str | None
    lot_size: str | None
    tick_size: str | None
    contract_value: str | None = None
    contract_value_of: Callable[[str, str], str] | None = None
    freeze_quantity: str | None = None
    parse_expiry: Callable[[str], tuple[str, str]] = field_values.expiry
    cash_symbol: Callable[[str, str, str], str] = unchanged
    security: Callable[[str, str, str, str, str, str, str], str] = securities.of_symbol
    root: Callable[[str, str, str, str], str] | None = None

    @property
    def columns(self) -> tuple[str | None, ...]:
        """The columns in the order in which the converter takes their fields."""
        return (
            self.broker_symbol,
            self.name,
            self.underlying,
            *(*self.token, None)[:2],
            self.series,
            self.nature,
            self.expiry,
            self.strike,
            self.lot_size,
            self.tick_size,
            self.contract_value,
            self.freeze_quantity,
            *self.market_columns,
        )


# The exchanges and type of a market, and the caches of its tick sizes and strikes: found together,
# for speed.
_KnownMarket = tuple[str, str, str, ConversionCache[str, str], ConversionCache[str, str]]


def converter(layout: Layout) -> Convert[Listing]:
    """Return the function that converts the fields under the columns of *layout*."""
    markets = ConversionCache[tuple[str, ...], _KnownMarket](_known_markets(layout))
    derivative = _derivatives(layout)
    indices = ConversionCache[tuple[str, str], tuple[str, str]](lambda key: index_names.find(*key))
    lots, values, most = _number_caches(layout)
    own_values = _own_values(layout)
    broker, cash_symbol, security = layout.broker, layout.cash_symbol, layout.security

    def convert(fields: tuple[str, ...]) -> Listing:
        (
            ticker, name, root, token, second, series, nature, expiry, strike, lot, tick, value,
            freeze,
        ) = fields[:13]  # fmt: skip  # a record
        exchange, theirs, kind, ticks, strikes = markets[fields[13:]]
        if kind in _DERIVATIVES:
            kind, root, day, price, symbol = derivative(kind, ticker, root, expiry, strikes, strike)
            name = root
            if not value and own_values is not None:
                value = own_values[exchange, root]
        else:
            root = day = price = ""
            symbol = cash_symbol(ticker, exchange, series)
            if kind == "INDEX":
                exchange, symbol = indices[exchange, symbol]
                lot = tick = "0"  # it is not traded, whatever the file says
            elif kind == _SECURITY:
                kind = security(exchange, symbol, name, ticker, series, nature, second or token)
        token = f"{token}::::{second}" if second else token
        texts = symbol + name + ticker + token
        has_all = ticker.strip() and token.strip() and symbol
        if not (has_all and texts.isascii()) or len(texts) > LONGEST_TEXT:
            _require_texts(broker_symbol=ticker, symbol=symbol, token=token, name=name)
        # It takes half the time of Listing(...).
        return Listing._make((
            broker, exchange, symbol, name, ticker, theirs, token, kind, root, day, price,
            lots[lot], ticks[tick], values[value], most[freeze],
        ))  # fmt: skip  # a record

    return _with_exchange(convert, markets)


def _with_exchange(
    convert: Convert[Listing], markets: Mapping[tuple[str, ...], _KnownMarket]
) -> Convert[Listing]:
    """Return *convert*, whose errors have the exchange of the row if its market is known."""

    def convert_row(fields: tuple[str, ...]) -> Listing:
        try:
            return convert(fields)
        except RowError as fault:
            market = markets.get(fields[13:])
            if market is not None:
                fault.exchange = market[0]
            raise

    return convert_row


def _known_markets(layout: Layout) -> Callable[[tuple[str, ...]], _KnownMarket]:
    """Return the function that finds a market and the caches of its units."""
    ticks = ConversionCache[str, ConversionCache[str, str]](partial(_tick_cache, layout))
    strikes = ConversionCache[str, ConversionCache[str, str]](partial(_strike_cache, layout))

    def known_market(key: tuple[str, ...]) -> _KnownMarket:
        market = layout.market(*key)
        exchange, theirs, kind = market.exchange, market.broker_exchange, market.instrument_type
        _require_texts(exchange=theirs, instrument_type=kind)
        is_derivative = kind in _DERIVATIVES
        is_index = kind == "INDEX" and exchange.endswith("_INDEX")
        is_security = kind == _SECURITY and exchange in _CASH_EXCHANGES
        if not (is_index or is_security or (exchange, kind) == _COMMODITY) and (
            not is_derivative or exchange in _CASH_EXCHANGES
        ):
            raise RowError(f"instrument type {cited(kind)} does not exist on {exchange}")
        return exchange, theirs, kind, ticks[market.tick_unit], strikes[market.strike_unit]

    return known_market


def _number_caches(layout: Layout) -> tuple[ConversionCache[str, str], ...]:
    """Return the caches of lot sizes, contract values and freeze quantities.

    A freeze quantity of 0 is none.
    """
    lots = cache_of_column(
        layout.lot_size or "lot_size", field_values.whole_number, "a whole number from 0"
    )
    column = layout.contract_value or "contract_value"
    values = cache_of_column(column, field_values.positive, "a number above 0")
    values[""] = ""
    column = layout.freeze_quantity or "freeze_quantity"
    most = cache_of_column(column, field_values.whole_number, "a whole number from 0")
    most.update({"": "", "0": "", "0.0": ""})
    return lots, values, most


def _own_values(layout: Layout) -> ConversionCache[tuple[str, str], str] | None:
    find = layout.contract_value_of
    return None if find is None else ConversionCache(lambda key: find(*key))


def _tick_cache(layout: Layout, unit: str) -> ConversionCache[str, str]:
    number = partial(field_values.number, unit=unit)
    return cache_of_column(layout.tick_size or "tick_size", number, "a number from 0")


def _strike_cache(layout: Layout, unit: str) -> ConversionCache[str, str]:
    positive = partial(field_values.positive, unit=unit)
    return cache_of_column(layout.strike or "strike", positive, "a number above 0")


def _derivatives(layout: Layout) -> Callable[..., tuple[str, str, str, str, str]]:
    """Return the function that finds type, underlying, expiry, strike and symbol."""
    expiries = cache_of_column(
        layout.expiry or "expiry", layout.parse_expiry, "a date such as 2025-07-31"
    )
    roots = _root_cache(layout)
    find_root = layout.root

    def derivative(
        kind: str,
        ticker: str,
        underlying: str,
        expiry: str,
        strikes: ConversionCache[str, str],
        strike: str,
    ) -> tuple[str, str, str, str, str]:
        if kind == "OPT":
            kind = ticker[-2:]
            if kind not in _DERIVATIVES:
                raise RowError(
                    f"{layout.broker_symbol} is {cited(ticker)}; expected it to end with CE or PE"
                )
        day, symbol_day = expiries[expiry]
        price = "" if kind == "FUT" else strikes[strike]
        root = roots[underlying if find_root is None else find_root(ticker, day, price, kind)]
        return kind, root, day, price, f"{root}{symbol_day}{price}{kind}"

    return derivative


def _root_cache(layout: Layout) -> ConversionCache[str, str]:
    column = layout.underlying or layout.broker_symbol
    cleaned = cache_of_column(column, field_values.underlying, "letters, digits and &_.-")

    def root(underlying: str) -> str:
        if not underlying:
            raise EmptyFieldError(column, f"{column} is empty; a derivative needs its underlying")
        return cleaned[underlying]

    return ConversionCache(root)


def _require_texts(**texts: str) -> None:
    for column, text in texts.items():
        if not text.strip() and column != "name":
            raise RowError(f"{column} is empty")
        if field_values.has_invisible(text) and column != "name":
            raise RowError(f"{column} is {cited(text)}, which has an invisible character")
        if len(text) > LONGEST_TEXT:
            raise RowError(
                f"{column} has {len(text)} characters; at most {LONGEST_TEXT} are allowed"
            )
