"""Secrets in texts, recognised by their form or by the text before them."""

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote_plus

HIDDEN = "***"
"""Replaces a secret, as in oadb.security.secret."""

# A short text without one of these has no recognisable secret; that is most texts.
_CLUES = re.compile(r"[\s:=?%_]|eyJ|ebhook/")

# 32 random bytes are 43 characters of base64, and at least 40 in larger alphabets; ids of orders
# are shorter.
_SHORTEST_RUN = 40

# Each proxy on the way may percent-encode a text again; more often than this means to hide it.
_MOST_DECODINGS = 5

# Quantifiers are bounded here and possessive below, so that matching takes linear time.
_NAMES = (
    r"(?:api[-_ ]?key|token|passw|passphrase|pwd|secret|otp|mpin|\bpin\b|signature|session"
    r"|credential|jwt|auth|cookie|csrf|private[-_ ]?key)[\w.-]{0,40}"
)


@dataclass(frozen=True, slots=True)
class _Rule:
    """A pattern and what replaces it, tried on texts that contain a clue in any letter case."""

    clues: tuple[str, ...]
    pattern: re.Pattern[str]
    kept: str = HIDDEN

    def apply(self, text: str, lowered: str) -> str:
        if not any(map(lowered.__contains__, self.clues)):
            return text
        return self.pattern.sub(self.kept, text)


_RULES = (
    # Keys in PEM.
    _Rule(
        ("-----begin",),
        re.compile(r"-----BEGIN[^-]*KEY-----.*?(?:-----END[^-]*-----|\Z)", re.DOTALL),
    ),
    # Tokens of oadb.security.tokens, whole or cut off, and JSON Web Tokens.
    _Rule(
        ("oak_", "oas_", "eyj"),
        re.compile(r"oa[ks]_[0-9A-Za-z]{8,}|eyJ[\w-]{5,}(?:\.[\w-]*)*"),
    ),
    # scheme://user:password@host
    _Rule(("://",), re.compile(r"(?<=://)[^/\s@]+(?=@)")),
    # The path of a webhook is its password.
    _Rule(("webhook/",), re.compile(r"(?i)(?<=webhook/)[^/?#\s]+")),
    _Rule(
        ("bearer", "basic", "digest", "negotiate"),
        re.compile(r"(?i)\b(bearer|basic|digest|negotiate)\s+[^\s,;\"']+"),
        rf"\1 {HIDDEN}",
    ),
    # Headers; the value ends with the line.
    _Rule(
        ("authorization", "cookie"),
        re.compile(r"(?i)((?:authorization|cookie)\\*[\"']?\s*[:=])[^\r\n]*"),
        rf"\1 {HIDDEN}",
    ),
    # name=value and "name": value. If the value is an object or a list, the rest is hidden too.
    _Rule(
        (
            "key",
            "token",
            "passw",
            "passphrase",
            "pwd",
            "secret",
            "otp",
            "pin",
            "signature",
            "session",
            "credential",
            "jwt",
            "auth",
            "cookie",
            "csrf",
        ),
        re.compile(
            rf"(?is)({_NAMES}\\*[\"']?\s*[:=]\s*)"
            r"(\"(?:[^\"\\]|\\.)*(?:\"|\Z)|'(?:[^'\\]|\\.)*(?:'|\Z)|[\[{(].*|[^&\r\n]+)"
        ),
        rf"\1{HIDDEN}",
    ),
    _Rule(("=",), re.compile(r"(?<![0-9A-Za-z+/])[0-9A-Za-z+/]{20,}+={1,2}")),
)

_RUN = re.compile(rf"[0-9A-Za-z_-]{{{_SHORTEST_RUN},}}+")

_QUERY_STRING = re.compile(r"(?<=\?)[^\s\"'<>]+")


def hide_secrets(text: str, fields: AbstractSet[str]) -> str:
    """Return *text* with what looks like a secret replaced.

    Query strings keep only the parameters named in *fields*. A text that hides a secret by
    percent-encoding is returned decoded.
    """
    if not _may_hold_any(text):
        return text
    decoded = _decoded(text)
    if decoded is None:
        return HIDDEN
    hidden = _hide(decoded, fields)
    return text if hidden == decoded else hidden


def _may_hold_any(text: str) -> bool:
    return len(text) >= _SHORTEST_RUN or _CLUES.search(text) is not None


def _hide(text: str, fields: AbstractSet[str]) -> str:
    if "?" in text:
        text = _QUERY_STRING.sub(partial(_hide_parameters, fields), text)
    lowered = text.lower()
    for rule in _RULES:
        text = rule.apply(text, lowered)
    return text if len(text) < _SHORTEST_RUN else _RUN.sub(HIDDEN, text)


def _hide_parameters(fields: AbstractSet[str], found: re.Match[str]) -> str:
    parameters = found[0].split("&")
    return "&".join(
        each if each.partition("=")[0].lower() in fields else HIDDEN for each in parameters
    )


def _decoded(text: str) -> str | None:
    """Return *text* without percent-encoding, or None if it was encoded too often."""
    for _ in range(_MOST_DECODINGS):
        if "%" not in text or (decoded := unquote_plus(text)) == text:
            return text
        text = decoded
    return None
