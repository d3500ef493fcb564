"""Counts the rows that a load leaves out: by reason and by exchange, with a sample.

A file of any length needs the same memory: what is kept has a fixed number of entries.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from oadb.engine.binding.sendable_texts import readable, unsendable

MOST_IN_SAMPLE = 100
"""Maximum number of rows in a sample: the first ones of the source."""

_MOST_REASONS, _MOST_EXCHANGES, _LONGEST = 50, 100, 200
_OTHER_REASONS = "other reasons"

# The values of a row in a reason: quoted ones, a number that it "is" or "has", and places.
_VALUE = re.compile(
    r"'(?:[^'\\]|\\.)*'?|\"(?:[^\"\\]|\\.)*\"?"
    r"|(?<=\bis )[^\s;']+(?=;)|(?<=\brow )\d+|(?<=\bhas )\d+|^\d+(?= )"
)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was not loaded: its place in the source, the reason, and how it begins.

    *exchange* is empty if it is not known. *omitted*: the row is not wrong, but its source says too
    little about it, or the load is for other exchanges.
    """

    where: str
    reason: str
    sample: str = ""
    exchange: str = ""
    omitted: bool = False

    def __str__(self) -> str:
        """Return the place and the reason, as a compiler would: ``file.csv:3: reason``."""
        return f"{self.where}: {self.reason}"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Rows that a load left out in one way: how many, how many for each reason, and a sample.

    A reason has ``…`` in place of the values of a row. The rows of all but 50 reasons are counted
    as "other reasons". The sample has the first rows, at most 200.
    """

    rows: int
    reasons: Mapping[str, int]
    sample: tuple[Rejected, ...]


@dataclass(slots=True)
class Tally:
    """Counts rows that are left out in one way."""

    rows: int = 0
    reasons: dict[str, int] = field(default_factory=dict[str, int])
    by_exchange: dict[str, int] = field(default_factory=dict[str, int])
    sample: list[Rejected] = field(default_factory=list[Rejected])

    def add(self, row: Rejected) -> None:
        """Count a row."""
        self.rows += 1
        if len(self.sample) < MOST_IN_SAMPLE:
            self.sample.append(row)
        _count(self.reasons, _kind_of(row.reason[:_LONGEST]), _MOST_REASONS, _OTHER_REASONS)
        exchange = row.exchange
        if exchange and len(exchange) <= _LONGEST and unsendable(exchange) is None:
            _count(self.by_exchange, exchange, _MOST_EXCHANGES, None)

    def left_out(self) -> LeftOut:
        """Return what was counted."""
        return LeftOut(self.rows, dict(self.reasons), tuple(self.sample))

    def most_frequent(self) -> str:
        """Return the reason of most rows; there must be one."""
        return max(self.reasons, key=self.reasons.__getitem__)


def merged(*tallies: Tally) -> LeftOut:
    """Return what several tallies counted, as one."""
    sample = tuple(row for tally in tallies for row in tally.sample)
    return LeftOut(sum(tally.rows for tally in tallies), merged_reasons(*tallies), sample)


def merged_reasons(*tallies: Tally) -> dict[str, int]:
    """Return how many rows several tallies counted for each reason."""
    reasons: dict[str, int] = {}
    for tally in tallies:
        for reason, rows in tally.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + rows
    return reasons


def _count(counts: dict[str, int], key: str, most: int, other: str | None) -> None:
    """Count a key; if there are too many, count it as *other*."""
    if key in counts or len(counts) < most:
        counts[key] = counts.get(key, 0) + 1
    elif other is not None:
        counts[other] = counts.get(other, 0) + 1


@lru_cache(maxsize=1024)
def _kind_of(reason: str) -> str:
    """Return a reason without the values of its row, as PostgreSQL can store it."""
    return readable(_VALUE.sub("…", reason), _LONGEST)
