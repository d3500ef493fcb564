"""Search of instruments, as its users type it."""

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.executors import AsyncExecutor
from oadb.market.index.terms import LONGEST_TEXT, require_limit, terms_of
from oadb.market.instruments import Instrument

query = queries(__name__)

_Filters = tuple[str | None, str | None, date | None, Decimal | None, Decimal | None]

_NO_FILTERS: _Filters = (None, None, None, None, None)

# From about here on going from length to length costs less than sorting all that matches; see
# tests/benchmarks/search.py.
_FEW = 2500

# So many symbols are looked at one by one before another way is tried, which would cost as much:
# those that begin with a term, and all.
_SOME_BEGINNINGS = 250
_SOME = 20_000

# What pg_trgm finds in a LIKE pattern without the beginning or the end of a word.
_TRIGRAM = re.compile(r"[A-Z0-9]{3}")

_ANYTHING = "%"

# The last character there is.
_LAST = "\U0010ffff"

# More instruments than a table holds.
_ALL = 2**62

_LITERALLY = str.maketrans({character: f"\\{character}" for character in r"\%_"})


@query
def _estimate_matches(
    broker: str, patterns: list[str],
    exchange: str | None, instrument_type: str | None, expiry: date | None,
    strike_min: Decimal | None, strike_max: Decimal | None,
) -> int: ...  # fmt: skip


@query
def _search_beginning(
    broker: str, first: str, last: str, most: int, patterns: list[str],
    exchange: str | None, instrument_type: str | None, expiry: date | None,
    strike_min: Decimal | None, strike_max: Decimal | None, wanted: int,
) -> list[Instrument]: ...  # fmt: skip


@query
def _search_selective(
    broker: str, longest: str, second: str, third: str, first: str, patterns: list[str],
    others: list[str], few: int,
    exchange: str | None, instrument_type: str | None, expiry: date | None,
    strike_min: Decimal | None, strike_max: Decimal | None, wanted: int,
) -> list[Instrument]: ...  # fmt: skip


@query
def _search_further(
    broker: str, rank: int, longest: str, second: str, third: str, first: str, patterns: list[str],
    exchange: str | None, instrument_type: str | None, expiry: date | None,
    strike_min: Decimal | None, strike_max: Decimal | None, wanted: int,
) -> list[Instrument]: ...  # fmt: skip


@query
def _search_walking(
    broker: str, first: str, most: int, patterns: list[str],
    exchange: str | None, instrument_type: str | None, expiry: date | None,
    strike_min: Decimal | None, strike_max: Decimal | None, wanted: int,
) -> list[Instrument]: ...  # fmt: skip


@query
def _search_scanning(
    broker: str, first: str, patterns: list[str],
    exchange: str | None, instrument_type: str | None, expiry: date | None,
    strike_min: Decimal | None, strike_max: Decimal | None, wanted: int,
) -> list[Instrument]: ...  # fmt: skip


@query
def _search_underlying(
    broker: str, underlying: str, first: str, patterns: list[str],
    exchange: str | None, instrument_type: str | None, expiry: date | None,
    strike_min: Decimal | None, strike_max: Decimal | None, wanted: int,
) -> list[Instrument]: ...  # fmt: skip


query.complete()


