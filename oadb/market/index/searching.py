"""The search of an index: returns the same rows in the same order as search.search."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from functools import cached_property
from heapq import nsmallest

from oadb.market.index.section import END, Section, Terms
from oadb.market.index.terms import Matches, capitals, require_limit, terms_of
from oadb.market.instruments import Instrument

# Rank, length of the symbol, symbol in upper case, symbol, exchange, row: the order of results.
_SortKey = tuple[int, int, bytes, str, str, int]

# The last rank of rows whose symbol contains the first term.
_IN_SYMBOL = 2

# Where more rows than that seem to match, they are walked in the order of the result.
_COMMON = 5000

# How much of a section's text tells how often it contains a term, and in how many pieces.
_SAMPLE, _PIECES = 1 << 16, 16

# Rows that are looked at before it is asked whether there are enough.
_STEP = 2048


@dataclass(frozen=True, slots=True)
class Filters:
    """Filters of a search; None matches all. The range of strikes includes both ends."""

    exchange: str | None = None
    instrument_type: str | None = None
    expiry: date | None = None
    strike_min: Decimal | None = None
    strike_max: Decimal | None = None
    underlying: str | None = None

    def __bool__(self) -> bool:
        """Return whether there is any filter."""
        return any(getattr(self, field.name) is not None for field in fields(self))

    def fit_section(self, section: Section) -> bool:
        """Return whether rows of *section* can match."""
        return self.exchange in {None, section.exchange}

    def fit_terms(self, terms: Terms) -> bool:
        """Return whether rows with these *terms* can match."""
        return (
            (self.instrument_type is None or self.instrument_type == terms.instrument_type)
            and (self.expiry is None or self.expiry == terms.expiry)
            and (
                self.underlying is None
                or terms.underlying in {self.underlying, capitals(self.underlying)}
            )
        )

    def fit_strike(self, strike: Decimal | None) -> bool:
        """Return whether rows with this *strike* can match."""
        if self.strike_min is None and self.strike_max is None:
            return True
        return (
            strike is not None
            and (self.strike_min is None or strike >= self.strike_min)
            and (self.strike_max is None or strike <= self.strike_max)
        )


def search(sections: Iterable[Section], text: str, filters: Filters, limit: int) -> Matches:
    """Return up to *limit* instruments, best first.

    Raises:
        ParameterError: see ``search.search``.
    """
    terms = [term.encode() for term in terms_of(text)]
    require_limit(limit)
    if not terms and not filters:
        return Matches([], limit)
    return Matches(_search(sections, terms, filters, limit + 1), limit)


def _search(
    sections: Iterable[Section], terms: list[bytes], filters: Filters, limit: int
) -> list[Instrument]:
    searches = [
        _Search(section, terms, filters, limit)
        for section in sections
        if filters.fit_section(section)
    ]
    best = _best_keys(searches, limit) if terms else [key for s in searches for key in s.containing]
    by_exchange = {each.section.exchange: each.section for each in searches}
    return [by_exchange[exchange].instrument(row) for *_, exchange, row in nsmallest(limit, best)]


def _best_keys(searches: list["_Search"], limit: int) -> list[_SortKey]:
    """Return the keys of the best *limit* rows, rank by rank until there are enough."""
    best = [key for each in searches for key in each.beginning]
    if len(best) >= limit:
        return best
    best = [key for each in searches for key in each.walking()]
    if sum(rank <= _IN_SYMBOL for rank, *_ in best) >= limit:
        return best
    return [key for each in searches for key in each.containing]


class _Search:
    """One search in one section."""

    def __init__(self, section: Section, terms: list[bytes], filters: Filters, limit: int) -> None:
        self.section = section
        self._terms = terms
        self._limit = limit
        self._rarest = min(terms, key=self._count) if len(terms) > 1 else b"".join(terms)
        self._filters = (
            (
                ([*map(filters.fit_terms, section.terms)], section.terms_codes),
                ([*map(filters.fit_strike, section.strikes)], section.strike_codes),
            )
            if filters
            else ()
        )

    @cached_property
    def beginning(self) -> list[_SortKey]:
        """Return the keys of the best rows whose symbol begins with the first term."""
        section, first = self.section, self._terms[0]
        if section.folded is not section.text:  # symbols with lower case have another order
            return [key for key in self.containing if key[0] == 1]
        prefix = first.decode()
        start = bisect_left(section.symbols, prefix)
        end = bisect_right(section.symbols, prefix, start, key=lambda text: text[: len(prefix)])
        return self._best(self._fitting(range(start, end), self._terms[1:]))

    def walking(self) -> list[_SortKey]:
        """Return the keys of the best rows whose symbol contains the first term, if many match.

        In other cases the keys of the best rows that contain every term.
        """
        section, first = self.section, self._terms[0].decode()
        has_capitals = section.folded is section.text
        if not has_capitals or self._filters or self._count(self._rarest) < _COMMON:
            return self.containing
        symbols, ordered, found = section.symbols, section.by_length, [*self.beginning]
        for start in range(0, len(ordered), _STEP):
            if len(found) >= self._limit:
                break
            rows = [row for row in ordered[start : start + _STEP] if symbols[row].find(first) > 0]
            found += map(self._sort_key, self._fitting(rows, self._terms[1:]))
        return found

    @cached_property
    def containing(self) -> list[_SortKey]:
        """Return the keys of the best rows that contain every term."""
        if not self._terms:
            return self._best(self._fitting(range(len(self.section.symbols)), []))
        others = [term for term in self._terms if term != self._rarest]
        return self._best(self._fitting(self._rows_with(self._rarest), others))

    def _count(self, term: bytes) -> int:
        """Return about how often the text of the section contains a term."""
        text = self.section.folded
        if len(text) <= 2 * _SAMPLE:
            return text.count(term)
        piece, apart = _SAMPLE // _PIECES, len(text) // _PIECES
        found = sum(text.count(term, at, at + piece) for at in range(0, apart * _PIECES, apart))
        return found * len(text) // _SAMPLE

    def _rows_with(self, term: bytes) -> Iterator[int]:
        folded, starts = self.section.folded, self.section.starts
        at = folded.find(term)
        while at >= 0:
            row = bisect_right(starts, at)
            yield row - 1
            at = folded.find(term, starts[row])

    def _fitting(self, rows: Iterable[int], others: list[bytes]) -> list[int]:
        """Return the *rows* that also contain the *others* and pass the filters."""
        find, starts = self.section.folded.find, self.section.starts
        for term in others:
            rows = [row for row in rows if find(term, starts[row], starts[row + 1]) >= 0]
        for fit, codes in self._filters:
            if not all(fit):
                rows = [row for row in rows if fit[codes[row]]]
        return [*rows]

    def _best(self, rows: list[int]) -> list[_SortKey]:
        """Return the keys of the best *rows*, up to the limit, and of rows equal to the last."""
        if len(rows) > self._limit:
            coarse = [*map(self._coarse_key, rows)]
            worst = sorted(coarse)[self._limit - 1]
            rows = [row for row, key in zip(rows, coarse, strict=True) if key <= worst]
        return [*map(self._sort_key, rows)]

    def _coarse_key(self, row: int) -> int:
        """Return rank and length of the symbol as one number."""
        return (self._rank(row) << 32) + len(self.section.symbols[row])

    def _rank(self, row: int) -> int:
        """Return where the first term is: 1 at the symbol's start, 2 later in it, 3 elsewhere."""
        folded, start = self.section.folded, self.section.starts[row]
        at = folded.find(self._terms[0], start) if self._terms else start
        if at == start:
            return 1
        return 2 if folded.find(END, start, at) < 0 else 3

    def _sort_key(self, row: int) -> _SortKey:
        section, start = self.section, self.section.starts[row]
        capitals = section.folded[start : section.folded.index(END, start)]
        symbol = section.symbols[row]
        return self._rank(row), len(symbol), capitals, symbol, section.exchange, row
