"""Loads of instruments: their results and their records."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from oadb.market.instruments import Rejected

LoadOutcome = Literal["started", "loaded", "failed"]
"""How a load ended; started: it runs, or its process died."""


@dataclass(frozen=True, slots=True)
class LoadReport:
    """The result of a load. ``exchanges`` has the number of instruments before and after."""

    load_id: int
    rows: int
    accepted: int
    inserted: int
    updated: int
    deleted: int
    rejected: tuple[Rejected, ...]
    duplicates: tuple[Rejected, ...]
    exchanges: dict[str, tuple[int, int]]

    @property
    def unchanged(self) -> int:
        """Number of accepted rows that the table already held unchanged."""
        return self.accepted - self.inserted - self.updated

    def __str__(self) -> str:
        """Return the numbers in one line."""
        return (
            f"{self.accepted:,} of {self.rows:,} rows accepted ({self.inserted:,} new, "
            f"{self.updated:,} changed, {self.deleted:,} gone), {len(self.rejected):,} rejected, "
            f"{len(self.duplicates):,} duplicates"
        )


@dataclass(frozen=True, slots=True)
class InstrumentLoad:
    """The record of a load; ``left_out`` is a sample of the rows that were not loaded."""

    load_id: int
    broker: str
    source: str
    checksum: bytes | None
    outcome: LoadOutcome
    reason: str | None
    started_at: datetime
    ended_at: datetime | None
    counts: dict[str, object]
    exchanges: dict[str, object]
    left_out: list[str]


@dataclass(frozen=True, slots=True)
class LoadStatus:
    """The state of a broker's last load; ``loaded_at`` is the end of its last successful one."""

    load_id: int
    outcome: LoadOutcome
    reason: str | None
    started_at: datetime
    loaded_at: datetime | None
    is_running: bool


@dataclass(frozen=True, slots=True)
class Merged:
    """The number of instruments that a merge wrote."""

    inserted: int
    updated: int
    deleted: int
