"""Instruments that brokers list: lookups in their master contracts.

An underlying may be given in any case: nifty finds NIFTY, as the readers of files write it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from operator import attrgetter
from typing import Literal, NamedTuple, Self

from oadb.engine.binding.operations import operation
from oadb.engine.binding.pages import Limit, Page
from oadb.engine.binding.queries import queries
from oadb.engine.executors import AsyncExecutor
from oadb.market.left_out import Rejected

__all__ = [
    "LONGEST_TEXT", "ExchangeCount", "Instrument", "InstrumentRow", "Listing", "Rejected",
    "count_by_broker", "count_by_exchange", "export_csv", "find_by_broker_symbol",
    "find_by_token", "get", "get_all", "get_all_by_token", "get_lot_size", "get_near_future",
    "list_brokers", "list_by_broker", "list_by_broker_symbol", "list_chain", "list_exchanges",
    "list_future_expiries", "list_option_expiries", "list_strikes", "list_underlyings",
    "stream_by_broker",
]  # fmt: skip  # a list

query = queries(__name__)

LONGEST_TEXT = 200
"""Maximum length of a text field; the longest names that brokers list have about 60 characters."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """An instrument as a broker lists it. Prices are in the currency of the exchange.

    ``contract_value`` is the change of a contract's worth for a change of its price by 1.
    ``freeze_quantity`` is where the exchange freezes an order: the largest that passes, or the
    smallest that does not, as the broker writes it. Each is None where the broker does not say it.
    """

    broker: str
    exchange: str
    symbol: str
    name: str | None
    broker_symbol: str
    broker_exchange: str
    token: str
    instrument_type: str
    underlying: str | None
    expiry: date | None
    strike: Decimal | None
    lot_size: int
    tick_size: Decimal
    contract_value: Decimal | None = None
    freeze_quantity: int | None = None


_columns = attrgetter(*(column.name for column in fields(Instrument)))


class Listing(NamedTuple):
    """An instrument as a reader makes it from a broker's file: each field as PostgreSQL's text.

    It has the fields of Instrument in the same order; an empty text means null. Readers have
    validated numbers and dates, and COPY sends them unchanged.
    """

    broker: str
    exchange: str
    symbol: str
    name: str
    broker_symbol: str
    broker_exchange: str
    token: str
    instrument_type: str
    underlying: str
    expiry: str
    strike: str
    lot_size: str
    tick_size: str
    contract_value: str
    freeze_quantity: str

    @classmethod
    def of(cls, row: Instrument) -> Self:
        """Return the listing of an instrument."""
        return cls(*("" if value is None else str(value) for value in _columns(row)))

    def instrument(self) -> Instrument:
        """Return the instrument, with typed fields."""
        return Instrument(
            *self[:3],
            self.name or None,
            *self[4:8],
            self.underlying or None,
            date.fromisoformat(self.expiry) if self.expiry else None,
            Decimal(self.strike) if self.strike else None,
            int(self.lot_size),
            Decimal(self.tick_size),
            Decimal(self.contract_value) if self.contract_value else None,
            int(self.freeze_quantity) if self.freeze_quantity else None,
        )


InstrumentRow = Instrument | Listing | Rejected
"""A row for a load; Rejected if its reader could not read it."""


@dataclass(frozen=True, slots=True)
class ExchangeCount:
    """The number of instruments that a broker lists on an exchange."""

    exchange: str
    instruments: int


@query
def get(broker: str, exchange: str, symbol: str) -> Instrument | None:
    """Return the instrument of a symbol; None if there is none."""
    ...


@query
def find_by_token(broker: str, exchange: str, token: str) -> Instrument | None:
    """Return the instrument of a token; None if there is none."""
    ...


@query
def find_by_broker_symbol(broker: str, exchange: str, broker_symbol: str) -> Instrument | None:
    """Return the one instrument of a broker's symbol; None if there is none, or more than one.

    Dhan has one symbol for the options of a month, whatever their expiry: ``find_by_token`` tells
    them apart, and ``list_by_broker_symbol`` lists them.
    """
    ...


@query
def list_by_broker_symbol(broker: str, exchange: str, broker_symbol: str) -> list[Instrument]:
    """List the instruments for which a broker uses one symbol, by the platform's symbol."""
    ...


