"""CSV files: reads chosen columns of each line."""

import csv
from collections.abc import Iterator, Sequence
from itertools import chain
from operator import itemgetter
from pathlib import Path

from oadb.errors import LoadError, RowError
from oadb.market.brokers.files import Convert, OpenFile, T, opened, rejected
from oadb.market.instruments import Rejected

# What is between the columns of files that are not CSV.
_OTHER_MARKS = {"\t": "tabs", ";": "semicolons", "|": "bars"}


def rows(
    path: Path,
    columns: tuple[str | None, ...],
    convert: Convert[T],
    *,
    heading: tuple[str, ...] = (),
) -> Iterator[T | Rejected]:
    """Read a CSV file and convert its lines.

    Args:
        columns: the columns that *convert* takes, in this order; None: an empty field.
        convert: raises RowError for a line that it cannot convert.
        heading: names of the columns from the left, for a file without a heading.

    Yields:
        What *convert* returns for each line, or Rejected.

    Raises:
        LoadError: the file cannot be read as CSV with these columns; names file and line.
    """
    with opened(path) as source:
        reader = csv.reader(source.lines(), strict=True)
        try:
            first = next(reader, list[str]())
            if not heading:
                first = [*map(_stripped, first)]
            _require_commas(source.name, first)
            if len(first) < len(heading):
                raise LoadError(
                    f"{source.name}:1: {len(first)} columns; expected at least {len(heading)}"
                )
            pick = itemgetter(*_positions(source.name, heading or first, columns))
            for fields in chain((first,), reader) if heading else reader:
                try:
                    if len(fields) == len(first):
                        yield convert(pick((*fields, "")))
                    elif fields:
                        _refuse(source, reader.line_num, fields, len(first))
                except RowError as fault:
                    yield rejected(f"{source.name}:{reader.line_num}", fault, fields)
        except csv.Error as error:
            raise LoadError(
                f"{source.name}:{reader.line_num}: not CSV: {error}; fetch the file again"
            ) from None


def heading(path: Path) -> list[str]:
    """Return the names in the first line; none if it is not CSV, as ``rows`` says why.

    Raises:
        LoadError: the file cannot be read.
    """
    with opened(path) as source:
        try:
            first = next(csv.reader(source.lines(), strict=True), list[str]())
            return [*map(_stripped, first)]
        except csv.Error:
            return []


def _stripped(column: str) -> str:
    """Return the name of a column without what brokers leave around it: dStrikePrice;."""
    return column.strip(" ;")


def _require_commas(name: str, first: list[str]) -> None:
    if len(first) == 1:
        for mark, called in _OTHER_MARKS.items():
            if mark in first[0]:
                raise LoadError(
                    f"{name}:1: the columns are separated by {called}; save the file as CSV with "
                    "commas"
                )


def _positions(name: str, heading: Sequence[str], columns: tuple[str | None, ...]) -> list[int]:
    """Return the positions of columns; None is the last, where an empty field is appended."""
    wanted = list(dict.fromkeys(column for column in columns if column is not None))
    missing = [column for column in wanted if column not in heading]
    if missing:
        raise LoadError(
            f"{name}:1: the heading lacks {', '.join(missing)}; expected {', '.join(wanted)}"
        )
    twice = [column for column in wanted if heading.count(column) > 1]
    if twice:
        raise LoadError(f"{name}:1: the heading has {', '.join(twice)} more than once")
    return [-1 if column is None else heading.index(column) for column in columns]


def _refuse(source: OpenFile, line: int, fields: list[str], width: int) -> None:
    if source.unfinished and len(fields) < width:
        raise LoadError(f"{source.name}:{line}: cut off in this line; fetch the file again")
    raise RowError(f"{len(fields)} fields; the first line has {width}")
