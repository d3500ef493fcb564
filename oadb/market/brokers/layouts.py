"""Layouts: which column of a broker's file says what, and how a line becomes a Listing.

All brokers' lines become the platform's symbols: a derivative is its underlying, the expiry as
DDMMMYY, the strike, and FUT, CE or PE; an index stands on an exchange of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from oadb.errors import RowError
from oadb.market.brokers import field_values
from oadb.market.brokers.field_values import RUPEE
from oadb.market.brokers.files import Convert
from oadb.market.instruments import LONGEST_TEXT, Listing

_TYPES = {"": "EQ", "EQUITY": "EQ"}

_CONTRACTS = frozenset({"FUT", "OPT", "CE", "PE"})


@dataclass(frozen=True, slots=True)
class Market:
    """Where an instrument is traded, by the platform's name and the broker's, and its type.

    OPT is an option whose symbol at the broker ends with CE or PE.
    """

    exchange: str
    broker_exchange: str
    instrument_type: str
    strike_unit: str = RUPEE


def unchanged(symbol: str, exchange: str, series: str) -> str:
    """Return the broker's symbol of a share or bond as the platform's."""
    del exchange, series
    return symbol


def with_series(symbol: str, exchange: str, series: str) -> str:
    """Return the symbol of a share or bond, at NSE with its series, as NSE itself does.

    Without it, a share and a debenture or warrant of the same company have the same symbol.
    """
    shown = exchange == "NSE" and series not in {"", "EQ"}
    return f"{symbol}-{series}" if shown and not symbol.endswith(f"-{series}") else symbol


def type_of(instrument: str) -> str:
    """Return the type of what exchanges call FUTIDX, OPTSTK, EQUITY; OPT needs CE or PE yet."""
    if instrument.startswith("FUT"):
        return "FUT"
    if instrument.startswith("OPT"):
        return "OPT"
    return _TYPES.get(instrument, instrument)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The columns of a broker's file by what they say. None: the file does not say it.

    A token of two columns is joined as ``a::::b``. *market* understands the market columns, and
    raises RowError; *cash_symbol* makes the platform's symbol of the broker's, the exchange and
    the series; *root* finds the underlying in the broker's symbol, the expiry, the strike and
    the type, where no column has it.
    """

    broker: str
    market_columns: tuple[str, ...]
    market: Callable[..., Market]
    broker_symbol: str
    name: str
    underlying: str | None
    token: tuple[str, ...]
    series: str | None = None
    expiry: str
    strike: str
    lot_size: str
    tick_size: str
    tick_unit: str = RUPEE
    contract_value: str | None = None
    cash_symbol: Callable[[str, str, str], str] = unchanged
    root: Callable[[str, str, str, str], str] | None = None

    @property
    def columns(self) -> tuple[str | None, ...]:
        """The columns in the order in which the converter takes their fields."""
        return (
            self.broker_symbol, self.name, self.underlying, *(*self.token, None)[:2],
            self.series, self.expiry, self.strike, self.lot_size, self.tick_size,
            self.contract_value, *self.market_columns,
        )  # fmt: skip


def converter(layout: Layout) -> Convert[Listing]:
    """Return what makes a Listing of the fields under the columns of *layout*."""
    markets = field_values.ConversionCache[tuple[str, ...], Market](partial(_market, layout))
    contract = _contracts(layout)
    lots = field_values.cache_of_column(
        layout.lot_size, field_values.whole_number, "a whole number from 0"
    )
    ticks = field_values.cache_of_column(
        layout.tick_size, partial(field_values.number, unit=layout.tick_unit), "a number from 0"
    )
    values = field_values.cache_of_column(
        layout.contract_value, field_values.positive, "a number above 0"
    )
    values[""] = "1"
    broker, cash_symbol = layout.broker, layout.cash_symbol

    def convert(given: tuple[str, ...]) -> Listing:
        theirs, name, root, token, second, series, expiry, strike, lot, tick, value = given[:11]
        market = markets[given[11:]]
        exchange, kind, expires, price = market.exchange, market.instrument_type, "", ""
        if kind in _CONTRACTS:
            kind, root, expires, price, symbol = contract(market, theirs, root, expiry, strike)
            name = root
        else:
            root, symbol = "", cash_symbol(theirs, exchange, series)
        if kind == "INDEX":
            symbol, lot, tick = field_values.index_symbol(symbol), lot or "0", tick or "0"
        if second:
            token = f"{token}::::{second}"
        texts = symbol + name + theirs + token
        if not (theirs.strip() and token.strip() and symbol) or len(texts) > LONGEST_TEXT:
            _require_texts(broker_symbol=theirs, symbol=symbol, token=token, name=name)
        # Half the time of Listing(...).
        return Listing._make((
            broker, exchange, symbol, name, theirs, market.broker_exchange, token, kind,
            root, expires, price, lots[lot], ticks[tick], values[value],
        ))  # fmt: skip

    return convert


def _market(layout: Layout, key: tuple[str, ...]) -> Market:
    market = layout.market(*key)
    _require_texts(exchange=market.broker_exchange, instrument_type=market.instrument_type)
    return market


Contract = Callable[[Market, str, str, str, str], tuple[str, str, str, str, str]]


def _contracts(layout: Layout) -> Contract:
    """Return what finds the type, underlying, expiry, strike and symbol of a derivative."""
    expiries = field_values.cache_of_column(
        layout.expiry, field_values.expiry, "a date such as 2025-07-31"
    )
    strikes = field_values.ConversionCache[str, field_values.ConversionCache[str, str]](
        lambda unit: field_values.cache_of_column(
            layout.strike, partial(field_values.positive, unit=unit), "a number above 0"
        )
    )

    def contract(
        market: Market, theirs: str, underlying: str, expiry: str, strike: str
    ) -> tuple[str, str, str, str, str]:
        kind = market.instrument_type
        if kind == "OPT":
            kind = theirs[-2:]
            if kind not in _CONTRACTS:
                raise RowError(f"{layout.broker_symbol} is {theirs[:40]!r}; expected CE or PE last")
        expires, day = expiries[expiry]
        price = "" if kind == "FUT" else strikes[market.strike_unit][strike]
        if layout.root is not None:
            underlying = layout.root(theirs, expires, price, kind)
        if not underlying:
            raise RowError(f"{layout.underlying} is empty; a derivative needs its underlying")
        return kind, underlying, expires, price, f"{underlying}{day}{price}{kind}"

    return contract


def _require_texts(**texts: str) -> None:
    for column, text in texts.items():
        if not text.strip() and column != "name":
            raise RowError(f"{column} is empty")
        if len(text) > LONGEST_TEXT:
            raise RowError(
                f"{column} has {len(text)} characters; at most {LONGEST_TEXT} are allowed"
            )
