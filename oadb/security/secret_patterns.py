"""Secrets in texts, recognised by their form, by the name before them, or by their path."""

import re
from collections.abc import Set as AbstractSet
from urllib.parse import unquote

from oadb.security.kept_fields import FIELDS
from oadb.security.kept_paths import hide_path, hide_segments
from oadb.security.named_values import hide_parameters, hide_values
from oadb.security.secret_forms import HIDDEN, hide_forms

MARGIN = 500
"""Characters searched beyond a cut, which may leave a part of a secret too short to recognise."""

# A short text without one of these has no recognisable secret; that is most texts.
_CLUES = re.compile(r"[\s:=?%_/,>]|eyJ")
_LONGEST_CLUELESS = 15

# A number, or a symbol without a run that secret_forms hides: neither is searched any further.
_PLAIN = re.compile(r"-?[0-9]+(?:\.[0-9]+)?|[A-Z]+(?:[0-9]+[A-Z]*){0,3}")
_LONGEST_PLAIN = 25

# Each proxy on the way may percent-encode a text again; more often than this means to hide it.
_MOST_DECODINGS = 5

# A space inside of a value, which does not end there: matched by \\s, and replaced in the end.
_ENCODED_SPACE = "\x1f"

# What differs between two texts of one error: what is quoted, words with digits, long numbers.
_QUOTED = re.compile(r"([\"'`])(?<!\w.)((?:\\.|(?!\1)[^\\])*+)(?:\1|\\?\Z)", re.DOTALL)
_CONSTRAINT = re.compile(r"[a-z_]+_(?:check|key|fkey|pkey|idx)|oadb|[a-z]+_logs|traffic|latency")
_WITH_DIGIT = re.compile(r"\b[^\W0-9]*+[0-9]\w*+(?<=\w{4})")
_SMALL_LETTER = re.compile("[a-z]")


def is_plain(text: str) -> bool:
    """Return whether *text* is a number or a symbol such as NIFTY30JAN2624000CE.

    It has no secret then, and no character that JSON escapes; most texts of orders are like that.
    """
    return len(text) <= _LONGEST_PLAIN and _PLAIN.fullmatch(text) is not None


def hide_secrets(text: str, fields: AbstractSet[str] = FIELDS) -> str:
    """Return *text* with what looks like a secret replaced.

    A value is kept if its name is in *fields* or in REPORTED, and a segment of a path if it is in
    *fields* or in ROUTES. A text that hides a secret by percent-encoding is returned decoded.
    """
    if len(text) <= _LONGEST_CLUELESS and _CLUES.search(text) is None:
        return text
    if is_plain(text):
        return text
    decoded = _decoded(text) if "%" in text else text
    if decoded is None:
        return HIDDEN
    hidden = _hide(decoded, fields)
    return text if hidden == decoded else hidden.replace(_ENCODED_SPACE, " ")


def template(text: str, fields: AbstractSet[str] = FIELDS) -> str:
    """Return the text of an error without what varies: ``order # not found``, without secrets.

    Hidden are, besides what ``hide_secrets`` hides, quoted texts other than names of constraints,
    words with digits and numbers of four digits and more.
    """
    hidden = _QUOTED.sub(_hide_quoted, hide_secrets(text, fields))
    return _WITH_DIGIT.sub(_hide_variable, hidden)


def _hide(text: str, fields: AbstractSet[str]) -> str:
    if text.startswith("/"):
        text = hide_path(text, fields)
    if "?" in text:
        text = hide_parameters(text, fields)
    return hide_segments(hide_values(hide_forms(text), fields), fields)


def _hide_quoted(found: re.Match[str]) -> str:
    quote, quoted = found[1], found[2]
    return found[0] if _CONSTRAINT.fullmatch(quoted) else f"{quote}{HIDDEN}{quote}"


def _hide_variable(found: re.Match[str]) -> str:
    word = found[0]
    if word.isdigit():
        return "#"
    return HIDDEN if _SMALL_LETTER.search(word) else word


def _decoded(text: str) -> str | None:
    """Return *text* without percent-encoding, or None if it was encoded too often."""
    for _ in range(_MOST_DECODINGS):
        decoded = unquote(text.replace("+", _ENCODED_SPACE).replace("%20", _ENCODED_SPACE))
        if "%" not in text or decoded == text:
            return text
        text = decoded
    return None
