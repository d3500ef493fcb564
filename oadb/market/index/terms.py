"""Terms of a search for instruments, prepared for comparison in the index and in the database."""

import re
from string import ascii_lowercase, ascii_uppercase

from oadb.engine.binding.sendable_texts import unsendable
from oadb.errors import ParameterError
from oadb.market.instruments import Instrument

LONGEST_TEXT = 200
"""Maximum length of a search text: no column of an instrument is longer."""

MOST_TERMS = 10
"""Maximum number of terms of a search."""

MOST_FOUND = 1000
"""Maximum number of instruments that a search returns."""

# Only a to z, like upper() in the collation "C" and bytes.upper().
_CAPITALS = str.maketrans(ascii_lowercase, ascii_uppercase)

_DECIMAL = re.compile(r"[0-9]+\.[0-9]*")


class Matches(list[Instrument]):
    """The best matches of a search, best first."""

    __slots__ = ("is_cut",)

    is_cut: bool
    """Whether there are more matches than the limit, so that the rest is missing."""

    def __init__(self, found: list[Instrument], limit: int) -> None:
        super().__init__(found[:limit])
        self.is_cut = len(found) > limit


def capitals(text: str) -> str:
    """Return a text with a to z as A to Z, as underlyings are written."""
    return text.translate(_CAPITALS)


def terms_of(text: str) -> list[str]:
    """Split a text into its terms, in upper case and with numbers as strikes are written.

    Raises:
        ParameterError: *text* is too long, has too many terms, or cannot be sent to PostgreSQL.
    """
    fault = unsendable(text)
    if fault is not None:
        raise ParameterError(f"search: text holds {fault}")
    terms = text.translate(_CAPITALS).split()
    if len(text) > LONGEST_TEXT or len(terms) > MOST_TERMS:
        raise ParameterError(
            f"search: text may have at most {LONGEST_TEXT} characters and {MOST_TERMS} terms"
        )
    return [*map(_without_zeros, terms)]


def require_limit(limit: int) -> None:
    """Check the limit of a search.

    Raises:
        ParameterError: *limit* is not 1 to 1000.
    """
    if not 1 <= limit <= MOST_FOUND:
        raise ParameterError(f"search: limit must be 1 to {MOST_FOUND}")


def _without_zeros(term: str) -> str:
    """Return 24000.5 for 24000.50, and 24000 for 24000.0, as strikes are written."""
    return term.rstrip("0").rstrip(".") if _DECIMAL.fullmatch(term) else term
