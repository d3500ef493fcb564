"""JSON documents of callers: bounded in size and depth, and read back as they were written."""

import re
from collections.abc import Iterator
from typing import cast

from oadb.engine.binding.sendable_texts import unsendable
from oadb.errors import ParameterError

LARGEST = 65_536
"""The largest size: each value counts 1, and each text and name its characters in addition."""

DEEPEST = 32
"""The deepest nesting of objects and lists; the document itself counts 1."""

# From here on Python writes floats without a point, so that jsonb returns whole numbers.
_FIRST_WITHOUT_POINT = 1e16

# A step of a path and the path to it; they are joined for errors only.
_Place = tuple["_Place | None", str]

# The names that errors show; any other name could be content.
_FIELD = re.compile(r"[A-Za-z_]{1,30}")


def require_document(label: str, document: object) -> None:
    """Check that *document* is a JSON object that reads back as it was written.

    Shared values count each time that they are written, so that the time is bounded, also for an
    object that contains itself.

    Args:
        label: the caller and the parameter, with which the error begins.

    Raises:
        ParameterError: an invalid document; the text says where, by names of fields and positions
            from 0, and never shows content.
    """
    if not isinstance(document, dict):
        raise ParameterError(f"{label} must be a JSON object, not {type(document).__name__}")
    size = 1
    waiting: list[tuple[_Place, object, int]] = [((None, label), document, 1)]
    while waiting:
        place, value, depth = waiting.pop()
        size += _weight(value)
        if size > LARGEST:
            raise ParameterError(
                f"{label} is larger than {LARGEST:,} values and characters; leave some out"
            )
        problem = _problem(value, depth)
        if problem is not None:
            raise ParameterError(f"{_path(place)} {problem}")
        waiting += [((place, step), inner, depth + 1) for step, inner in _inner(value)]


def _path(place: _Place) -> str:
    outer, step = place
    return step if outer is None else _path(outer) + step


def _problem(value: object, depth: int) -> str | None:
    problem = None
    match value:
        case None | bool():
            pass
        case int():
            if not -(2**63) <= value < 2**63:
                problem = "is a whole number of more than 64 bits"
        case float():
            if not abs(value) < _FIRST_WITHOUT_POINT:  # NaN as well
                problem = "is a float that would not read back as one"
        case str():
            problem = _unsendable("holds", value)
        case dict() | list():
            problem = _problem_inside(cast("dict[object, object] | list[object]", value), depth)
        case _:
            problem = f"is of type {type(value).__name__}, which JSON does not have"
    return problem


def _problem_inside(value: dict[object, object] | list[object], depth: int) -> str | None:
    if depth > DEEPEST:
        return f"is deeper than {DEEPEST}"
    if isinstance(value, list):
        return None
    if not all(isinstance(name, str) for name in value):
        return "has a name that is not text"
    return _unsendable("has a name that holds", [*value])


def _unsendable(what: str, value: object) -> str | None:
    reason = unsendable(value)
    return None if reason is None else f"{what} {reason}"


def _weight(value: object) -> int:
    """Return what *value* adds to the size: its characters, or its values and their names."""
    if not isinstance(value, str | dict | list):
        return 0
    names = cast("dict[object, object]", value) if isinstance(value, dict) else ()
    inside = len(cast("str | list[object]", value))
    return inside + sum(len(name) for name in names if isinstance(name, str))


def _inner(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, list):
        for number, inner in enumerate(cast("list[object]", value)):
            yield f"[{number}]", inner
    elif isinstance(value, dict):
        for number, (name, inner) in enumerate(cast("dict[str, object]", value).items()):
            yield f"[{name if _FIELD.fullmatch(name) else number}]", inner
