"""Values in PostgreSQL's text form, as its input functions read them under every setting."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

_TWO = [f"{number:02}" for number in range(100)]

_THREE = [f"{number:03}" for number in range(1000)]


def _timestamp(value: datetime) -> str:
    year, fraction = value.year, value.microsecond
    if value.tzinfo is not UTC or year < 1000:
        return str(value)
    # As str(), at a third of its cost.
    return (
        f"{year}-{_TWO[value.month]}-{_TWO[value.day]} "
        f"{_TWO[value.hour]}:{_TWO[value.minute]}:{_TWO[value.second]}"
        f".{_THREE[fraction // 1000]}{_THREE[fraction % 1000]}Z"
    )


def _interval(value: timedelta) -> str:
    # A sign for each part: without, the meaning of a sign depends on IntervalStyle.
    return f"{value.days:+}d {value.seconds:+}s {value.microseconds:+}us"


def _float(value: float) -> str:
    return float.__repr__(value) if isinstance(value, float) else int.__repr__(value)


TEXTS: dict[type, Callable[[Any], str]] = {
    int: int.__repr__,
    float: _float,
    Decimal: Decimal.__str__,
    bool: {True: "t", False: "f"}.__getitem__,
    str: str.__str__,
    bytes: lambda value: f"\\x{value.hex()}",
    date: str,
    datetime: _timestamp,
    time: str,
    timedelta: _interval,
    UUID: str,
    dict: json.dumps,
}
"""What makes the text of a value, by its type.

The methods of the types themselves: a member of an enumeration that derives from one has others.
"""

ARBITRARY = frozenset({str, bytes, dict})
"""Types whose texts may hold any character; those of the others need no escapes."""
