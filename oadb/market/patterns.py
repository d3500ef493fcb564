"""LIKE patterns and bounds by which indexes of PostgreSQL find the terms of a search."""

import re
from collections.abc import Iterable

from oadb.market.index.terms import LONGEST_TEXT

# A trigram that pg_trgm extracts from the inside of a word in a LIKE pattern, and what it extracts
# the beginning of a word from: T of L&T, which few words begin with.
_TRIGRAM = re.compile(r"[A-Z0-9]{3}")
_TWO_WORDS = re.compile(r"[A-Z0-9][!-/:-@\[-`{-~][A-Z0-9]")

_ANYTHING = "%"

_LAST_CHARACTER = "\U0010ffff"

_ESCAPES = str.maketrans({character: f"\\{character}" for character in r"\%_"})


def containing(term: str) -> str:
    r"""Return the pattern of texts that contain *term*; escapes \, % and _."""
    return f"%{term.translate(_ESCAPES)}%"


def has_trigram(term: str) -> bool:
    """Return whether an index of trigrams can look up *term*."""
    return _found(term) is not None


def trigram(term: str) -> str:
    """Return the first trigram of *term*, if it has one; else two words with a mark between."""
    found = _found(term)
    return term if found is None else found.group()


def first_three(patterns: Iterable[str]) -> tuple[str, str, str]:
    """Return the first three patterns; missing ones match anything."""
    one, two, three, *_ = [*patterns, _ANYTHING, _ANYTHING, _ANYTHING]
    return one, two, three


def upper_bound(prefix: str) -> str:
    """Return a text that no symbol with this prefix is greater than: it is longer than all."""
    return prefix.ljust(LONGEST_TEXT + 1, _LAST_CHARACTER)


def _found(term: str) -> re.Match[str] | None:
    return _TRIGRAM.search(term) or _TWO_WORDS.search(term)
