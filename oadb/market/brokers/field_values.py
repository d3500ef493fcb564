"""What stands in one field: numbers, dates and names, as text that PostgreSQL reads.

The same few thousand texts fill the 180,000 rows of a file, so each is understood once.
"""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

from oadb.errors import RowError
from oadb.validation.time_zones import INDIA

T = TypeVar("T")
K = TypeVar("K")

# A file has a few thousand different strikes; one that has more is not to fill the memory.
_REMEMBERED = 1 << 16

RUPEE = "1"
PAISA = "0.01"

# Before or after the decimal point; what is longer is no price, and too long to write out.
_MOST_DIGITS = 20

_LARGEST_LOT = 2**63 - 1

# Not of the locale.
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

# What the brokers write: 2025-07-31, with or without a time; 31JUL2025, also with hyphens;
# seconds or milliseconds since 1970.
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[ T]\d\d:\d\d(?::\d\d)?)?", re.ASCII)
_NAMED = re.compile(r"(\d\d)-?([A-Z]{3})-?(\d{4})", re.ASCII)
_SECONDS = re.compile(r"(\d{9,10})(?:\.0+)?", re.ASCII)
_MILLISECONDS = re.compile(r"(\d{9,10})\d{3}(?:\.0+)?", re.ASCII)

_NUMBER = re.compile(r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"(\d{1,19})(?:\.0*)?", re.ASCII)

# Indices that the platform calls by another name than their exchange, written without spaces.
_INDEX_SYMBOLS = {
    "NIFTY50": "NIFTY",
    "NIFTYBANK": "BANKNIFTY",
    "NIFTYFINSERVICE": "FINNIFTY",
    "NIFTYMIDSELECT": "MIDCPNIFTY",
    "NIFTYNEXT50": "NIFTYNXT50",
    "SNSX50": "SENSEX50",
}


class Known(dict[K, T]):
    """What keys stand for, understood once each; raises what *convert* raises.

    A dict, as it is asked five times for each of 180,000 rows.
    """

    def __init__(self, convert: Callable[[K], T]) -> None:
        super().__init__()
        self._convert = convert

    def __missing__(self, key: K) -> T:
        """Understand a key for the first time."""
        if len(self) >= _REMEMBERED:
            self.clear()
        value = self[key] = self._convert(key)
        return value


def known(column: str | None, convert: Callable[[str], T], expected: str) -> Known[str, T]:
    """Return the texts of a *column*; one that *convert* refuses raises RowError."""

    def understand(text: str) -> T:
        try:
            return convert(text)
        except (ValueError, ArithmeticError):
            raise RowError(f"{column} is {text[:40]!r}; expected {expected}") from None

    return Known(understand)


def number(text: str, unit: str = RUPEE) -> str:
    """Return a number from 0, in *unit*, written out without zeros that say nothing.

    Raises ValueError or ArithmeticError if it is none, or of a size that no price has.
    """
    if len(text) > _MOST_DIGITS + 8 or not _NUMBER.fullmatch(text):
        raise ValueError
    value = (Decimal(text) * Decimal(unit)).normalize()
    if abs(value.adjusted()) > _MOST_DIGITS:
        raise ValueError
    return f"{value:f}"


def positive(text: str, unit: str = RUPEE) -> str:
    """Return a number as above, but not 0."""
    found = number(text, unit)
    if found == "0":
        raise ValueError
    return found


def whole_number(text: str) -> str:
    """Return a whole number from 0. Raises ValueError if it is none that a bigint holds."""
    match = _WHOLE.fullmatch(text)
    if match is None or int(match[1]) > _LARGEST_LOT:
        raise ValueError
    return str(int(match[1]))


def expiry(text: str) -> tuple[str, str]:
    """Return a date of this century as 2025-07-31 and as symbols have it, 31JUL25.

    Raises ValueError if it is none.
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


def index_symbol(name: str) -> str:
    """Return the symbol of an index: in capitals, without spaces, as the platform calls it."""
    compact = name.upper().replace(" ", "").replace("-", "")
    return _INDEX_SYMBOLS.get(compact, compact)
