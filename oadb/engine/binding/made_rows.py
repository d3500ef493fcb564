"""Rows made of loaded values: converted where a column has a form, and refused without values.

An array is looked through for nulls; that a plain column is not null is left to the contract check.
"""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

from oadb.engine.binding.class_forms import below
from oadb.engine.binding.class_forms import maker as refusing_maker
from oadb.engine.binding.forms import MisfitError
from oadb.engine.binding.row_classes import RowClass
from oadb.engine.binding.values import ValueType
from oadb.errors import ResultError

Make = Callable[[Any], Any]

MakeAll = Callable[[list[Any]], list[Any]]


def makers(
    label: str,
    row: RowClass | None,
    fields: Mapping[str, ValueType | None],
    value: ValueType | None,
) -> tuple[Make, MakeAll]:
    """Return what makes a row, or a single value, of the loaded values of its columns.

    And what makes those of a list.
    """
    columns = {"its value": value} if row is None else fields
    readers = [
        (place, name, _reader(kind))
        for place, (name, kind) in enumerate(columns.items())
        if kind is not None and (kind.form is not None or kind.array)
    ]
    make = itemgetter(0) if row is None else refusing_maker(row)
    if row is not None and not row.refuses and not readers:
        return make, row.make_all
    if readers:
        made = _reported(label, lambda values: make(_read(readers, values)))
        if row is not None and not row.refuses and [each for *_, each in readers] == [_array]:
            made = _quick(make, made, readers[0][0])
    else:
        made = make if row is None else _reported(label, make)
    return made, lambda rows: [*map(made, rows)]


def _reader(kind: ValueType) -> Make:
    if kind.form is None:
        return _array
    read, is_optional = kind.form.read, kind.optional

    def from_column(value: Any) -> Any:
        if value is not None:
            return read(value)
        if is_optional:
            return None
        raise MisfitError("must not be null")

    return from_column


def _array(values: Any) -> Any:
    if values is not None and None in values:
        raise MisfitError("must not hold a null, as list[T | None] may")
    return values


def _quick(make: Make, refuse: Make, place: int) -> Make:
    """Return what makes rows whose only array holds no null, and has *refuse* raise for others."""

    def made(values: Any) -> Any:
        array = values[place]
        return refuse(values) if array and None in array else make(values)

    return made


def _read(readers: list[tuple[int, str, Make]], values: Any) -> list[Any]:
    converted = [*values]
    for place, name, read in readers:
        converted[place] = below(f".{name}", read, converted[place])
    return converted


def _reported(label: str, make: Make) -> Make:
    def made(values: Any) -> Any:
        try:
            return make(values)
        except MisfitError as misfit:
            fault = misfit.at("").lstrip(".") if misfit.path else f"its row {misfit.expected}"
        # Not raised in the except clause: the context of the error would hold the value.
        raise ResultError(f"{label}: {fault.strip()}")

    return made
