"""Arrays for PostgreSQL, encoded by columns: a fifth of the cost of value by value.

The text form is that of https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO.
"""

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain, repeat
from typing import Any
from uuid import UUID

from oadb.engine.binding.values import ValueType


def _quoted(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _numeric(value: Decimal) -> str:
    return "NaN" if value.is_snan() else str(value)


def _interval(value: timedelta) -> str:
    # A sign for each part: without, the meaning of a sign depends on IntervalStyle.
    return f"{value.days:+}d {value.seconds:+}s {value.microseconds:+}us"


_TEXTS: dict[type, Callable[[Any], str]] = {
    int: str,
    float: repr,
    Decimal: _numeric,
    bool: lambda value: "t" if value else "f",
    str: _quoted,
    bytes: lambda value: f'"\\\\x{value.hex()}"',
    date: str,
    time: str,
    timedelta: _interval,
    dict: lambda value: _quoted(json.dumps(value)),
}


@dataclass(frozen=True, slots=True)
class _Fixed:
    """A type of fixed size, whose text costs more than its binary form.

    Attributes:
        oid: Of the PostgreSQL type.
        code: Its format character of ``struct``.
        size: In bytes.
    """

    oid: int
    code: str
    size: int
    value: Callable[[Any], Any]

    def encoded(self, column: Sequence[Any]) -> bytes:
        """Return the array in the binary form of ``array_recv``."""
        has_null = None in column
        header = struct.pack(">5i", 1, has_null, self.oid, len(column), 1)
        if has_null:
            null, one = struct.pack(">i", -1), struct.Struct(f">i{self.code}").pack
            parts = (
                null if value is None else one(self.size, self.value(value)) for value in column
            )
            return header + b"".join(parts)
        fields = chain.from_iterable(zip(repeat(self.size), map(self.value, column)))
        return header + struct.pack(f">{f'i{self.code}' * len(column)}", *fields)


_EPOCH, _MICROSECOND = datetime(2000, 1, 1, tzinfo=UTC), timedelta(microseconds=1)

_FIXED: dict[type, _Fixed] = {
    datetime: _Fixed(1184, "q", 8, lambda value: (value - _EPOCH) // _MICROSECOND),
    UUID: _Fixed(2950, "16s", 16, lambda value: value.bytes),
}


def is_encodable(kind: ValueType) -> bool:
    """Say whether an array of values of this type can be made."""
    return kind.python in {*_TEXTS, *_FIXED} and not kind.array and not kind.unset


def encoded(kind: ValueType, column: Sequence[Any]) -> str | bytes:
    """Return the array of the values of a column: a text, or bytes if it is in binary form."""
    fixed = _FIXED.get(kind.python)
    if fixed is not None:
        return fixed.encoded(column)
    text = _TEXTS[kind.python]
    if None in column:
        texts = ["NULL" if value is None else text(value) for value in column]
        return f"{{{','.join(texts)}}}"
    return f"{{{','.join(map(text, column))}}}"
