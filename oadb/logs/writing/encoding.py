"""Encodes rows by columns: each is an array in text form, which one INSERT takes apart.

Not for COPY, which PostgreSQL refuses where row-level security binds; this takes no longer.
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

_NULL = "NULL"

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
    distinct = set(column)
    if len(distinct) <= len(column) // 2:  # most columns have few distinct values
        return map({value: element(value) for value in distinct}.__getitem__, column)
    kinds = set(map(type, column))
    if kinds == {str}:
        return _all_quoted(cast("Sequence[str]", column))
    return map(repr if kinds == {float} else element, column)


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


def _second(microseconds: int) -> str:
    return (_EPOCH + timedelta(microseconds=microseconds)).strftime("%Y-%m-%dT%H:%M:%S")
