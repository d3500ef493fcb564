"""Texts of logs: cut, and with characters escaped that cannot be stored or mislead a reader."""

import re

LONGEST = 2000
"""Characters stored of a text."""

LONGEST_ERROR = 500
"""Characters stored of the template of an error."""

_CUT = "…"

# PostgreSQL stores these in neither text nor jsonb.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")

# Control characters can forge lines of a log (OWASP ASVS 16.4.1); the others reorder its display.
_DECEIVING = re.compile("[\0-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str) -> str:
    r"""Return *text* with control characters and the like escaped, as ``\n`` or ``\u001b``."""
    return text if text.isprintable() else _DECEIVING.sub(_escape, text)


def storable(text: str) -> str:
    r"""Return *text* with what jsonb cannot hold escaped, as ``\u0000``; JSON escapes the rest."""
    return text if text.isprintable() else _UNSTORABLE.sub(_escape, text)


def cut(text: str, longest: int = LONGEST) -> str:
    """Return *text*, at most *longest* characters of it; a cut is marked."""
    return text if len(text) <= longest else text[: longest - 1] + _CUT


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return _SHORT.get(character) or f"\\u{ord(character):04x}"
