"""How a text is shown where a sign of it cannot be stored, or would deceive a reader."""

import re

LONGEST = 2000
"""Characters of a text that are kept."""

_CUT = "…"

# No text or jsonb of PostgreSQL holds these.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")

# Control characters forge lines of a log (OWASP ASVS 16.4.1); the others turn around how it reads.
_DECEIVING = re.compile("[\0-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str) -> str:
    r"""Return *text* with control characters and the like as ``\n`` or ``\u001b``."""
    return text if text.isprintable() else _DECEIVING.sub(_escape, text)


def storable(text: str) -> str:
    r"""Return *text* with what jsonb cannot hold as ``\u0000``; JSON itself escapes the rest."""
    return text if text.isprintable() else _UNSTORABLE.sub(_escape, text)


def cut(text: str, longest: int = LONGEST) -> str:
    """Return *text*, marked where it was cut."""
    return text if len(text) <= longest else text[: longest - 1] + _CUT


def _escape(found: re.Match[str]) -> str:
    sign = found[0]
    return _SHORT.get(sign) or f"\\u{ord(sign):04x}"
