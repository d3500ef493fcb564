"""Values in PostgreSQL's text form, as its input functions read them under every setting."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

# As str() of a datetime, at a third of its cost.
_TIMESTAMP = "%04d-%02d-%02d %02d:%02d:%02d.%06dZ"


def _timestamp(value: datetime) -> str:
    if value.tzinfo is not UTC:
        return str(value)
    return _TIMESTAMP % (
        value.year,
        value.month,
        value.day,
        value.hour,
        value.minute,
        value.second,
        value.microsecond,
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
    bool: lambda value: "t" if value else "f",
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
