"""COPY: its direction, and the rows of a class that it takes or yields, in its text format.

    def load(rows: Iterable[Order]) -> Affected      copy shop.orders (sku, price) from stdin
    def export() -> Iterator[Order]                  copy (select ...) to stdout

The fields of the class are the columns, in order. With bytes instead of a class, the blocks of the
text are copied as they are, in any format.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import accumulate, islice
from operator import attrgetter
from typing import Any, get_args
from uuid import UUID

from oadb.engine.binding import arrays, results
from oadb.engine.binding.arguments import column_fits
from oadb.engine.binding.results import Result
from oadb.engine.binding.sendable_texts import unsendable
from oadb.engine.binding.statements import Statement
from oadb.engine.binding.text_forms import ARBITRARY, TEXTS
from oadb.engine.binding.values import ValueType
from oadb.errors import ParameterError

# Rows encoded at a time: the server stores them while the next ones are encoded.
_CHUNK = 500

_NULL = r"\N"

# What escapes the characters that mean something in the text format.
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})

_SPECIAL = "\\\t\n\r"

_BRACKETS = {"(": 1, ")": -1}

# The type whose text form each Python type reads.
_NAMES: dict[type, str] = {
    int: "int8", float: "float8", Decimal: "numeric", bool: "bool", str: "text", bytes: "bytea",
    date: "date", datetime: "timestamptz", time: "time", timedelta: "interval", UUID: "uuid",
    dict: "jsonb",
}  # fmt: skip  # a table


@dataclass(frozen=True, slots=True)
class RowEncoder:
    """Encodes the rows of one class.

    Attributes:
        label: Of the query, for errors.
        name: Of its parameter.
    """

    label: str
    name: str
    row: type
    fields: Mapping[str, ValueType]

    def blocks(self, rows: Iterable[object]) -> Iterator[bytes]:
        """Yield the lines, some hundred at a time.

        Raises:
            ParameterError: a row of another class, or a value that cannot be stored; the text names
                row and field.
        """
        given, first = iter(rows), 0
        while chunk := [*islice(given, _CHUNK)]:
            yield self._encoded(chunk, first)
            first += len(chunk)

    def _encoded(self, rows: list[object], first: int) -> bytes:
        if {*map(type, rows)} != {self.row}:
            self._require_class(rows, first)
        columns = [
            self._texts(name, kind, [*map(attrgetter(name), rows)], first)
            for name, kind in self.fields.items()
        ]
        return ("\n".join(map("\t".join, zip(*columns, strict=True))) + "\n").encode()

    def _require_class(self, rows: list[object], first: int) -> None:
        for number, row in enumerate(rows, first):
            if not isinstance(row, self.row):
                given, wanted = type(row).__name__, self.row.__name__
                raise ParameterError(
                    f"{self.label}: {self.name}[{number}] must be {wanted}, not {given}"
                )

    def _texts(
        self, name: str, kind: ValueType, column: Sequence[Any], first: int
    ) -> Iterable[str]:
        """Return the texts of a column."""
        if not column_fits(kind, column):
            column = [
                self._checked(f"{self.name}[{number}].{name}", kind, value)
                for number, value in enumerate(column, first)
            ]
        if None not in column:
            return _texts_of(kind, column)
        texts = iter(_texts_of(kind, [value for value in column if value is not None]))
        return [_NULL if value is None else next(texts) for value in column]

    def _checked(self, name: str, kind: ValueType, value: Any) -> Any:
        checked = kind.checked(self.label, name, value)
        reason = unsendable(checked)
        if reason is not None:
            raise ParameterError(f"{self.label}: {name} holds {reason}")
        return checked


def _texts_of(kind: ValueType, column: Sequence[Any]) -> Iterable[str]:
    """Return the texts of a column without nulls."""
    if kind.python is str and not kind.array:
        together = "".join(column)
        is_plain = not any(map(together.__contains__, _SPECIAL))
        return column if is_plain else map(_escaped, column)
    return map(_encoder(kind), column)


def _encoder(kind: ValueType) -> Callable[[Any], str]:
    """Return what encodes a value of a column without nulls."""
    if kind.form is not None:
        return _escaped
    if kind.array:
        single = replace(kind, array=False, optional=True)
        return lambda value: arrays.as_text(single, value).translate(_ESCAPES)
    text = TEXTS[kind.python]
    return (lambda value: _escaped(text(value))) if kind.python in ARBITRARY else text


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)


def misfits(statement: Statement, parameters: int, result: Result) -> list[str]:
    """Report a COPY that takes or returns what its direction does not have."""
    if statement.marked:
        return ["a COPY has no variants: its values are no parameters"]
    shape = (parameters, result.cardinality)
    if "stdin" in statement.words and shape not in {(1, "affected"), (1, "nothing")}:
        return ["a COPY from stdin takes one iterable and returns Affected"]
    if "stdin" not in statement.words and shape != (0, "stream"):
        return ["a COPY to stdout takes nothing and returns Iterator[bytes] or of rows"]
    return []


def row_types(result: Result) -> list[str]:
    """Return the names of the types that the texts of a row are read as."""
    kinds = [result.value] if result.row is None else [*result.fields.values()]
    return [_type_name(kind) for kind in kinds if kind]


def _type_name(kind: ValueType) -> str:
    if kind.form is not None:  # which reads texts
        return "text"
    return _NAMES[kind.python] + ("[]" if kind.array else "")


def row_encoder(
    label: str, parameters: Mapping[str, Any], statement: Statement
) -> tuple[RowEncoder | None, list[str]]:
    """Return what encodes the rows of a COPY from stdin, and its disagreements with the class.

    None for blocks, and for tuples, which psycopg encodes.
    """
    [(name, annotation)] = parameters.items()
    item = (get_args(annotation) or (bytes,))[0]
    if not results.is_row_class(item):
        return None, []
    result = results.of("many", item)
    fields = {field: kind for field, kind in result.fields.items() if kind is not None}
    unknown = [field for field, kind in result.fields.items() if kind is None]
    problems = [f"the field {field} of its row has no value type" for field in unknown]
    columns = copied_columns(statement)
    if not problems and columns != [*fields]:
        problems.append(f"its columns are {columns}; those of {item.__name__} are {[*fields]}")
    return RowEncoder(label, name, item, fields), [*problems, *format_problems(statement)]


def format_problems(statement: Statement) -> list[str]:
    """Report a COPY of rows in another format."""
    code = [part for part in statement.parts if part.kind not in {"space", "comment"}]
    if code[-1].text.lower() in {"stdin", "stdout"}:
        return []
    return ["rows are copied in the text format: leave out the options, or declare bytes"]


def copied_table(statement: Statement) -> str | None:
    """Return the table of a COPY as it is written; None for one of a query."""
    code = [part.text for part in statement.parts if part.kind not in {"space", "comment"}]
    return None if code[1] == "(" else "".join(code[1 : code.index("(")])


def copied_columns(statement: Statement) -> list[str]:
    """Return the columns that a COPY of a table names."""
    code = [part.text for part in statement.parts if part.kind not in {"space", "comment"}]
    if "(" not in code:
        return []
    names = code[code.index("(") + 1 : code.index(")")]
    return [name.strip('"') for name in names if name != ","]


def copied_query(statement: Statement) -> Statement:
    """Return the query of a COPY of one, as a statement of its own."""
    depths = [*accumulate(_BRACKETS.get(part.text, 0) for part in statement.parts)]
    first = depths.index(1)
    last = depths.index(0, first)  # options may follow, in brackets of their own
    return replace(statement, parts=statement.parts[first + 1 : last])
