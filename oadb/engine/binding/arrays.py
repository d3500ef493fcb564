"""Arrays for PostgreSQL, encoded by columns: a fifth of the cost of value by value.

The text form is that of https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from typing import Any
from uuid import UUID

from oadb.engine.binding import literals
from oadb.engine.binding.text_forms import ARBITRARY, TEXTS
from oadb.engine.binding.values import ValueType

Pick = Callable[[tuple[Any, ...]], Sequence[Any]]
"""Returns the values of a call in the form in which they are sent."""


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
    if kind.form is not None:
        return kind.form.shape != "array" and not kind.unset
    return kind.python in TEXTS and not kind.array and not kind.unset


def encoded(kind: ValueType, column: Sequence[Any]) -> str | bytes:
    """Return the array of the values of a column: a text, or bytes if it is in binary form."""
    if kind.form is not None:  # its values are texts already
        return literals.array(column)
    fixed = _FIXED.get(kind.python)
    return as_text(kind, column) if fixed is None else fixed.encoded(column)


def sending(kinds: Iterable[ValueType], pick: Pick | None = None) -> Pick | None:
    """Return what encodes the arrays among the values of a call; None if there is nothing to do.

    Args:
        pick: chooses the values, of these types, before.
    """
    arrays = [(place, kind) for place, kind in enumerate(kinds) if kind.array]
    if not arrays:
        return pick

    def sent(values: tuple[Any, ...]) -> Sequence[Any]:
        given = [*(values if pick is None else pick(values))]
        for place, kind in arrays:
            if isinstance(given[place], list):  # neither null nor UNSET
                given[place] = encoded(kind, given[place])
        return given

    return sent


def as_text(kind: ValueType, column: Sequence[Any]) -> str:
    """Return the array of the values of a column in its text form."""
    text = TEXTS[kind.python]
    is_quoted = kind.python in ARBITRARY
    if None not in column:
        if kind.python is str and column:
            together = "".join(column)
            if "\\" not in together and '"' not in together:
                return '{"' + '","'.join(column) + '"}'
        texts = map(text, column)
        return f"{{{','.join(map(_quoted, texts) if is_quoted else texts)}}}"
    parts = [
        "NULL" if value is None else _quoted(text(value)) if is_quoted else text(value)
        for value in column
    ]
    return f"{{{','.join(parts)}}}"


def _quoted(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
