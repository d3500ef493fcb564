"""Loads of instruments: a broker's set replaced as a whole.

A load is all or nothing: readers see the old set until it commits, and the new one from then on.
What it would lose by accident (an empty file, one that lacks half of an exchange) is refused.
Listeners on CHANNEL hear the name of the broker.
"""

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, time
from typing import Literal

import psycopg

from oadb.changes import announcements
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.values import readable
from oadb.engine.executors import AsyncExecutor
from oadb.errors import Error, LoadError, ParameterError
from oadb.market.instruments import LONGEST_TEXT, Rejected, Row, count_by_exchange
from oadb.market.intake import Intake
from oadb.validation import time_zones

query = queries(__name__)

CHANNEL = "oadb_instruments"

SHRINK_LIMIT = 0.5
"""Share of an exchange's instruments that a load may take away without ``force``."""

# Share of what is listed from which on new instruments change what plans are made of.
_MANY = 0.1

_LONGEST_REASON = 1000

Outcome = Literal["started", "loaded", "failed"]


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What became of the rows of a load, and of the instruments that were there before.

    ``exchanges`` tells how many instruments each exchange had before and after.
    """

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
        """Rows that the table already held as they are."""
        return self.accepted - self.inserted - self.updated

    def __str__(self) -> str:
        """Return it as one line."""
        return (
            f"{self.accepted:,} of {self.rows:,} rows accepted ({self.inserted:,} new, "
            f"{self.updated:,} changed, {self.deleted:,} gone), {len(self.rejected):,} rejected, "
            f"{len(self.duplicates):,} duplicates"
        )


@dataclass(frozen=True, slots=True)
class Load:
    """The record of a load; ``left_out`` is a sample of the rows that it did not take."""

    load_id: int
    broker: str
    source: str
    checksum: bytes | None
    outcome: str
    reason: str | None
    started_at: datetime
    ended_at: datetime | None
    counts: dict[str, object]
    exchanges: dict[str, object]
    left_out: list[str]


@dataclass(frozen=True, slots=True)
class LoadStatus:
    """How the last load of a broker went; ``loaded_at`` is when one last succeeded."""

    load_id: int
    outcome: str
    reason: str | None
    started_at: datetime
    loaded_at: datetime | None
    is_running: bool


@dataclass(frozen=True, slots=True)
class Merged:
    """How many instruments a merge wrote."""

    inserted: int
    updated: int
    deleted: int


@query
def _start_load(broker: str, source: str, checksum: bytes | None) -> int: ...


@query
def _claim_load(broker: str) -> bool: ...


@query
def allow_time() -> str: ...


@query
def _stage(blocks: Iterable[bytes]) -> Affected: ...


@query
def _unstage(broker: str, positions: list[int]) -> Affected: ...


@query
def _merge_staged(broker: str, exchanges: list[str]) -> Merged: ...


@query
def _merge_search_entries() -> None: ...


@query
def _clear_staged(broker: str) -> Affected: ...


@query
def _refresh_statistics() -> None: ...


@query
def _end_load(
    load_id: int,
    reason: str | None,
    counts: dict[str, object],
    exchanges: dict[str, object],
    left_out: list[str],
) -> Affected: ...


@query
def list_recent(broker: str, page_size: int = 20) -> list[Load]: ...


@query
def get_status(broker: str) -> LoadStatus | None: ...


@query
def _is_due(broker: str, cutoff: time, zone: str) -> bool: ...


query.complete()


@operation
async def is_due(
    db: AsyncExecutor, broker: str, cutoff: time = time(8), zone: str = "Asia/Kolkata"
) -> bool:
    """Say whether nothing of *broker* was loaded since *cutoff* last struck in *zone*.

    Raises ParameterError if *zone* is no name of the IANA time zone database.
    """
    time_zones.require("loads.is_due: zone", zone)
    return await _is_due(db, broker, cutoff, zone)


@operation
async def load(
    db: AsyncExecutor,
    broker: str,
    rows: Iterable[Row],
    *,
    source: str = "rows",
    checksum: bytes | None = None,
    exchanges: Collection[str] | None = None,
    shrink_limit: float = SHRINK_LIMIT,
    force: bool = False,
) -> LoadReport:
    """Make *rows* the instruments of *broker* on *exchanges*, all or none, and report.

    Without *exchanges*, those that occur in *rows*; the broker's other exchanges stay as they are.
    Invalid rows and duplicates are left out and reported (see ``Intake``). Only what differs is
    written. Raises LoadError if no row can be accepted, if an exchange would lose more than
    *shrink_limit* of its instruments (0 to 1; *force* allows it), or if another load of this
    broker is running; what was there stays, and the record says why. Raises ParameterError, and
    leaves no record, for a *broker* of no or more than 200 characters.
    """
    _require_sane(broker, exchanges, shrink_limit)
    load_id = await _start_load(db, broker, source, checksum)
    intake = Intake(broker, exchanges)
    try:
        async with db.transaction() as tx:
            return await _replace(tx, load_id, intake, rows, 1 if force else shrink_limit)
    except Exception as error:
        reason = readable(str(error) or type(error).__name__, _LONGEST_REASON)
        with suppress(Error, psycopg.Error):  # the load's own error says more
            await _end_load(db, load_id, reason, intake.counts(), {}, intake.left_out())
        raise


def _require_sane(broker: str, exchanges: Collection[str] | None, shrink_limit: float) -> None:
    if not broker.strip() or len(broker) > LONGEST_TEXT:
        raise ParameterError(
            f"loads.load: broker is empty or has more than {LONGEST_TEXT} characters"
        )
    if isinstance(exchanges, str):  # a collection of its letters
        raise ParameterError("loads.load: exchanges is one text; expected a list")
    if not 0 <= shrink_limit <= 1:
        raise ParameterError(f"loads.load: shrink_limit is {shrink_limit}; expected 0 to 1")


async def _replace(
    tx: AsyncExecutor,
    load_id: int,
    intake: Intake,
    rows: Iterable[Row],
    shrink_limit: float,
) -> LoadReport:
    broker = intake.broker
    if not await _claim_load(tx, broker):
        raise LoadError(f"another load of {broker} is in progress; try again when it has ended")
    await allow_time(tx)
    await _stage(tx, intake.accept(rows))
    intake.require_any()
    if intake.superseded:
        await _unstage(tx, broker, [*intake.superseded])
    listed = {each.exchange: each.instruments for each in await count_by_exchange(tx, broker)}
    became = {
        exchange: (listed.get(exchange, 0), accepted)
        for exchange, accepted in intake.accepted_by_exchange().items()
    }
    _require_no_shrinking(became, shrink_limit)
    merged = await _merge_staged(tx, broker, intake.exchanges)
    await _clear_staged(tx, broker)
    if merged.inserted or merged.updated:
        await _merge_search_entries(tx)
    if merged.inserted > sum(listed.values()) * _MANY:
        await _refresh_statistics(tx)
    await announcements.notify(tx, CHANNEL, broker)
    report = LoadReport(
        load_id, intake.rows, intake.accepted, merged.inserted, merged.updated, merged.deleted,
        tuple(intake.rejected), (*intake.duplicate_symbols, *intake.duplicate_tokens),
        became,
    )  # fmt: skip
    counts, exchanges = intake.counts() | asdict(merged), dict[str, object](report.exchanges)
    await _end_load(tx, load_id, None, counts, exchanges, intake.left_out())
    return report


def _require_no_shrinking(became: dict[str, tuple[int, int]], limit: float) -> None:
    told = ", ".join(
        f"{exchange} from {before:,} to {after:,}"
        for exchange, (before, after) in became.items()
        if after < before * (1 - limit)
    )
    if told:
        raise LoadError(
            f"instruments would vanish: {told}; more than {limit:.0%} of an exchange. "
            "Look at the source; force the load if it is right"
        )