@operation
async def search(
    db: AsyncExecutor,
    broker: str,
    text: str,
    *,
    exchange: str | None = None,
    instrument_type: str | None = None,
    expiry: date | None = None,
    strike_min: Decimal | None = None,
    strike_max: Decimal | None = None,
    underlying: str | None = None,
    limit: int = 50,
) -> list[Instrument]:
    """Return a broker's instruments that hold every term of *text* and pass every filter.

    A term is what stands between spaces. It is held by a symbol, a broker's symbol, a name, a
    token or a strike, at any place, in any case of the letters A to Z; no character is special.
    First come symbols that equal the first term, then those that begin with it, hold it, and the
    rest; among these the shorter, then by their letters. *limit*, 1 to 1000, counts after that.
    Without terms the filters alone choose; without both, or for an exchange that does not exist,
    there is nothing. Raises ParameterError for more than 200 characters or 10 terms.
    """
    terms = terms_of(text)
    require_limit(limit)
    filters = (exchange, instrument_type, expiry, strike_min, strike_max)
    if not terms and underlying is None and filters == _NO_FILTERS:
        return []
    first, patterns = terms[0] if terms else "", [*map(_pattern, terms)]
    if underlying is not None:
        return await _search_underlying(db, broker, underlying, first, patterns, *filters, limit)
    found = await _search_beginning(
        db, broker, first, _last(first), _SOME_BEGINNINGS, patterns, *filters, limit
    )
    if len(found) == limit:
        return found
    selective = [term for term in sorted(terms, key=len, reverse=True) if _TRIGRAM.search(term)]
    if not selective:
        return await _search_short(db, broker, first, patterns, filters, limit, found)
    few = await _search_few(db, broker, selective, first, patterns, filters, limit)
    if few or await _estimate_matches(db, broker, patterns, *filters) < _FEW:
        return few
    return await _search_common(db, broker, selective, first, patterns, filters, limit, found)


async def _search_short(
    db: AsyncExecutor,
    broker: str,
    first: str,
    patterns: list[str],
    filters: _Filters,
    limit: int,
    begun: list[Instrument],
) -> list[Instrument]:
    """Search by terms of one or two letters, or by none."""
    if not first:
        return await _search_scanning(db, broker, first, patterns, *filters, limit)
    found = await _all_beginning(db, broker, first, patterns, filters, limit, begun)
    if len(found) < limit:
        room = limit - len(found)
        found += await _search_walking(db, broker, first, _SOME, patterns, *filters, room)
    if len(found) == limit:
        return found
    return await _search_scanning(db, broker, first, patterns, *filters, limit)


async def _search_few(
    db: AsyncExecutor,
    broker: str,
    selective: list[str],
    first: str,
    patterns: list[str],
    filters: _Filters,
    limit: int,
) -> list[Instrument]:
    """Search by terms that few rows match; where they are many, find nothing."""
    one, two, three = _three(map(_pattern, selective))
    others = [each for each in patterns if each not in {one, two, three}]
    return await _search_selective(
        db, broker, one, two, three, first, patterns, others, _FEW, *filters, limit
    )


async def _search_common(
    db: AsyncExecutor,
    broker: str,
    selective: list[str],
    first: str,
    patterns: list[str],
    filters: _Filters,
    limit: int,
    begun: list[Instrument],
) -> list[Instrument]:
    """Search by terms that many rows match, from rank to rank until there are enough."""
    found = await _all_beginning(db, broker, first, patterns, filters, limit, begun)
    one, two, three = _three(_pattern(_trigram(term)) for term in selective)
    for rank in (2, 3):
        if len(found) < limit:
            room = limit - len(found)
            found += await _search_further(
                db, broker, rank, one, two, three, first, patterns, *filters, room
            )
    return found


async def _all_beginning(
    db: AsyncExecutor,
    broker: str,
    first: str,
    patterns: list[str],
    filters: _Filters,
    limit: int,
    begun: list[Instrument],
) -> list[Instrument]:
    """Return rank 1 whole; *begun* is what some of it gave, which may be all there is."""
    matches_all = len(patterns) == 1 and filters == _NO_FILTERS
    if matches_all and len(begun) < _SOME_BEGINNINGS:
        return begun
    return await _search_beginning(db, broker, first, _last(first), _ALL, patterns, *filters, limit)


def _three(patterns: Iterable[str]) -> tuple[str, str, str]:
    """Return three patterns: the first of these, and what matches anything."""
    longest, second, third, *_ = [*patterns, _ANYTHING, _ANYTHING, _ANYTHING]
    return longest, second, third


def _last(first: str) -> str:
    """Return what is not less than anything that begins so: no symbol has as many characters."""
    return first.ljust(LONGEST_TEXT + 1, _LAST)


def _trigram(term: str) -> str:
    """Return three letters of *term* that an index can look up."""
    return next(_TRIGRAM.finditer(term)).group()


def _pattern(term: str) -> str:
    r"""Return the LIKE pattern of what holds *term*; \, % and _ lose their meaning."""
    return f"%{term.translate(_LITERALLY)}%"
