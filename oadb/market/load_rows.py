"""Loads of instruments: their results and their records."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from oadb.market.left_out import LeftOut

LoadOutcome = Literal["started", "loaded", "failed"]
"""How a load ended; started: it runs, or its process died."""


@dataclass(frozen=True, slots=True)
class LoadChange:
    """The number of instruments of an exchange and type that a load adds, changes and removes.

    *vanished* are those that have not expired, and are gone or have another expiry or strike.
    """

    exchange: str
    instrument_type: str
    added: int
    changed: int
    removed: int
    vanished: int


@dataclass(frozen=True, slots=True)
class LoadReport:
    """The result of a load, or of a preview, whose *load_id* has no record.

    Attributes:
        rows: the number of rows of the source; *accepted* of them are in the new set.
        rejected: rows that are invalid.
        omitted: rows that are not invalid: the broker's file says too little about them, or they
            are of other exchanges than the load.
        duplicates: rows with the symbol or the token of another row.
        changes: the differences for each exchange and type that has some.
        exchanges: the number of instruments of each exchange of the load before and after it.
        objections: why the load would have been refused without ``force``.
    """

    load_id: int
    rows: int
    accepted: int
    rejected: LeftOut
    omitted: LeftOut
    duplicates: LeftOut
    changes: tuple[LoadChange, ...]
    exchanges: dict[str, tuple[int, int]]
    objections: tuple[str, ...]

    @property
    def inserted(self) -> int:
        """Number of new instruments."""
        return sum(each.added for each in self.changes)

    @property
    def updated(self) -> int:
        """Number of instruments that were changed."""
        return sum(each.changed for each in self.changes)

    @property
    def deleted(self) -> int:
        """Number of instruments that were removed."""
        return sum(each.removed for each in self.changes)

    @property
    def unchanged(self) -> int:
        """Number of accepted rows that the table already held unchanged."""
        return self.accepted - self.inserted - self.updated

    def counts(self) -> dict[str, object]:
        """Return how many instruments the load wrote, for its record."""
        return {"inserted": self.inserted, "updated": self.updated, "deleted": self.deleted}

    def __str__(self) -> str:
        """Return the numbers in one line."""
        omitted = f", {self.omitted.rows:,} omitted" if self.omitted.rows else ""
        return (
            f"{self.accepted:,} of {self.rows:,} rows accepted ({self.inserted:,} new, "
            f"{self.updated:,} changed, {self.deleted:,} gone), {self.rejected.rows:,} rejected, "
            f"{self.duplicates.rows:,} duplicates{omitted}"
        )


@dataclass(frozen=True, slots=True)
class InstrumentLoad:
    """The record of a load; ``left_out`` is a sample of the rows that were not loaded.

    *downloaded_at* is when the broker's own list was downloaded that the load brought; None: it is
    not known, or the load has not succeeded.
    """

    load_id: int
    broker: str
    source: str
    checksum: bytes | None
    outcome: LoadOutcome
    reason: str | None
    started_at: datetime
    ended_at: datetime | None
    downloaded_at: datetime | None
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
class ExchangeStatus:
    """How old the instruments of an exchange are.

    *downloaded_at* is when the list was downloaded that a load brought last; None: not known.
    """

    exchange: str
    downloaded_at: datetime | None
    is_due: bool


@dataclass(frozen=True, slots=True)
class Held:
    """The number of instruments of an exchange and type that are listed.

    *lasting* have no expiry, or one after today; *contracts* have one.
    """

    exchange: str
    instrument_type: str
    instruments: int
    lasting: int
    contracts: int
