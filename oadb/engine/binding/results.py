"""Return annotations: how many rows a query returns, and what each becomes.

    User            exactly one row, else NoRowError or TooManyRowsError
    User | None     at most one row, else TooManyRowsError
    list[User]      all rows
    Page[User]      the rows of one page; see ``pages``
    Iterator[User]  all rows, as they arrive; for a COPY, Iterator[bytes]
    int, str, ...   the only value of exactly one row, which is not null
    int | None      the same, or None for no row and for a null
    Affected        the number of rows written
    None            nothing; the statement returns no columns

A row is of a class whose fields are the columns, in order; see ``row_classes``. The
contract check compares them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, NewType, cast, get_args, get_origin

from oadb.engine.binding import made_rows
from oadb.engine.binding.annotations import value_type, without_none
from oadb.engine.binding.guards import RowCount
from oadb.engine.binding.pages import Page
from oadb.engine.binding.row_classes import RowClass, row_class
from oadb.engine.binding.values import ValueType
from oadb.errors import NoRowError, ResultError, TooManyRowsError

Affected = NewType("Affected", int)
"""The number of rows that a statement wrote."""

Cardinality = Literal["one", "optional", "many", "page", "stream", "affected", "nothing"]


@dataclass(frozen=True, slots=True)
class Result:
    """How many rows a statement returns, and what each becomes."""

    cardinality: Cardinality
    row: type | None = None
    value: ValueType | None = None

    def makers(self, label: str) -> tuple[made_rows.Make, made_rows.MakeAll]:
        """Return what makes a row of its values, and what makes all, for the query of this label.

        They have no step for conversions where none is needed.
        """
        return made_rows.makers(label, self.row_class, self.fields, self.value)

    @property
    def row_class(self) -> RowClass | None:
        """What the class of its rows is."""
        return row_class(self.row)

    @property
    def fetches(self) -> bool:
        """Whether rows are expected."""
        return self.cardinality not in {"affected", "nothing"}

    @property
    def fields(self) -> dict[str, ValueType | None]:
        """The columns of the row, in order; None for one without a value type."""
        return {} if self.row is None else _fields(self.row)

    @property
    def shape_result(self) -> Callable[[str, list[Any], int, tuple[Any, ...]], Any]:
        """The function that makes the result of fetched rows, or of the number of written ones.

        Its first argument is the label of the query, for errors; its last one are the parameters.
        Pages have a function of their own.
        """
        return _SHAPES[self.cardinality]


@cache
def _fields(row: type) -> dict[str, ValueType | None]:
    found = row_class(row)
    annotations: Mapping[str, Any] = {} if found is None else found.fields
    return {name: value_type(annotation) for name, annotation in annotations.items()}


def read(annotation: Any) -> Result:
    """Read a return annotation.

    Raises:
        TypeError: an invalid annotation.
    """
    if annotation is None or annotation is type(None):
        return Result("nothing")
    if annotation is Affected:
        return Result("affected")
    origin = get_origin(annotation)
    if origin is list:
        return of("many", get_args(annotation)[0])
    if origin is Page:
        return of("page", get_args(annotation)[0])
    if origin is Iterator:
        return of("stream", get_args(annotation)[0])
    plain, optional = without_none(annotation)
    return of("optional" if optional else "one", plain)


def is_row_class(annotation: Any) -> bool:
    """Say whether an annotation is a class of rows."""
    return row_class(annotation) is not None


def of(cardinality: Cardinality, row: Any) -> Result:
    """Return the result of rows of a class, or of single values.

    Raises:
        TypeError: *row* is neither.
    """
    if is_row_class(row):
        problem = cast("RowClass", row_class(row)).problem
        if problem:
            raise TypeError(f"it returns {row.__name__}: {problem}")
        return Result(cardinality, row=row)
    value = value_type(row)
    if value is None:
        raise TypeError(f"it returns {row!r}, which is neither a class of rows nor a value type")
    return Result(cardinality, value=value)


def _one(label: str, rows: list[Any], _count: int, _params: object) -> Any:
    if len(rows) == 1:
        if rows[0] is None:
            raise ResultError(f"{label}: its value must not be null")
        return rows[0]
    if not rows:
        raise NoRowError(f"{label}: no row, although exactly one is promised")
    return _optional(label, rows, _count, _params)


def _optional(label: str, rows: list[Any], _count: int, _params: object) -> Any:
    if len(rows) > 1:
        raise TooManyRowsError(f"{label}: {len(rows)} rows, although at most one is promised")
    return rows[0] if rows else None


def at_most(most: int, label: str, rows: list[Any], _count: int, _params: object) -> list[Any]:
    """Return the rows of a list.

    Raises:
        TooManyRowsError: there are more than the statement allows.
    """
    if len(rows) > most:
        raise TooManyRowsError(f"{label}: {len(rows)} rows, although it allows {most}")
    return rows


def expected(
    count_of: RowCount, shape: Any, label: str, rows: list[Any], count: int, params: Any
) -> Any:
    """Return the result of a statement that returned, or wrote, as many rows as it expects.

    Raises:
        NoRowError, TooManyRowsError: it did not.
    """
    count_of.require(label, len(rows) or count)
    return shape(label, rows, count, params)


_SHAPES: dict[Cardinality, Callable[[str, list[Any], int, tuple[Any, ...]], Any]] = {
    "one": _one,
    "optional": _optional,
    "many": lambda _label, rows, _count, _params: rows,
    "affected": lambda _label, _rows, count, _params: Affected(count),
    "nothing": lambda _label, _rows, _count, _params: None,
    "stream": lambda _label, rows, _count, _params: rows,
}
