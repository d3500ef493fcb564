"""The search of an index: returns the same rows in the same order as search.search."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from heapq import nsmallest

from oadb.market.index.section import END, Section, Terms
from oadb.market.index.terms import Matches, capitals, require_limit, terms_of
from oadb.market.instruments import Instrument

# Rank, length of the symbol, symbol in upper case, symbol, exchange, row: the order of results.
_SortKey = tuple[int, int, bytes, str, str, int]


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
    best = [key for each in searches for key in each.beginning()] if terms else []
    if len(best) < limit:  # symbols that only contain the first term come after these
        best = [key for each in searches for key in each.containing()]
    by_exchange = {each.section.exchange: each.section for each in searches}
    return [by_exchange[exchange].instrument(row) for *_, exchange, row in nsmallest(limit, best)]


class _Search:
    """One search in one section."""

    def __init__(self, section: Section, terms: list[bytes], filters: Filters, limit: int) -> None:
        self.section = section
        self._terms = terms
        self._limit = limit
        self._filters = (
            (
                ([*map(filters.fit_terms, section.terms)], section.terms_codes),
                ([*map(filters.fit_strike, section.strikes)], section.strike_codes),
            )
            if filters
            else ()
        )

    def beginning(self) -> list[_SortKey]:
        """Return the keys of the best rows whose symbol begins with the first term."""
        section, first = self.section, self._terms[0]
        if section.folded is not section.text:  # symbols with lower case have another order
            return [key for key in self.containing() if key[0] == 1]
        prefix = first.decode()
        start = bisect_left(section.symbols, prefix)
        end = bisect_right(section.symbols, prefix, start, key=lambda text: text[: len(prefix)])
        return self._best(self._fitting(range(start, end), self._terms[1:]))

    def containing(self) -> list[_SortKey]:
        """Return the keys of the best rows that contain every term."""
        if not self._terms:
            return self._best(self._fitting(range(len(self.section.symbols)), []))
        rarest, *others = sorted(self._terms, key=self.section.folded.count)
        return self._best(self._fitting(self._rows_with(rarest), others))

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
