"""Values of single fields: numbers, dates and names, as text that PostgreSQL reads.

A file of 180,000 rows has only a few thousand distinct texts, so each is converted once.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

from oadb.errors import RowError
from oadb.validation.time_zones import INDIA

T = TypeVar("T")
K = TypeVar("K")

# Bounds the memory; a broker's file has a few thousand distinct strikes.
_MOST_CACHED = 1 << 16

RUPEE = "1"
PAISA = "0.01"

# Before or after the decimal point; a longer number is not a price, and too long to write out.
_MOST_DIGITS = 20

_LARGEST_LOT = 2**63 - 1

# Characters of a text that an error shows.
_CITED = 40

# Independent of the locale.
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

# Dates as brokers write them: 2025-07-31, with or without a time; 31JUL2025 or 31-JUL-2025;
# seconds or milliseconds since 1970.
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[ T]\d\d:\d\d(?::\d\d)?)?", re.ASCII)
_NAMED = re.compile(r"(\d\d)-?([A-Z]{3})-?(\d{4})", re.ASCII)
_SECONDS = re.compile(r"(\d{9,10})(?:\.0+)?", re.ASCII)
_MILLISECONDS = re.compile(r"(\d{9,10})\d{3}(?:\.0+)?", re.ASCII)

_NUMBER = re.compile(r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"(\d{1,19})(?:\.0*)?", re.ASCII)

_UNDERLYING = re.compile(r"[A-Z0-9&_.-]+", re.ASCII)


class EmptyFieldError(RowError):
    """A row has nothing in a column that it needs."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column


class OmittedRowError(RowError):
    """A row is not wrong, but its file says too little about it; the text names a file with more.

    Such rows do not count as invalid when a load is judged.
    """


class ConversionCache(dict[K, T]):
    """Converted values by key; a missing key is converted when it is looked up.

    It is a dict for speed: a load looks up five values for each of 180,000 rows. A lookup raises
    what *convert* raises.
    """

    def __init__(self, convert: Callable[[K], T]) -> None:
        super().__init__()
        self._convert = convert

    def __missing__(self, key: K) -> T:
        """Convert a key and keep the value."""
        if len(self) >= _MOST_CACHED:
            self.clear()
        value = self[key] = self._convert(key)
        return value


def cited(text: str) -> str:
    """Return the begin of a text of a file as an error shows it."""
    return repr(text[:_CITED])


def cache_of_column(
    column: str, convert: Callable[[str], T], expected: str
) -> ConversionCache[str, T]:
    """Return a cache for the texts of a column.

    Args:
        convert: raises ValueError or ArithmeticError for an invalid text.
        expected: what the column should hold, for the error.

    Raises:
        RowError: when an invalid text is looked up in the cache.
        EmptyFieldError: the same, if the text is empty.
    """

    def convert_or_reject(text: str) -> T:
        try:
            return convert(text)
        except (ValueError, ArithmeticError):
            reason = f"{column} is {cited(text)}; expected {expected}"
            raise (RowError(reason) if text else EmptyFieldError(column, reason)) from None

    return ConversionCache(convert_or_reject)


def number(text: str, unit: str = RUPEE) -> str:
    """Multiply *text*, a number from 0, by *unit*; no exponent, no trailing zeros.

    Raises:
        ValueError: *text* is not a number, or too large or small for a price.
        ArithmeticError: *text* is out of the range of Decimal.
    """
    if len(text) > _MOST_DIGITS + 8 or not _NUMBER.fullmatch(text):
        raise ValueError
    value = (Decimal(text) * Decimal(unit)).normalize()
    if abs(value.adjusted()) > _MOST_DIGITS:
        raise ValueError
    return f"{value:f}"


def positive(text: str, unit: str = RUPEE) -> str:
    """Return a number above 0, otherwise as ``number``.

    Raises:
        ValueError: as in ``number``, or 0.
        ArithmeticError: as in ``number``.
    """
    found = number(text, unit)
    if found == "0":
        raise ValueError
    return found


def whole_number(text: str) -> str:
    """Return a whole number from 0 without leading zeros, a fraction of 0 or an exponent.

    Raises:
        ValueError: *text* is not a whole number from 0, or does not fit a bigint.
        ArithmeticError: *text* is out of the range of Decimal.
    """
    match = _WHOLE.fullmatch(text) or _WHOLE.fullmatch(number(text))
    if match is None or int(match[1]) > _LARGEST_LOT:
        raise ValueError
    return str(int(match[1]))


def expiry(text: str) -> tuple[str, str]:
    """Return a date as 2025-07-31, and as in symbols, 31JUL25.

    Raises:
        ValueError: *text* is not a date of the 21st century.
    """
    day = _date(text)
    if day.year // 100 != 20:
        raise ValueError
    return day.isoformat(), f"{day:%d}{MONTHS[day.month - 1]}{day:%y}"


def _date(text: str) -> date:
    if match := _ISO.fullmatch(text):
        return date(int(match[1]), int(match[2]), int(match[3]))
    if match := _NAMED.fullmatch(text.upper()):
        return date(int(match[3]), MONTHS.index(match[2]) + 1, int(match[1]))
    if match := _SECONDS.fullmatch(text) or _MILLISECONDS.fullmatch(text):
        return datetime.fromtimestamp(int(match[1]), INDIA).date()
    raise ValueError


def has_invisible(text: str) -> bool:
    """Return whether a text has a character without a shape, such as a zero-width space."""
    return not text.isascii() and any(unicodedata.category(each) == "Cf" for each in text)


def underlying(text: str) -> str:
    """Return an underlying as in symbols: upper case, without spaces and invisible characters.

    Raises:
        ValueError: nothing is left, or another character than letters, digits and ``&_.-``.
    """
    shown = (each for each in text.upper() if not each.isspace())
    cleaned = "".join(each for each in shown if not has_invisible(each))
    if not _UNDERLYING.fullmatch(cleaned):
        raise ValueError
    return cleaned


def root_before_date(symbol: str, expiry: str, strike: str, kind: str) -> str:
    """Return the underlying of a derivative: what comes before the expiry in the broker's symbol.

    Args:
        symbol: it ends with the expiry, the strike and the type. The expiry is 25AUG for a month,
            25807 (in October 25O09) for a day, or 07AUG25.
        expiry: as 2025-08-07.

    Raises:
        RowError: the symbol has another expiry, strike or type.
    """
    day = date.fromisoformat(expiry)
    month = MONTHS[day.month - 1]
    short = f"{day:%y}{day.month if day.month < 10 else month[0]}{day:%d}"
    for date_text in (f"{day:%d}{month}{day:%y}", f"{day:%y}{month}", short):
        root = symbol.removesuffix(f"{date_text}{strike}{kind}")
        if root != symbol:
            return root
    raise RowError(
        f"the symbol is {cited(symbol)}; expected {short} or {day:%y}{month} in it, and "
        f"{strike}{kind} at its end"
    )
