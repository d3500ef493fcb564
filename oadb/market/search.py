"""Search of instruments by terms that users type."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.executors import AsyncExecutor
from oadb.market.index.terms import Matches, require_limit, terms_of
from oadb.market.instruments import Instrument
from oadb.market.patterns import containing, first_three, has_trigram, trigram, upper_bound

__all__ = ["Matches", "search"]

query = queries(__name__)

_Filters = tuple[str | None, str | None, date | None, Decimal | None, Decimal | None]

_NO_FILTERS: _Filters = (None, None, None, None, None)

# Above about this many matches, going from length to length is cheaper than sorting all matches;
# see tests/benchmarks/search.py.
_FEW_MATCHES = 2500

# How many symbols a first statement checks one by one, before another is tried that costs about as
# much: of those that begin with a term, and of all.
_MOST_PREFIXED = 250
_MOST_WALKED = 20_000

# More instruments than a table holds.
_UNLIMITED = 2**62


@dataclass(frozen=True, slots=True)
class Sampled:
    """What a sample of all instruments says: how many match, and whether most are of others."""

    matches: int
    is_shared: bool


@query
def _estimate_matches(
    broker: str,
    patterns: list[str],
    exchange: str | None,
    instrument_type: str | None,
    expiry: date | None,
    strike_min: Decimal | None,
    strike_max: Decimal | None,
) -> Sampled: ...


@query
def _search_beginning(
    broker: str,
    first: str,
    last: str,
    most: int,
    patterns: list[str],
    exchange: str | None,
    instrument_type: str | None,
    expiry: date | None,
    strike_min: Decimal | None,
    strike_max: Decimal | None,
    wanted: int,
) -> list[Instrument]: ...


@query
def _search_selective(
    broker: str,
    longest: str,
    second: str,
    third: str,
    first: str,
    others: list[str],
    exchange: str | None,
    instrument_type: str | None,
    expiry: date | None,
    strike_min: Decimal | None,
    strike_max: Decimal | None,
    wanted: int,
    among: str | None = None,
) -> list[Instrument]: ...


@query
def _search_further(
    broker: str,
    rank: int,
    longest: str,
    second: str,
    third: str,
    first: str,
    patterns: list[str],
    exchange: str | None,
    instrument_type: str | None,
    expiry: date | None,
    strike_min: Decimal | None,
    strike_max: Decimal | None,
    wanted: int,
) -> list[Instrument]: ...


@query
def _search_walking(
    broker: str,
    first: str,
    most: int,
    patterns: list[str],
    exchange: str | None,
    instrument_type: str | None,
    expiry: date | None,
    strike_min: Decimal | None,
    strike_max: Decimal | None,
    wanted: int,
) -> list[Instrument]: ...


@query
def _search_scanning(
    broker: str,
    first: str,
    patterns: list[str],
    exchange: str | None,
    instrument_type: str | None,
    expiry: date | None,
    strike_min: Decimal | None,
    strike_max: Decimal | None,
    wanted: int,
    underlying: str | None = None,
) -> list[Instrument]: ...


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
) -> Matches:
    """Find a broker's instruments that contain every term of *text* and pass every filter.

    White space separates terms. A term is contained in the symbol, the broker's symbol, the name,
    the token or the strike, at any place; letters A to Z match in either case, and no character is
    special. Best are symbols that equal the first term, then those that begin with it, those that
    contain it, and the rest; of equals, the shorter symbol comes first, then by alphabet.

    Args:
        text: at most 200 characters and 10 terms. No index has terms of one or two letters: if
            fewer symbols contain them than *limit*, all instruments of the broker are read.
        strike_min: lowest strike, itself included.
        strike_max: highest strike, itself included.
        underlying: in any case.
        limit: 1 to 1000. For all that pass filters, use ``instruments.stream_by_broker``.

    Returns:
        The best matches, up to *limit*, best first; ``is_cut`` says whether there are more. Empty
        without terms and filters.

    Raises:
        ParameterError: *text* is too long or has too many terms, or *limit* is out of range.
    """
    terms = terms_of(text)
    require_limit(limit)
    filters = (exchange, instrument_type, expiry, strike_min, strike_max)
    if not terms and underlying is None and filters == _NO_FILTERS:
        return Matches([], limit)
    # One more than asked for shows whether the result is cut.
    if underlying is None:
        return Matches(await _search(db, broker, terms, filters, limit + 1), limit)
    first, patterns = terms[0] if terms else "", [*map(containing, terms)]
    found = await _search_scanning(db, broker, first, patterns, *filters, limit + 1, underlying)
    return Matches(found, limit)


async def _search(
    db: AsyncExecutor, broker: str, terms: list[str], filters: _Filters, limit: int
) -> list[Instrument]:
    first, patterns = terms[0] if terms else "", [*map(containing, terms)]
    found = await _search_beginning(
        db, broker, first, upper_bound(first), _MOST_PREFIXED, patterns, *filters, limit
    )
    if len(found) == limit:
        return found
    selective = [term for term in sorted(terms, key=len, reverse=True) if has_trigram(term)]
    if not selective:
        return await _search_short(db, broker, first, patterns, filters, limit, found)
    sampled = await _estimate_matches(db, broker, patterns, *filters)
    if sampled.matches < _FEW_MATCHES:
        among = broker if sampled.is_shared else None
        return await _search_few(db, broker, selective, first, patterns, filters, limit, among)
    return await _search_common(db, broker, selective, first, patterns, filters, limit, found)


async def _search_short(
    db: AsyncExecutor,
    broker: str,
    first: str,
    patterns: list[str],
    filters: _Filters,
    limit: int,
    prefixed: list[Instrument],
) -> list[Instrument]:
    """Search by terms without a trigram, or by filters alone."""
    if not first:
        return await _search_scanning(db, broker, first, patterns, *filters, limit)
    found = await _search_prefix(db, broker, first, patterns, filters, limit, prefixed)
    if len(found) < limit:
        room = limit - len(found)
        found += await _search_walking(db, broker, first, _MOST_WALKED, patterns, *filters, room)
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
    among: str | None,
) -> list[Instrument]:
    """Search by terms that few rows match."""
    one, two, three = first_three(map(containing, selective))
    others = [each for each in patterns if each not in {one, two, three}]
    return await _search_selective(
        db, broker, one, two, three, first, others, *filters, limit, among
    )


async def _search_common(
    db: AsyncExecutor,
    broker: str,
    selective: list[str],
    first: str,
    patterns: list[str],
    filters: _Filters,
    limit: int,
    prefixed: list[Instrument],
) -> list[Instrument]:
    """Search by terms that many rows match, rank by rank until there are enough."""
    found = await _search_prefix(db, broker, first, patterns, filters, limit, prefixed)
    one, two, three = first_three(containing(trigram(term)) for term in selective)
    for rank in (2, 3):
        if len(found) < limit:
            room = limit - len(found)
            found += await _search_further(
                db, broker, rank, one, two, three, first, patterns, *filters, room
            )
    return found


async def _search_prefix(
    db: AsyncExecutor,
    broker: str,
    first: str,
    patterns: list[str],
    filters: _Filters,
    limit: int,
    prefixed: list[Instrument],
) -> list[Instrument]:
    """Find all rows of rank 1; *prefixed* is the result for some of them, which may be all."""
    matches_all = len(patterns) == 1 and filters == _NO_FILTERS
    if matches_all and len(prefixed) < _MOST_PREFIXED:
        return prefixed
    return await _search_beginning(
        db, broker, first, upper_bound(first), _UNLIMITED, patterns, *filters, limit
    )
