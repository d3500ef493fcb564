"""Typed values of the columns of OpenAlgo's rows.

SQLite stores values of any type in any column, such as a number in a text column. A RowError says
what was expected, and never quotes the value, which could be a secret.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from math import isfinite
from typing import TypeVar

from oadb.engine.binding.sendable_texts import readable
from oadb.engine.binding.values import EARLIEST, LATEST
from oadb.errors import RowError
from oadb.importing.openalgo_tables import Row
from oadb.security.addresses import address
from oadb.validation.argument_rules import is_visible
from oadb.validation.said_texts import described, explained

T = TypeVar("T")

_LONGEST = 1000

_TRUE, _FALSE = frozenset({"1", "true", "t"}), frozenset({"0", "false", "f"})


def whole(row: Row, column: str) -> int:
    """Return a whole number.

    Raises:
        RowError: the value is not one.
    """
    value = row.get(column)
    if isinstance(value, int):
        return value
    raise RowError(f"{column} is not a whole number")


def optional_number(row: Row, column: str) -> float | None:
    """Return a number, or None if the column is null or missing.

    Raises:
        RowError: the value is not a finite number.
    """
    value = row.get(column)
    if value is None:
        return None
    if isinstance(value, int | float) and isfinite(value):
        return float(value)
    raise RowError(f"{column} is not a number")


def number(row: Row, column: str) -> float:
    """Return a number.

    Raises:
        RowError: the value is missing, or not a finite number.
    """
    value = optional_number(row, column)
    if value is None:
        raise RowError(f"{column} is missing")
    return value


def optional_text(row: Row, column: str, longest: int = _LONGEST) -> str | None:
    """Return a text, cut to *longest* characters, with what PostgreSQL cannot store escaped.

    Returns:
        The text; None if it is empty, null or missing.

    Raises:
        RowError: the value is neither a text nor a whole number.
    """
    value = row.get(column)
    if type(value) is str and value and len(value) <= longest and value.isprintable():
        return value
    if value is None or value == "":
        return None
    if not isinstance(value, str | int):
        raise RowError(f"{column} is not a text")
    return readable(str(value), longest)


def described_text(row: Row, column: str, longest: int) -> str | None:
    """Return what a client or a person said, without secrets; see ``optional_text``."""
    said = optional_text(row, column, longest)
    return None if said is None else described(said, longest)


def explained_text(row: Row, column: str, longest: int) -> str | None:
    """Return the template of the text of an error; see ``optional_text``."""
    said = optional_text(row, column, longest)
    return None if said is None else explained(said, longest)


def text(row: Row, column: str, longest: int = _LONGEST) -> str:
    """Return a text that is not empty; see ``optional_text``.

    Raises:
        RowError: the value is missing, or not a text.
    """
    value = optional_text(row, column, longest)
    if value is None:
        raise RowError(f"{column} is missing")
    return value


def label(row: Row, column: str) -> str:
    """Return a text that shows something, such as a symbol; see ``optional_text``.

    Raises:
        RowError: the value is missing, blank, or not a text.
    """
    value = text(row, column)
    if not is_visible(value):
        raise RowError(f"{column} is blank")
    return value


def optional_flag(row: Row, column: str) -> bool | None:
    """Return true or false, or None if the column is null or missing.

    Raises:
        RowError: the value is neither true nor false.
    """
    value = row.get(column)
    if value is None:
        return None
    lowered = str(value).lower()
    if lowered not in _TRUE | _FALSE:
        raise RowError(f"{column} is neither true nor false")
    return lowered in _TRUE


def flag(row: Row, column: str) -> bool:
    """Return true or false; false if the column is null or missing.

    Raises:
        RowError: the value is neither true nor false.
    """
    return optional_flag(row, column) or False


def moment(row: Row, column: str, zone: tzinfo) -> datetime:
    """Return a time; one that could not be read back becomes the nearest that can.

    Args:
        zone: the time zone of a value without one.

    Raises:
        RowError: the value is missing, or not a time.
    """
    value = row.get(column)
    if not isinstance(value, str):
        raise RowError(f"{column} is missing, or not a text")
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        pass
    else:
        return min(max(found if found.tzinfo else found.replace(tzinfo=zone), EARLIEST), LATEST)
    raise RowError(f"{column} is not a time such as 2026-11-23 09:15:00")


def created(row: Row) -> datetime | None:
    """Return when a row was created; None if that is unknown."""
    try:
        return moment(row, "created_at", UTC)
    except RowError:
        return None


def ip(row: Row, column: str) -> str:
    """Return an IP address in its shortest form.

    Raises:
        RowError: the value is missing, or not an IP address.
    """
    given = row.get(column)
    found = _address(given) if isinstance(given, str) else None
    if found is None:
        raise RowError(f"{column} is not an IP address")
    return found


@lru_cache(maxsize=10_000)
def _address(given: str) -> str | None:
    try:
        return address(given)
    except ValueError:
        return None


def one_of(row: Row, column: str, known: Mapping[str, T], default: str = "") -> T:
    """Return what *known* has for a text, or for *default* if the text is missing.

    Raises:
        RowError: *known* does not have it.
    """
    found = known.get(optional_text(row, column) or default)
    if found is None:
        raise RowError(f"{column} is not one of {', '.join(known)}")
    return found