@query
def _list_by_pairs(
    broker: str, exchanges: list[str], codes: list[str], by: Literal["symbol", "token"]
) -> list[Instrument]: ...


@query
def list_option_expiries(
    broker: str, exchange: str, underlying: str | None, *, with_expired: bool = False
) -> list[date]:
    """List the expiries of options on one underlying, None: on any; past ones *with_expired*."""
    ...


@query
def list_future_expiries(
    broker: str, exchange: str, underlying: str | None, *, with_expired: bool = False
) -> list[date]:
    """List the expiries of futures on one underlying, None: on any; past ones *with_expired*."""
    ...


@query
def list_underlyings(broker: str, exchange: str, *, with_futures: bool = False) -> list[str]:
    """List the underlyings of options, and *with_futures* of unexpired futures, in order."""
    ...


@query
def list_strikes(broker: str, exchange: str, underlying: str, expiry: date) -> list[Decimal]:
    """List the strikes of the options on an underlying and expiry, lowest first."""
    ...


@query
def list_chain(broker: str, exchange: str, underlying: str, expiry: date) -> list[Instrument]:
    """List the options on an underlying and expiry by strike, each call before its put."""
    ...


@query
def get_near_future(broker: str, exchange: str, underlying: str) -> Instrument | None:
    """Return the unexpired future that expires first; None if there is none."""
    ...


@query
def get_lot_size(broker: str, exchange: str, underlying: str) -> int | None:
    """Return the lot size of the derivatives on an underlying; None if there are none."""
    ...


@query
def count_by_broker(broker: str) -> int:
    """Count the instruments of a broker."""
    ...


@query
def count_by_exchange(broker: str) -> list[ExchangeCount]:
    """Count the instruments of a broker on each exchange."""
    ...


@query
def list_brokers() -> list[str]:
    """List the brokers that have instruments, in order."""
    ...


@query
def list_exchanges(broker: str) -> list[str]:
    """List the exchanges on which a broker lists instruments, in order."""
    ...


@query
def list_by_broker(
    broker: str, *, cursor: str | None = None, limit: Limit = 100
) -> Page[Instrument]:
    """List the instruments of a broker by exchange and symbol."""
    ...


@query
def stream_by_broker(
    broker: str,
    *,
    exchange: str | None = None,
    instrument_type: str | None = None,
    expiry: date | None = None,
    strike_min: Decimal | None = None,
    strike_max: Decimal | None = None,
    underlying: str | None = None,
) -> Iterator[Instrument]:
    """Yield a broker's instruments that pass every filter, by exchange and symbol; all of them."""
    ...


@query
def export_csv() -> Iterator[bytes]:
    """Yield all instruments as CSV with a heading, in blocks of bytes."""
    ...


query.complete()


@operation
async def get_all(
    db: AsyncExecutor, broker: str, pairs: Sequence[tuple[str, str]]
) -> list[Instrument | None]:
    """Look up instruments by (exchange, symbol), with one statement for any number of pairs.

    Returns:
        The instrument of each pair, in the same order; None if there is none. Pairs may repeat.
    """
    exchanges, symbols = [exchange for exchange, _ in pairs], [symbol for _, symbol in pairs]
    rows = await _list_by_pairs(db, broker, exchanges, symbols, "symbol")
    found = {(row.exchange, row.symbol): row for row in rows}
    return [found.get(pair) for pair in pairs]


@operation
async def get_all_by_token(
    db: AsyncExecutor, broker: str, pairs: Sequence[tuple[str, str]]
) -> list[Instrument | None]:
    """Look up instruments by (exchange, token), with one statement for any number of pairs.

    Returns:
        The instrument of each pair, in the same order; None if there is none. Pairs may repeat.
    """
    exchanges, tokens = [exchange for exchange, _ in pairs], [token for _, token in pairs]
    rows = await _list_by_pairs(db, broker, exchanges, tokens, "token")
    found = {(row.exchange, row.token): row for row in rows}
    return [found.get(pair) for pair in pairs]
