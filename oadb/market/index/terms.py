"""What is typed to search for instruments, as both the index and the database compare it."""

import re
from string import ascii_lowercase, ascii_uppercase

from oadb.engine.binding.values import unsendable
from oadb.errors import ParameterError

LONGEST_TEXT = 200
"""Most characters that are searched for: no column of an instrument holds more."""

MOST_TERMS = 10
"""Most terms of one search."""

MOST_FOUND = 1000
"""Most instruments that one search returns."""

# As upper() in the collation "C" and bytes.upper() do: a to z alone.
_CAPITALS = str.maketrans(ascii_lowercase, ascii_uppercase)

_DECIMAL = re.compile(r"[0-9]+\.[0-9]*")


def terms_of(text: str) -> list[str]:
    """Return what *text* searches for. Raises ParameterError for what is too much, or no text."""
    fault = unsendable(text)
    if fault is not None:
        raise ParameterError(f"search: text holds {fault}")
    terms = text.translate(_CAPITALS).split()
    if len(text) > LONGEST_TEXT or len(terms) > MOST_TERMS:
        raise ParameterError(
            f"search: text may have {LONGEST_TEXT} characters and {MOST_TERMS} terms"
        )
    return [*map(_without_zeros, terms)]


def require_limit(limit: int) -> None:
    """Raise ParameterError unless so many instruments may be asked for."""
    if not 1 <= limit <= MOST_FOUND:
        raise ParameterError(f"search: limit must be 1 to {MOST_FOUND}")


def _without_zeros(term: str) -> str:
    """Return 24000.50 as 24000.5 and 24000.0 as 24000, as strikes are held."""
    return term.rstrip("0").rstrip(".") if _DECIMAL.fullmatch(term) else term
