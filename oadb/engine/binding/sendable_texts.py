"""Texts that PostgreSQL can hold: without NUL characters and lone surrogates."""

import re
from typing import cast

_UNSENDABLE = re.compile("[\0\ud800-\udfff]")

UNREADABLE = "\N{REPLACEMENT CHARACTER}"
"""Replaces a character that PostgreSQL's text cannot hold."""


def readable(text: str, longest: int) -> str:
    """Return *text*, cut, with UNREADABLE for characters that PostgreSQL's text cannot hold."""
    return _UNSENDABLE.sub(UNREADABLE, text[:longest])


def unsendable(value: object) -> str | None:
    """Return what in *value* cannot be sent as text, or None."""
    if isinstance(value, list):
        return next(filter(None, map(unsendable, cast("list[object]", value))), None)
    if not isinstance(value, str) or (value.isascii() and "\0" not in value):
        return None
    found = _UNSENDABLE.search(value)
    if found is None:
        return None
    if found[0] == "\0":
        return "a NUL character, which PostgreSQL's text cannot hold; remove it"
    return "a lone surrogate, which UTF-8 cannot represent; remove it"
