"""JSON documents of callers: of bounded size and depth, and read back equal to what was written."""

import re
from collections.abc import Iterator
from typing import cast

from oadb.engine.binding.values import unsendable
from oadb.errors import ParameterError

LARGEST = 65_536
"""Most that a document holds: each value counts 1, each text and name its characters besides."""

DEEPEST = 32
"""Most objects and lists inside of each other, the document itself among them."""

# From here on Python writes a float without a point, and jsonb makes a whole number of it.
_FIRST_WITHOUT_POINT = 1e16

# A step from the place around it, put together only where something is wrong.
_Place = tuple["_Place | None", str]

# What is shown of a path: names of fields. Anything else could be content.
_FIELD = re.compile(r"[A-Za-z_]{1,30}")


def require_document(label: str, document: object) -> None:
    """Raise ParameterError unless *document* is a JSON object that comes back as it is.

    The text begins with *label* and says where, by names of fields and positions from 0; never
    what stands there. What is shared counts as often as it is written, so that the time it takes
    is bounded, whatever contains what.
    """
    if not isinstance(document, dict):
        raise ParameterError(f"{label} must be a JSON object, not {type(document).__name__}")
    size = 1
    waiting: list[tuple[_Place, object, int]] = [((None, label), document, 1)]
    while waiting:
        place, value, depth = waiting.pop()
        size += _weight(value)
        if size > LARGEST:
            raise ParameterError(f"{label} is larger than {LARGEST:,}; it counts values and texts")
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
            if not abs(value) < _FIRST_WITHOUT_POINT:  # also what is not a number
                problem = "is a float that would not come back as one"
        case str():
            problem = _unsendable("holds", value)
        case dict() | list():
            problem = _problem_inside(cast("dict[object, object] | list[object]", value), depth)
        case _:
            problem = f"is of type {type(value).__name__}, which JSON lacks"
    return problem


def _problem_inside(value: dict[object, object] | list[object], depth: int) -> str | None:
    if depth > DEEPEST:
        return f"is deeper than {DEEPEST}"
    if isinstance(value, list):
        return None
    if not all(isinstance(name, str) for name in value):
        return "has a name that is no text"
    return _unsendable("has a name that holds", [*value])


def _unsendable(what: str, value: object) -> str | None:
    reason = unsendable(value)
    return None if reason is None else f"{what} {reason}"


def _weight(value: object) -> int:
    """Return what *value* adds: its characters, or what is in it and the names of that."""
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
