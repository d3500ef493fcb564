"""What stands in one column of a row of OpenAlgo's, whatever type this version gave it.

SQLite holds what it was given: a number in a column of text, a text in one of numbers. A RowError
says what was expected, and never what was there: it could be a secret.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from math import isfinite
from typing import TypeVar

from oadb.engine.binding.values import readable
from oadb.errors import ParameterError, RowError
from oadb.importing.sources import Row
from oadb.security.addresses import address

T = TypeVar("T")

_LONGEST = 1000

_TRUE, _FALSE = frozenset({"1", "true", "t"}), frozenset({"0", "false", "f"})


def whole(row: Row, column: str) -> int:
    """Return a whole number. Raises RowError."""
    value = row.get(column)
    if isinstance(value, int):
        return value
    raise RowError(f"{column} is no whole number")


def optional_number(row: Row, column: str) -> float | None:
    """Return a number; None: there is none. Raises RowError for what is no finite one."""
    value = row.get(column)
    if value is None:
        return None
    if isinstance(value, int | float) and isfinite(value):
        return float(value)
    raise RowError(f"{column} is no number")


def number(row: Row, column: str) -> float:
    """Return a number. Raises RowError."""
    value = optional_number(row, column)
    if value is None:
        raise RowError(f"{column} is missing")
    return value


def optional_text(row: Row, column: str, longest: int = _LONGEST) -> str | None:
    """Return a text, cut, of which nothing is missing that PostgreSQL can hold; None: empty."""
    value = row.get(column)
    if type(value) is str and value and len(value) <= longest and value.isprintable():
        return value
    if value is None or value == "":
        return None
    if not isinstance(value, str | int):
        raise RowError(f"{column} is no text")
    return readable(str(value), longest)


def text(row: Row, column: str, longest: int = _LONGEST) -> str:
    """Return a text that is not empty. Raises RowError."""
    value = optional_text(row, column, longest)
    if value is None:
        raise RowError(f"{column} is missing")
    return value


def optional_flag(row: Row, column: str) -> bool | None:
    """Return yes or no; None where neither is said. Raises RowError for something else."""
    value = row.get(column)
    if value is None:
        return None
    said = str(value).lower()
    if said not in _TRUE | _FALSE:
        raise RowError(f"{column} is neither true nor false")
    return said in _TRUE


def flag(row: Row, column: str) -> bool:
    """Return yes or no, which is no where neither is said. Raises RowError."""
    return optional_flag(row, column) or False


def moment(row: Row, column: str, zone: tzinfo) -> datetime:
    """Return a time; one without a zone is of *zone*. Raises RowError."""
    value = row.get(column)
    if not isinstance(value, str):
        raise RowError(f"{column} is missing, or no text")
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        pass
    else:
        return found if found.tzinfo else found.replace(tzinfo=zone)
    raise RowError(f"{column} is no time such as 2026-11-23 09:15:00")


def created(row: Row) -> datetime | None:
    """Return when a row was made; None: it does not say."""
    try:
        return moment(row, "created_at", UTC)
    except RowError:
        return None


def ip(row: Row, column: str) -> str:
    """Return an address in its shortest form. Raises RowError."""
    given = row.get(column)
    found = _address(given) if isinstance(given, str) else None
    if found is None:
        raise RowError(f"{column} is no IP address")
    return found


@lru_cache(maxsize=10_000)
def _address(given: str) -> str | None:
    try:
        return address("ip", given)
    except ParameterError:
        return None


def one_of(row: Row, column: str, known: Mapping[str, T], default: str = "") -> T:
    """Return what a text stands for; without one, what *default* does. Raises RowError."""
    found = known.get(optional_text(row, column) or default)
    if found is None:
        raise RowError(f"{column} is none of {', '.join(known)}")
    return found
