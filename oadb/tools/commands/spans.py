"""Durations as the command line takes them: 90s, 15m, 24h, 7d, 1h30m."""

import re
from dataclasses import dataclass
from datetime import timedelta

import typer

_UNITS = ("weeks", "days", "hours", "minutes", "seconds")
_SPAN = re.compile("".join(f"(?:([0-9]{{1,7}}){unit[0]})?" for unit in _UNITS))
_LONGEST = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class Span:
    """A duration above 0, and the text that it was given as."""

    length: timedelta
    text: str

    def __str__(self) -> str:
        """Return it as it was given."""
        return self.text


def parse(given: object) -> Span:
    """Read whole numbers with the units w, d, h, m and s, the largest unit first.

    Raises:
        BadParameter: not a duration, 0, or longer than 100 years.
    """
    text = str(given)
    found = _SPAN.fullmatch(text)
    numbers = [int(number or 0) for number in found.groups()] if found else []
    length = timedelta(**dict(zip(_UNITS, numbers, strict=False)))
    if not timedelta() < length <= _LONGEST:
        raise typer.BadParameter(
            f"{text[:40]!r} is not a duration of at most 100 years; "
            "give numbers with units, the largest first, such as 60s, 24h, 1h30m or 7d"
        )
    return Span(length, text)
