"""PostgreSQL's text forms of arrays, composite values and ranges: written and read."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, cast

_ARRAY_PART = re.compile(r'[{},]|"((?:[^"\\]|\\.)*)"|((?:[^{},"\\]|\\.)+)', re.DOTALL)
_FIELD = re.compile(r'"((?:[^"\\]|""|\\.)*)"|([^,()"]*)', re.DOTALL)
_BOUND = r'(?:"((?:[^"\\]|""|\\.)*)"|([^,\[\]()"{}]*))'
_RANGE = re.compile(rf"(empty)|([\[(]){_BOUND},{_BOUND}([\])])", re.DOTALL)
_ESCAPED = re.compile(r'\\(.)|""', re.DOTALL)

Bounds = tuple[str | None, str | None, str]
"""The bounds of a range, None for an infinite one, and their kind: ``[)``."""


def array(values: Sequence[Any]) -> str:
    """Write an array of texts, of nulls, or of such arrays."""
    return "{" + ",".join(map(_item, values)) + "}"


def _item(value: Any) -> str:
    if value is None:
        return "NULL"
    return _array_quoted(value) if isinstance(value, str) else array(value)


def _array_quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def read_array(text: str) -> list[Any]:
    """Read an array of any dimensions as lists of texts and nulls."""
    top: list[Any] = []
    stack = [top]
    for part in _ARRAY_PART.finditer(text, text.index("{")):  # behind its dimensions: [0:1]={...}
        mark, quoted, plain = part[0], part[1], part[2]
        if mark == "{":
            inner: list[Any] = []
            stack[-1].append(inner)
            stack.append(inner)
        elif mark == "}":
            stack.pop()
        elif quoted is not None:
            stack[-1].append(_unescaped(quoted))
        elif plain is not None:
            stack[-1].append(None if plain.upper() == "NULL" else _unescaped(plain))
    return cast("list[Any]", top[0])


def composite(fields: Sequence[str | None]) -> str:
    """Write a composite value of the texts of its attributes."""
    return "(" + ",".join("" if field is None else quoted(field) for field in fields) + ")"


def quoted(text: str) -> str:
    """Return an attribute or a bound in quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '""') + '"'


def read_composite(text: str) -> list[str | None]:
    """Read a composite value as the texts of its attributes.

    Raises:
        ValueError: it is none.
    """
    fields: list[str | None] = []
    at = 1
    while at < len(text):
        found = _FIELD.match(text, at)
        if found is None or found.end() >= len(text) or text[found.end()] not in ",)":
            break
        fields.append(found[2] or None if found[1] is None else _unescaped(found[1]))
        at = found.end() + 1
    if at != len(text) or text[:1] != "(" or text[-1:] != ")":
        raise ValueError
    return fields


def range_of(bounds: Bounds | None) -> str:
    """Write a range; None is the empty one."""
    if bounds is None:
        return "empty"
    lower, upper, kind = bounds
    low, high = ("" if text is None else quoted(text) for text in (lower, upper))
    return f"{kind[0]}{low},{high}{kind[1]}"


def read_ranges(text: str) -> Iterator[Bounds | None]:
    """Read a range, or the ranges of a multirange; None is the empty one.

    Raises:
        ValueError: it is none.
    """
    if text[:1] not in {"[", "(", "{", "e"}:
        raise ValueError
    for found in _RANGE.finditer(text):
        yield None if found[1] else (_bound(found, 3), _bound(found, 5), found[2] + found[7])


def _bound(found: re.Match[str], group: int) -> str | None:
    if found[group] is not None:
        return _unescaped(found[group])
    return found[group + 1] or None


def _unescaped(text: str) -> str:
    return (
        _ESCAPED.sub(lambda found: found[1] or '"', text) if "\\" in text or '"' in text else text
    )
