"""The instruments that a broker lists on one exchange, stored by column.

Two dictionaries share their texts and serve the lookups of every tick. Other columns are found by
the number of a row, in the order of symbols: numbers and dates are codes into tables of distinct
values; the searchable columns, and those that are in no dictionary, are one text.
"""

from array import array
from bisect import bisect_left
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from oadb.engine.binding.slotted_rows import maker
from oadb.market.instruments import Instrument

# Makes one at a fifth of the cost; None where Python does not allow it.
_quickly = maker(Instrument)

# Ends each field in a row's text; PostgreSQL's text cannot contain it.
END = b"\0"


@dataclass(frozen=True, slots=True)
class Terms:
    """The columns whose values many instruments share."""

    # Where the name is: null ("n"), that of the underlying ("u"), or in the row's text ("o").
    naming: str
    broker_exchange: str
    instrument_type: str
    underlying: str | None
    expiry: date | None
    lot_size: int
    tick_size: Decimal
    contract_value: Decimal | None
    freeze_quantity: int | None

    def expires_from(self, start: date) -> bool:
        """Return whether the contract expires on *start* or later."""
        return self.expiry is not None and self.expiry >= start


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """The instruments of one broker on one exchange, numbered in the order of their symbols."""

    broker: str
    exchange: str
    # Tokens by symbol, and symbols by token.
    tokens: dict[str, str]
    by_token: dict[str, str]
    # By row.
    symbols: list[str]
    terms_codes: "array[int]"
    strike_codes: "array[int]"
    # Rows by length of the symbol, then by the symbol in upper case, then by the symbol: the order
    # of the results of a search.
    by_length: "array[int]"
    # By code.
    terms: list[Terms]
    strikes: list[Decimal | None]
    # Where each row begins in both texts, and where the last one ends. The fields of a row are:
    # symbol, broker's symbol if it differs, token, own name, strike if it is not in the symbol.
    starts: "array[int]"
    text: bytes
    # The same in upper case; the same object if that changes nothing.
    folded: bytes
    # Rows whose broker's symbol differs from the symbol, in the order of broker's symbols.
    by_broker_symbol: "array[int]"

    def row(self, symbol: str) -> int | None:
        """Return the number of a symbol's row; None for an unknown symbol."""
        if symbol not in self.tokens:
            return None
        return bisect_left(self.symbols, symbol)

    def broker_symbol(self, row: int) -> str:
        """Return the broker's symbol of a row."""
        start = self.text.index(END, self.starts[row]) + 1
        return self.text[start : self.text.index(END, start)].decode() or self.symbols[row]

    def rows_of_broker_symbol(self, broker_symbol: str) -> list[int]:
        """Return the rows with this broker's symbol, in order."""
        ordered, found = self.by_broker_symbol, list[int]()
        at = bisect_left(ordered, broker_symbol, key=self.broker_symbol)
        while at < len(ordered) and self.broker_symbol(ordered[at]) == broker_symbol:
            found.append(ordered[at])
            at += 1
        same = self.row(broker_symbol)
        if same is not None and self.broker_symbol(same) == broker_symbol:
            found.append(same)
        return sorted(found)

    def instrument(self, row: int) -> Instrument:
        """Return the instrument of a row."""
        text = self.text[self.starts[row] : self.starts[row + 1]]
        _, broker_symbol, _, name, *_ = text.decode().split("\0")
        symbol, terms = self.symbols[row], self.terms[self.terms_codes[row]]
        values = (
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
            terms.freeze_quantity,
        )
        return Instrument(*values) if _quickly is None else _quickly(values)
