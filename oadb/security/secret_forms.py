"""Secrets in texts, recognised by their own form, whatever stands around them."""

import re
from collections.abc import Callable
from dataclasses import dataclass

HIDDEN = "***"
"""Replaces a secret, as in oadb.security.secret."""

# An unbroken run this long is hidden in any case: 32 random bytes are 43 characters of base64.
_LONGEST_RUN = 40

# Shorter runs are not looked at: ids of orders and names of symbols are like them.
_SHORTEST_RUN = 16

# From here on a run of small letters and digits, or of capitals and digits, is hidden.
_LONG_SMALL, _LONG_CAPITAL = 24, 26


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


# The third letters of the prefixes of tokens, see oadb.security.tokens.
_TOKENS = "dkstw"

# Quantifiers are bounded here and possessive below, so that matching takes linear time.
_RULES = (
    # Keys in PEM.
    _Rule(
        ("-----begin",),
        re.compile(r"-----BEGIN[^-]*-----.*?(?:-----END[^-]*-----|\Z)", re.DOTALL),
    ),
    # Tokens of oadb.security.tokens, whole or cut off, and JSON Web Tokens.
    _Rule(
        (*(f"oa{letter}_" for letter in _TOKENS), "eyj"),
        re.compile(rf"oa[{_TOKENS}]_[0-9A-Za-z]{{8,}}|eyJ[\w-]{{5,}}(?:\.[\w-]*)*"),
    ),
    # scheme://user:password@host
    _Rule(("://",), re.compile(r"://[^/\s@]+@"), f"://{HIDDEN}@"),
    _Rule(
        ("bearer", "basic", "digest", "negotiate"),
        re.compile(r"([BbDdNn](?i:earer|asic|igest|egotiate))\s+[^\s,;\"']+"),
        rf"\1 {HIDDEN}",
    ),
)

# Base64 with its padding. Where it ends is found four times faster than where it begins.
_PADDING = re.compile(r"=(?<=[0-9A-Za-z+/]{20}=)")
_PADDED = re.compile(r"(?<![0-9A-Za-z+/])[0-9A-Za-z+/]{20,}+={1,2}")

# Runs, and segments of one, that are looked at; what follows is hidden.
_MOST_RUNS, _MOST_SEGMENTS = 30, 60

# Runs are found ten times faster in a copy in which all their characters are equal.
_SHAPES = {code: "a" if chr(code).isalnum() or chr(code) in "_+/-" else " " for code in range(128)}
_ANY_RUN = "a" * _SHORTEST_RUN

_SEPARATORS = str.maketrans("", "", "_+/-")
_LENGTH_OF_UUID = 36
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

# A word may begin with a capital; in random text such pieces are short.
_PIECE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_SYMBOL = re.compile(r"[A-Z]+(?:[0-9]+[A-Z]*){0,3}")


def hide_forms(text: str) -> str:
    """Return *text* without what looks like a secret by itself.

    These are keys in PEM, tokens of oadb, JSON Web Tokens, what follows ``Bearer`` and the like,
    user and password in a URL, and runs of letters and digits that look random.
    """
    lowered = text.lower()
    for rule in _RULES:
        text = rule.apply(text, lowered)
    if _PADDING.search(text):
        text = _PADDED.sub(HIDDEN, text)
    return _hide_runs(text)


def replaced(
    pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str], text: str, most: int
) -> str:
    """Return *text* with what *pattern* finds replaced; what follows the first *most* is hidden."""
    parts, end = list[str](), 0
    for number, found in enumerate(pattern.finditer(text)):
        if number == most:
            return "".join((*parts, HIDDEN))
        parts += text[end : found.start()], replace(found)
        end = found.end()
    return "".join((*parts, text[end:])) if parts else text


def _hide_runs(text: str) -> str:
    shape = text if text.isascii() else text.encode("ascii", "replace").decode()
    shape = shape.translate(_SHAPES)
    parts, end = list[str](), 0
    for _ in range(_MOST_RUNS):
        found = shape.find(_ANY_RUN, end)
        if found < 0:
            return "".join((*parts, text[end:])) if parts else text
        behind = shape.find(" ", found)
        behind = len(text) if behind < 0 else behind
        parts += text[end:found], _hide_run(text[found:behind])
        end = behind
    return "".join((*parts, HIDDEN))


def _hide_run(run: str) -> str:
    if len(run) == _LENGTH_OF_UUID and _UUID.fullmatch(run):
        return run
    if "/" not in run and "+" not in run:
        return HIDDEN if _is_random(run) else run
    if _is_random(run.replace("/", "").replace("+", ""), _LONG_CAPITAL):
        return HIDDEN
    segments = run.split("/", _MOST_SEGMENTS)
    if len(segments) > _MOST_SEGMENTS:
        return HIDDEN
    return "/".join(HIDDEN if _is_random(each) else each for each in segments)


def _is_random(run: str, shortest: int = _SHORTEST_RUN) -> bool:
    """Return whether letters and digits alternate more often than in words and numbers."""
    if len(run) >= _LONGEST_RUN and shortest == _SHORTEST_RUN:
        return True
    bare = run.translate(_SEPARATORS)
    if len(bare) < shortest or bare.isdigit():
        return False
    if _SYMBOL.fullmatch(bare):
        return len(bare) >= _LONG_CAPITAL and not bare.isalpha()
    pieces = len(_PIECE.findall(bare))
    return 7 * pieces >= 2 * len(bare) or (
        len(bare) >= _LONG_SMALL and run == bare and not bare.isalpha()
    )
