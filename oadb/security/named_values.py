"""Values in texts, hidden unless they follow a name that is on a list.

The notations are those of JSON, of assignments, headers, XML, tuples, query strings and tables
with tabs, also inside of each other.
"""

import re
from collections.abc import Set as AbstractSet
from functools import partial

from oadb.security.kept_fields import REPORTED
from oadb.security.secret_forms import HIDDEN

# Names looked at in one text, and values hidden in it; what follows the last one is hidden.
_MOST_NAMES, _MOST_HIDDEN = 80, 12

# Not the mark of a space that was encoded.
_QUERY_STRING = re.compile(r"(?<=\?)(?:[^\s\"'<>]|\x1f)+")

# A name, and what makes the text after it its value. A value of XML follows a tag, that of a tuple
# a comma, that of a table a tab.
_NAME = re.compile(
    r"(?<![\w.$-])(?:"
    r"(?P<name>[\w.$-]{1,60}+)(?P<sign>[\"'\\\])]*\s*(?::=|=>|=+|:(?!//))|[\"'\\]*,\s*(?=b?[\\\"'])|\t)"
    r"|(?<=<)(?<!/<)(?P<tag>[\w.$-]{1,60}+)(?:\s[^<>]*)?>"
    r")\s*+"
)
_VALUE = re.compile(
    r"b?(?:"
    r"\\*\"(?:[^\"\\]|\\.)*+(?:\"|\Z)|\\*'(?:[^'\\]|\\.)*+(?:'|\Z)|[\[{(].*|[^&\r\n]+)",
    re.DOTALL,
)
_TABLE = re.compile(".*", re.DOTALL)
_TUPLE = re.compile(r"[^)\]}]*")

_NUMBER = re.compile(r"[-+.]?[0-9][0-9.T-]*")
_ERROR = re.compile(r"(?:\w+\.)*[A-Z]\w*(?:Error|Exception|Warning|Violation)")
_CODE = re.compile(r"[A-Z]{2,3}-?[0-9]{3,5}")
_PORT = re.compile(r"(?:80|443|3000|5000|5001|5432|6432|8000|8080|8443|8765)\b(?!\.)")
_ADDRESS = re.compile(r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])")


def hide_parameters(text: str, fields: AbstractSet[str]) -> str:
    """Return *text* with the parameters of query strings hidden that are not in *fields*."""
    return _QUERY_STRING.sub(partial(_kept_parameters, fields), text)


def _kept_parameters(fields: AbstractSet[str], found: re.Match[str]) -> str:
    parameters = found[0].split("&")
    return "&".join(
        each if each.partition("=")[0].lower() in fields else HIDDEN for each in parameters
    )


def hide_values(text: str, fields: AbstractSet[str]) -> str:
    """Return *text* with each value hidden whose name is neither in *fields* nor in REPORTED."""
    if not _may_have_names(text):
        return text
    parts: list[str] = []
    start = at = 0
    for _ in range(_MOST_NAMES):
        found = _NAME.search(text, at)
        if found is None:
            return "".join((*parts, text[start:])) if parts else text
        at = found.end("tag") if found.lastgroup == "tag" else found.end()
        if not _is_kept(found, fields):
            parts += text[start:at], HIDDEN
            start = at = _end_of_value(found)
            if len(parts) == 2 * _MOST_HIDDEN:
                return "".join(parts)
    return "".join((*parts, text[start:at], HIDDEN))


def _may_have_names(text: str) -> bool:
    is_tuple = "," in text and ("'" in text or '"' in text)
    return "=" in text or ":" in text or "\t" in text or is_tuple or ("<" in text and ">" in text)


def _is_kept(found: re.Match[str], fields: AbstractSet[str]) -> bool:
    """Return whether a name is on a list, or is none: a number, a code, a host."""
    name, sign, tag = found.groups()
    lowered = (name or tag).lower()
    if lowered in fields or lowered in REPORTED:
        return True
    if tag:
        return False
    text = found.string
    if _NUMBER.fullmatch(name) or lowered.lstrip("-") in fields:
        return True
    if sign != ":":
        return _ERROR.fullmatch(name) is not None
    return (
        _ERROR.fullmatch(name) is not None
        or _CODE.fullmatch(name) is not None
        or _PORT.match(text, found.end("sign")) is not None
        or _ADDRESS.match(text, found.start()) is not None
    )


def _end_of_value(found: re.Match[str]) -> int:
    text, at, sign = found.string, found.end(), found["sign"]
    if sign is None:  # with the attributes of the tag
        closing = text.find(f"</{found['tag']}", at)
        return len(text) if closing < 0 else closing
    if sign == "\t":
        return len(text)
    value = (_TUPLE if "," in sign else _VALUE).match(text, at)
    return at if value is None else value.end()
