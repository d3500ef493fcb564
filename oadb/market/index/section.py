"""What a broker lists on one exchange, in columns.

Two dictionaries share their texts and answer what is asked on each tick. All else is found by the
number of a row, in the order of symbols: numbers and dates as codes into tables of distinct ones,
and what is searched as one text, which also holds what is in no dictionary.
"""

from array import array
from bisect import bisect_left
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from oadb.market.instruments import Instrument

# PostgreSQL's text never holds it, so it ends each field of a row's text.
END = b"\0"


@dataclass(frozen=True, slots=True)
class Terms:
    """What many instruments share."""

    # The name is none ("n"), that of the underlying ("u"), or the row's own ("o").
    naming: str
    broker_exchange: str
    instrument_type: str
    underlying: str | None
    expiry: date | None
    lot_size: int
    tick_size: Decimal
    contract_value: Decimal

    def expires_from(self, start: date) -> bool:
        """Say whether the contract expires on *start* or later."""
        return self.expiry is not None and self.expiry >= start


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """The instruments of one broker on one exchange, numbered in the order of their symbols."""

    broker: str
    exchange: str
    # Symbol to token, and back.
    tokens: dict[str, str]
    by_token: dict[str, str]
    # By row.
    symbols: list[str]
    terms_codes: "array[int]"
    strike_codes: "array[int]"
    # By code.
    terms: list[Terms]
    strikes: list[Decimal | None]
    # Where each row begins in both texts, and where the last one ends. A row is: symbol,
    # broker symbol unless it is the symbol, token, own name, strike unless the symbol shows it.
    starts: "array[int]"
    text: bytes
    # The same in upper case; the same object where that changes nothing.
    folded: bytes
    # Rows with a broker symbol of their own, in its order.
    by_broker_symbol: "array[int]"

    def row(self, symbol: str) -> int | None:
        """Return the number of a symbol's row."""
        if symbol not in self.tokens:
            return None
        return bisect_left(self.symbols, symbol)

    def broker_symbol(self, row: int) -> str:
        """Return the broker's symbol of a row."""
        start = self.text.index(END, self.starts[row]) + 1
        return self.text[start : self.text.index(END, start)].decode() or self.symbols[row]

    def row_of_broker_symbol(self, broker_symbol: str) -> int | None:
        """Return the row that the broker calls so; of several, the first."""
        own, found = self.by_broker_symbol, list[int]()
        place = bisect_left(own, broker_symbol, key=self.broker_symbol)
        if place < len(own) and self.broker_symbol(own[place]) == broker_symbol:
            found.append(own[place])
        same = self.row(broker_symbol)
        if same is not None and self.broker_symbol(same) == broker_symbol:
            found.append(same)
        return min(found, default=None)

    def instrument(self, row: int) -> Instrument:
        """Return a row as SQL returns it."""
        text = self.text[self.starts[row] : self.starts[row + 1]]
        _, broker_symbol, _, name, *_ = text.decode().split("\0")
        symbol, terms = self.symbols[row], self.terms[self.terms_codes[row]]
        return Instrument(
            self.broker,
            self.exchange,
            symbol,
            {"n": None, "u": terms.underlying, "o": name}[terms.naming],
            broker_symbol or symbol,
            terms.broker_exchange,
            self.tokens[symbol],
            terms.instrument_type,
            terms.underlying,
            terms.expiry,
            self.strikes[self.strike_codes[row]],
            terms.lot_size,
            terms.tick_size,
            terms.contract_value,
        )
