"""Encodes rows in the text format of COPY: by columns, at a third of the cost of by rows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import cast

from oadb.logs.texts import visible
from oadb.logs.writing.log_tables import LogTable
from oadb.logs.writing.queue import Entry
from oadb.security.addresses import address

_EPOCH, _SECOND = datetime(1970, 1, 1, tzinfo=UTC), 1_000_000

NULL = r"\N"
"""Null, in the text format of COPY."""

# Rows encoded at a time; the server stores them while the next ones are encoded.
_CHUNK = 500

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


@dataclass(slots=True)
class Lines:
    """Rows as lines for COPY; ``unfit`` are those left out, each with the reason."""

    table: LogTable
    entries: Sequence[Entry]
    clock: Clock
    unfit: list[tuple[Entry, str]] = field(default_factory=list[tuple[Entry, str]])

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines, some hundred at a time; ``unfit`` is complete after the last."""
        for start in range(0, len(self.entries), _CHUNK):
            entries = self._with_valid_address(self.entries[start : start + _CHUNK])
            if entries:
                yield self._encoded(entries)

    def _with_valid_address(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Return the entries with a valid IP address or none; note the others as unfit."""
        place = self.table.address
        if place is None:
            return entries
        addresses = [_address(values[place]) for _, values, _, _ in entries]
        if "" not in addresses:
            return entries
        pairs = [*zip(entries, addresses, strict=True)]
        self.unfit += [
            (entry, "ip is not an IP address") for entry, address in pairs if not address
        ]
        return [entry for entry, address in pairs if address]

    def _encoded(self, entries: Sequence[Entry]) -> bytes:
        stamps, rows, *_ = zip(*entries, strict=True)
        values = list(zip(*rows, strict=True))
        columns = (
            map(_address, values[place]) if place == self.table.address else _texts(values[place])
            for place in self.table.order
        )
        lines = map("\t".join, zip(self.clock.times(stamps), *columns, strict=True))
        return ("\n".join(lines) + "\n").encode()


def _texts(column: Sequence[object]) -> Iterable[str]:
    """Return the values of a column, encoded."""
    distinct = set(column)
    if len(distinct) <= len(column) // 2:  # most columns have few distinct values
        return map({value: as_text(value) for value in distinct}.__getitem__, column)
    kinds = set(map(type, column))
    if kinds == {str}:
        return _escaped(cast("Sequence[str]", column))
    return map(repr if kinds == {float} else as_text, column)


def as_text(value: object) -> str:
    """Return a value, encoded; a number too large for any column as a text that none accepts."""
    if value is None:
        return NULL
    if isinstance(value, str):
        return _escaped([value])[0]
    return _TOO_LARGE if isinstance(value, int) and value.bit_length() > _BITS else repr(value)


def _escaped(column: Sequence[str]) -> Sequence[str]:
    together = "".join(column)
    if together.isprintable() and "\\" not in together:
        return column
    return [visible(text).replace("\\", "\\\\") for text in column]


@lru_cache(maxsize=4096)
def _address(value: object) -> str:
    """Return an address, encoded; an empty text if it is invalid."""
    if value is None:
        return NULL
    try:
        return address(str(value))
    except ValueError:
        return ""


def _time(microseconds: int) -> str:
    rest = microseconds % _SECOND
    return f"{_second(microseconds - rest)}.{rest:06}Z"


def _second(microseconds: int) -> str:
    return (_EPOCH + timedelta(microseconds=microseconds)).strftime("%Y-%m-%dT%H:%M:%S")
