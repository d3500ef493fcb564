"""Search of instruments, as its users type it. The SQL is in sql/queries/instrument_search.sql."""

import re
from datetime import date
from decimal import Decimal

from oadb.engine.executors import AsyncExecutor
from oadb.engine.operations import operation
from oadb.engine.queries import queries
from oadb.index.terms import LONGEST_TEXT, require_limit, terms_of
from oadb.instruments import Instrument

query = queries("instrument_search")

# From about here on walking past what does not match costs less than sorting all that does; see
# tests/benchmarks/search.py.
_FEW = 4000

# What pg_trgm finds in a LIKE pattern without the beginning or the end of a word.
_TRIGRAM = re.compile(r"[A-Z0-9]{3}")

_ANYTHING = "%"

# Another part of the symbol holds the first term, or another column does.
_FURTHER_RANKS = (2, 3)

# The last character there is.
_LAST = "\U0010ffff"

# More instruments than a table holds.
_ALL = 2**62

_LITERALLY = str.maketrans({character: f"\\{character}" for character in r"\%_"})


@query
def estimate_matches(
    broker: str, patterns: list[str],
    exchange: str | None, instrument_type: str | None, expiry: date | None,
    strike_min: Decimal | None, strike_max: Decimal | None,
) -> int: ...  # fmt: skip


@query
def search_selective(
    broker: str, longest: str, second: str, third: str, first: str, patterns: list[str],
    exchange: str | None, instrument_type: str | None, expiry: date | None,
    strike_min: Decimal | None, strike_max: Decimal | None, wanted: int,
) -> list[Instrument]: ...  # fmt: skip


@query
def search_underlying(
    broker: str, underlying: str, first: str, patterns: list[str],
    exchange: str | None, instrument_type: str | None, expiry: date | None,
    strike_min: Decimal | None, strike_max: Decimal | None, wanted: int,
) -> list[Instrument]: ...  # fmt: skip


@query
def search_beginning(
    broker: str, first: str, last: str, patterns: list[str],
    exchange: str | None, instrument_type: str | None, expiry: date | None,
    strike_min: Decimal | None, strike_max: Decimal | None, wanted: int,
) -> list[Instrument]: ...  # fmt: skip


@query
def search_further(
    broker: str, rank: int, first: str, first_pattern: str, patterns: list[str], most: int,
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
    if not terms and underlying is None and all(value is None for value in filters):
        return []
    first, patterns = terms[0] if terms else "", [*map(_pattern, terms)]
    if underlying is not None:
        return await search_underlying(db, broker, underlying, first, patterns, *filters, limit)
    selective = [_pattern(term) for term in sorted(terms, key=len) if _TRIGRAM.search(term)]
    if selective and await estimate_matches(db, broker, patterns, *filters) < _FEW:
        longest, second, third, *_ = [*reversed(selective), _ANYTHING, _ANYTHING]
        return await search_selective(
            db, broker, longest, second, third, first, patterns, *filters, limit
        )
    # What begins so is not greater: no symbol has as many characters.
    last = first.ljust(LONGEST_TEXT + 1, _LAST)
    found = await search_beginning(db, broker, first, last, patterns, *filters, limit)
    for rank in _FURTHER_RANKS if terms else ():
        if len(found) < limit:
            room = limit - len(found)
            found += await search_further(
                db, broker, rank, first, patterns[0], patterns, _ALL, *filters, room
            )
    return found


def _pattern(term: str) -> str:
    r"""Return the LIKE pattern of what holds *term*; \, % and _ lose their meaning."""
    return f"%{term.translate(_LITERALLY)}%"
