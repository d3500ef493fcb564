"""Limits of the values of a column, as numbers: times, written relative to now, and numbers."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_AGE = re.compile(r"([+-]?\d+(?:\.\d+)?) (second|minute|hour|day|week|year)s?")
# Limits of partitions without an end, and the share of values below them.
_ENDS = {"MINVALUE": 0.0, "-infinity": 0.0, "MAXVALUE": 1.0, "infinity": 1.0}

_UNITS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "year": timedelta(days=365),
}


@dataclass(frozen=True, slots=True)
class ValueLimits:
    """The least and the greatest value of a column.

    Attributes:
        origin: Of times, the moment from which the limits are seconds: as numbers of seconds since
            1970 they would be rounded otherwise at each moment. None of numbers.
    """

    least: float
    greatest: float
    origin: datetime | None = None

    def share(self, limit: str) -> float:
        """Return which share of the values is below a limit of a partition, as SQL shows it."""
        if limit in _ENDS:
            return _ENDS[limit]
        value = float(limit) if self.origin is None else _after(self.origin, limit)
        size = self.greatest - self.least
        return 0.0 if size <= 0 else min(max((value - self.least) / size, 0.0), 1.0)

    def part(self, first: float, last: float) -> "ValueLimits":
        """Return the limits of a part, by the shares of the values at which it begins and ends."""
        size = self.greatest - self.least
        return ValueLimits(self.least + first * size, self.least + last * size, self.origin)


@dataclass(frozen=True, slots=True)
class Moments:
    """Reads limits; ``now`` is the time for which they are read, with its zone."""

    now: datetime

    def limits(
        self,
        between: tuple[str | float, str | float],
        rows_of: Callable[[str], float],
        *,
        is_time: bool,
    ) -> ValueLimits:
        """Return two limits as numbers.

        Args:
            between: the least and the greatest, as in a file of statistics.
            rows_of: how many rows there are: in the table of the column for "rows", else in the
                table of that name.

        Raises:
            ValueError: it is no time, or no number; the text is the limit.
        """
        read = self._time if is_time else _numbers(rows_of)
        first, last = (read(each) for each in between)
        return ValueLimits(min(first, last), last, self.now if is_time else None)

    def _time(self, limit: str | float) -> float:
        if limit == "now":
            return 0.0
        found = _AGE.fullmatch(str(limit))
        if found:
            return (float(found[1]) * _UNITS[found[2]]).total_seconds()
        return _after(self.now, str(limit))


def _numbers(rows_of: Callable[[str], float]) -> Callable[[str | float], float]:
    def read(limit: str | float) -> float:
        if not isinstance(limit, str):
            return limit
        if limit != "rows" and "." not in limit:
            raise ValueError(limit)
        return rows_of(limit)

    return read


def _after(origin: datetime, limit: str) -> float:
    """Return how many seconds after a moment a time is."""
    return (_read(limit) - origin).total_seconds()


def seconds(text: str) -> float:
    """Return a time in ISO format as seconds since 1970; without a zone it is that of UTC.

    Raises:
        ValueError: it is no time.
    """
    return _read(text).timestamp()


def _read(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
