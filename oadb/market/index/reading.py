"""Builds sections from the blocks of live_index.export_rows, as they arrive."""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import accumulate, compress, count, pairwise, repeat

from oadb.engine.binding.slotted_rows import maker
from oadb.market.index.section import Section, Terms
from oadb.market.index.terms import capitals

# Columns before those of Terms; the latter stay one text, which has few distinct values.
_OWN_COLUMNS = 8

# Makes one at a fifth of the cost; None where Python does not allow it.
_quickly = maker(Terms)

# Rows that take about a millisecond.
_STEP = 4096

# COPY's text format. https://www.postgresql.org/docs/18/sql-copy.html
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}


class Reader:
    """Reads rows in the order of broker, exchange and symbol into sections."""

    def __init__(self) -> None:
        self._sections: list[Section] = []
        # Equal numbers are one object.
        self._number = cache(Decimal)
        self._builder = _SectionBuilder("", "", self._number)

    def feed(self, block: bytes) -> None:
        """Read a block of whole rows."""
        text = block.decode()
        rows = [line.split("\t", _OWN_COLUMNS) for line in text.split("\n")]
        rows.pop()  # the empty text after the last line
        if "\\" in text:
            rows = [[*map(_unescaped, row[:-1]), row[-1]] for row in rows]
        starts = [number for number, row in enumerate(rows) if row[0]]
        for start, end in pairwise([0, *starts, len(rows)]):
            if start in starts:
                self._finish()
                self._builder = _SectionBuilder(rows[start][0], rows[start][1], self._number)
            if start < end:
                self._builder.add(rows[start:end])

    def sections(self) -> list[Section]:
        """Return the sections, after the last block."""
        self._finish()
        return self._sections

    def _finish(self) -> None:
        if self._builder.symbols:
            self._sections.append(self._builder.build())


class _Codes(dict[str, int]):
    """A code for each distinct text, and the codes of all rows."""

    def __init__(self) -> None:
        self._rows = array("I")

    def __missing__(self, text: str) -> int:
        code = self[text] = len(self)
        return code

    def add(self, texts: Iterable[str]) -> None:
        self._rows.extend(map(self.__getitem__, texts))

    def of_rows(self) -> "array[int]":
        return array("H" if len(self) <= 2**16 else "I", self._rows)


class _SectionBuilder:
    """Collects the rows of a section."""

    def __init__(self, broker: str, exchange: str, number: Callable[[str], Decimal]) -> None:
        self.broker = broker
        self.exchange = exchange
        self._number = number
        self.symbols: list[str] = []
        self._tokens: list[str] = []
        self._broker_symbols: list[str] = []
        self._texts: list[bytes] = []
        self._sizes = array("I")
        self._strikes = _Codes()
        self._terms = _Codes()

    def add(self, rows: Iterable[list[str]]) -> None:
        _, _, symbols, others, tokens, names, shown, strikes, terms = zip(*rows, strict=True)
        self.symbols += symbols
        self._tokens += tokens
        self._broker_symbols += others
        self._strikes.add(strikes)
        self._terms.add(terms)
        # With an empty last field, so that NUL also ends the field before it.
        texts = [
            *map("\0".join, zip(symbols, others, tokens, names, shown, repeat(""), strict=False))
        ]
        text = "".join(texts)
        self._texts.append(text.encode())
        sizes = map(len, texts) if text.isascii() else (len(text.encode()) for text in texts)
        self._sizes.extend(sizes)

    def build(self) -> Section:
        text = b"".join(self._texts)
        folded = text.upper()
        own = [*compress(count(), self._broker_symbols)]
        own.sort(key=self._broker_symbols.__getitem__)
        by_length = [*range(len(self.symbols))]
        if folded != text:
            by_length.sort(key=[*map(capitals, self.symbols)].__getitem__)
        by_length.sort(key=[*map(len, self.symbols)].__getitem__)
        return Section(
            broker=self.broker,
            exchange=self.exchange,
            tokens=_dict_in_steps(self.symbols, self._tokens),
            by_token=_dict_in_steps(self._tokens, self.symbols),
            symbols=self.symbols.copy(),  # without spare capacity
            strike_codes=self._strikes.of_rows(),
            terms_codes=self._terms.of_rows(),
            by_length=array("I", by_length),
            strikes=[self._number(strike) if strike else None for strike in self._strikes],
            terms=[*_terms(self._terms, self._number)],
            starts=array("I", [*accumulate(self._sizes, initial=0)]),
            text=text,
            folded=text if folded == text else folded,
            by_broker_symbol=array("I", own),
        )


def _dict_in_steps(keys: list[str], values: list[str]) -> dict[str, str]:
    """Return a dictionary, built in steps between which other threads can run."""
    made: dict[str, str] = {}
    for start in range(0, len(keys), _STEP):
        end = start + _STEP
        made.update(zip(keys[start:end], values[start:end], strict=True))
    return made


def _terms(texts: Iterable[str], number: Callable[[str], Decimal]) -> Iterator[Terms]:
    day, shared = cache(_day), cache(_unescaped)
    for text in texts:
        naming, place, kind, underlying, expiry, lot_size, tick, value, most = text.split("\t")
        values = (
            shared(naming),
            shared(place),
            shared(kind),
            shared(underlying[1:]) if underlying else None,
            day(expiry),
            int(lot_size),
            number(tick),
            number(value) if value else None,
            int(most) if most else None,
        )
        yield Terms(*values) if _quickly is None else _quickly(values)


def _day(ordinal: str) -> date | None:
    return date.fromordinal(int(ordinal)) if ordinal else None


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: _ESCAPES[found[1]], text) if "\\" in text else text
