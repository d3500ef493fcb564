"""JSON of values of one Python type, which reads back as the same value of that type.

JSON has a single type for numbers; jsonb keeps them as they were written.
"""

import json
from contextlib import suppress
from math import isfinite
from typing import TypeVar, cast, get_origin

from oadb.engine.binding.sendable_texts import unsendable
from oadb.validation.documents import require_document

T = TypeVar("T", bool, int, float, str, dict[str, object])

_INTEGERS = range(-(2**63), 2**63)


def is_of(kind: type[T], value: object) -> bool:
    """Say whether *value* is of the type *kind*, and JSON can represent it."""
    if kind is float:
        return type(value) in {int, float} and _is_float(cast("float", value))
    if kind is int:
        return type(value) is int and value in _INTEGERS
    return type(value) is (get_origin(kind) or kind) and not unsendable(value)


def written(label: str, kind: type[T], value: T) -> str:
    """Return the JSON of a value of the type *kind*.

    Args:
        label: the caller and the parameter, for the error.

    Raises:
        ParameterError: an invalid object; see ``require_document``.
    """
    if isinstance(value, dict):
        require_document(label, value)
    if kind is float and isinstance(value, int):
        return json.dumps(float(value))
    return json.dumps(value, ensure_ascii=False)


def loaded(kind: type[T], text: str) -> T:
    """Return the value of a JSON text, which may have another type than *kind*.

    Raises:
        ValueError: invalid JSON.
        RecursionError: JSON that is nested too deeply.
    """
    value: T = json.loads(text, parse_int=float if kind is float else None)
    return value


def _is_float(number: float) -> bool:
    """Say whether a float can represent a number, which may be an int, exactly."""
    with suppress(OverflowError):
        return isfinite(number) and float(number) == number
    return False
