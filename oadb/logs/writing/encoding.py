"""Encodes rows, either by columns for one INSERT, or as lines for COPY.

COPY takes less of the server, and PostgreSQL refuses it where row-level security binds. Of the
columns each is an array in text form, which the INSERT takes apart.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import cast

from oadb.logs.texts import visible
from oadb.logs.writing.log_tables import LogTable
from oadb.logs.writing.queue import Entry
from oadb.security.addresses import address

_EPOCH, _SECOND = datetime(1970, 1, 1, tzinfo=UTC), 1_000_000

_NULL, _COPIED_NULL = "NULL", r"\N"

# A row of nobody has one of this many numbers below 0 for a user, see the statements.
_NOBODY = 64

# Python refuses to convert much larger numbers to text (ValueError).
_BITS, _TOO_LARGE = 1000, "[a large number]"

Texts = list[str]


@dataclass(slots=True)
class Clock:
    """The clock of the database, for rows timed by the monotonic clock of this process."""

    database: datetime
    monotonic: int
    """The monotonic clock at that moment, in nanoseconds."""

    def times(self, stamps: Sequence[int]) -> Texts:
        """Return when rows were queued, by the clock of the database."""
        now, monotonic = self.microseconds, self.monotonic
        start = now - (monotonic - stamps[0]) // 1000
        start -= start % _SECOND
        now, second = now - start, _second(start)
        return [
            f"{second}.{rest:06}Z"
            if 0 <= (rest := now - (monotonic - stamp) // 1000) < _SECOND
            else _time(start + rest)
            for stamp in stamps
        ]

    @property
    def microseconds(self) -> int:
        """The time of the database, in microseconds since 1970."""
        return (self.database - _EPOCH) // timedelta(microseconds=1)


Unfit = list[tuple[Entry, str]]
"""Entries that are left out, each with the reason."""


def encoded(table: LogTable, entries: Sequence[Entry], clock: Clock) -> tuple[Texts, Unfit]:
    """Return the columns of the entries, an array each, and the entries that are left out."""
    entries, unfit = _with_valid_address(table.address, entries)
    if not entries:
        return ["{}"] * (1 + len(table.order)), unfit
    stamps, rows, *_ = zip(*entries, strict=True)
    values = list(zip(*rows, strict=True))
    columns = (
        map(_address, values[place]) if place == table.address else _elements(values[place])
        for place in table.order
    )
    return [array(clock.times(stamps)), *map(array, columns)], unfit


def copied(table: LogTable, entries: Sequence[Entry], clock: Clock) -> tuple[bytes, Unfit]:
    """Return the entries as lines for COPY, and the entries that are left out."""
    entries, unfit = _with_valid_address(table.address, entries)
    if not entries:
        return b"", unfit
    stamps, rows, *_ = zip(*entries, strict=True)
    values: list[Sequence[object]] = [*zip(*rows, strict=True)]
    if table.user is not None and None in values[table.user]:
        pairs = zip(values[table.user], stamps, strict=True)
        values[table.user] = [_nobody(stamp) if user is None else user for user, stamp in pairs]
    columns = [
        _copied_addresses(values[place]) if place == table.address else _fields(values[place])
        for place in table.order
    ]
    lines = map("\t".join, zip(clock.times(stamps), *columns, strict=True))
    return ("\n".join(lines) + "\n").encode(), unfit


def array(elements: Iterable[str]) -> str:
    """Return an array of elements that are encoded."""
    return "{" + ",".join(elements) + "}"


def element(value: object) -> str:
    """Return a value, encoded; a number too large for any column as a text that none accepts."""
    if value is None:
        return _NULL
    text = shown(value)
    return text if type(value) in {int, float} and text != _TOO_LARGE else _quoted(text)


def shown(value: object) -> str:
    """Return a value as a text without control characters."""
    if isinstance(value, str):
        return visible(value)
    return _TOO_LARGE if isinstance(value, int) and value.bit_length() > _BITS else repr(value)


def _with_valid_address(
    place: int | None, entries: Sequence[Entry]
) -> tuple[Sequence[Entry], Unfit]:
    """Return the entries with a valid IP address or none, and the others."""
    if place is None:
        return entries, []
    addresses = [_address(values[place]) for _, values, _, _ in entries]
    if "" not in addresses:
        return entries, []
    pairs = [*zip(entries, addresses, strict=True)]
    unfit = [(entry, "ip is not an IP address") for entry, address in pairs if not address]
    return [entry for entry, address in pairs if address], unfit


def _elements(column: Sequence[object]) -> Iterable[str]:
    """Return the values of a column, encoded."""
    if len(column) == 1:
        return (element(column[0]),)
    distinct = set(column)
    if len(distinct) <= len(column) // 2:  # most columns have few distinct values
        return map({value: element(value) for value in distinct}.__getitem__, column)
    kinds = set(map(type, column))
    if kinds == {str}:
        return _all_quoted(cast("Sequence[str]", column))
    return map(repr if kinds == {float} else element, column)


def _fields(column: Sequence[object]) -> Iterable[str]:
    """Return the values of a column, as fields of COPY."""
    distinct = set(column)
    if len(distinct) <= len(column) // 2:
        return map({value: _field(value) for value in distinct}.__getitem__, column)
    if set(map(type, column)) == {str}:
        texts = cast("Sequence[str]", column)
        together = "".join(texts)
        if together.isprintable() and "\\" not in together:
            return texts
    return map(_field, column)


def _field(value: object) -> str:
    # What is left of control characters is escaped; see visible().
    return _COPIED_NULL if value is None else shown(value).replace("\\", r"\\")


def _copied_addresses(column: Sequence[object]) -> Iterable[str]:
    return [_COPIED_NULL if each is None else _address(each) for each in column]


def _nobody(stamp: int) -> int:
    """Return a number for the user of a row that has none, by the microsecond of the row."""
    return -1 - stamp // 1000 % _NOBODY


def _all_quoted(column: Sequence[str]) -> Iterable[str]:
    together = "".join(column)
    if together.isprintable() and "\\" not in together and '"' not in together:
        return map('"{}"'.format, column)
    return (_quoted(visible(text)) for text in column)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'


@lru_cache(maxsize=4096)
def _address(value: object) -> str:
    """Return an address, encoded; an empty text if it is invalid."""
    if value is None:
        return _NULL
    try:
        return address(str(value))
    except ValueError:
        return ""


def _time(microseconds: int) -> str:
    rest = microseconds % _SECOND
    return f"{_second(microseconds - rest)}.{rest:06}Z"


@lru_cache(maxsize=16)
def _second(microseconds: int) -> str:
    return (_EPOCH + timedelta(microseconds=microseconds)).strftime("%Y-%m-%dT%H:%M:%S")
