"""Rows as the text format of COPY has them: column by column, which costs a third of row by row."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import cast

from oadb.errors import ParameterError
from oadb.logs.texts import visible
from oadb.logs.writing.log_tables import LogTable
from oadb.logs.writing.queue import Entry
from oadb.security.addresses import address

_EPOCH, _SECOND = datetime(1970, 1, 1, tzinfo=UTC), 1_000_000

NULL = r"\N"
"""What COPY reads as null."""

# Rows that are encoded at once, while the server stores those before them.
_AT_ONCE = 500

# Python spells no longer ones (ValueError).
_BITS, _TOO_LARGE = 1000, "[a large number]"

Texts = list[str]


@dataclass(slots=True)
class Clock:
    """The database's clock for rows that this process timed by its own."""

    database: datetime
    monotonic: int
    """What this process's clock showed at that moment, in nanoseconds."""

    def times(self, stamps: Sequence[int]) -> Texts:
        """Return when rows were taken, by the clock of the database."""
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
        """Microseconds since 1970."""
        return (self.database - _EPOCH) // timedelta(microseconds=1)


@dataclass(slots=True)
class Lines:
    """The lines of some rows, and those that cannot be rows, with the reason."""

    table: LogTable
    entries: Sequence[Entry]
    clock: Clock
    unfit: list[tuple[Entry, str]] = field(default_factory=list[tuple[Entry, str]])

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines, some hundred at a time; ``unfit`` is complete at the end."""
        for start in range(0, len(self.entries), _AT_ONCE):
            entries = self._fit(self.entries[start : start + _AT_ONCE])
            if entries:
                yield self._encoded(entries)

    def _fit(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Return the entries whose addresses are some; note the others."""
        place = self.table.address
        if place is None:
            return entries
        addresses = [_address(values[place]) for _, values, _, _ in entries]
        if "" not in addresses:
            return entries
        pairs = [*zip(entries, addresses, strict=True)]
        self.unfit += [(entry, "ip is no IP address") for entry, address in pairs if not address]
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
    """Return the values of a column as COPY reads them."""
    distinct = set(column)
    if len(distinct) <= len(column) // 2:  # most columns have few values, again and again
        return map({value: as_text(value) for value in distinct}.__getitem__, column)
    kinds = set(map(type, column))
    if kinds == {str}:
        return _escaped(cast("Sequence[str]", column))
    return map(repr if kinds == {float} else as_text, column)


def as_text(value: object) -> str:
    """Return a value as COPY reads it; one that no column holds as something no column takes."""
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
    """Return an address as COPY reads it; empty for what is none."""
    if value is None:
        return NULL
    try:
        return address("logs", str(value)) or ""
    except ParameterError:
        return ""


def _time(microseconds: int) -> str:
    rest = microseconds % _SECOND
    return f"{_second(microseconds - rest)}.{rest:06}Z"


def _second(microseconds: int) -> str:
    return (_EPOCH + timedelta(microseconds=microseconds)).strftime("%Y-%m-%dT%H:%M:%S")
