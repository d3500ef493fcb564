"""Loads of instruments: each replaces the set of a broker as a whole, in one transaction.

A load that would drop rows by accident (an empty file, or one without half of an exchange) is
refused. A hint on CHANNEL follows its commit.
"""

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import asdict
from datetime import time, timedelta
from pathlib import Path

import psycopg

from oadb.engine.binding.operations import operation
from oadb.engine.binding.pages import Limit, Page
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.errors import Error, LoadError, ParameterError
from oadb.market import brokers
from oadb.market.brokers import files
from oadb.market.instruments import LONGEST_TEXT, InstrumentRow, count_by_exchange
from oadb.market.intake import Intake, require_no_shrinking
from oadb.market.load_rows import InstrumentLoad, LoadOutcome, LoadReport, LoadStatus, Merged
from oadb.validation.argument_rules import TimeZone
from oadb.validation.said_texts import explained_error, without_secrets

__all__ = [
    "CHANNEL",
    "SHRINK_LIMIT",
    "InstrumentLoad",
    "LoadOutcome",
    "LoadReport",
    "LoadStatus",
    "get_status",
    "is_due",
    "list_recent",
    "load",
    "load_file",
]

query = queries(__name__)

CHANNEL = "oadb_instruments"
"""The channel of hints that a load has ended; they have no content."""

SHRINK_LIMIT = 0.5
"""The part of an exchange's instruments that a load may remove without ``force``."""

# New instruments above this part of the listed ones make the statistics of the planner stale.
_STALE_PART = 0.1

# As in allow_time, and 2 s for the answer.
LONGEST = timedelta(minutes=10, seconds=2)

_LONGEST_REASON, _LONGEST_NAME = 1000, 255


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
def list_recent(
    broker: str, *, cursor: str | None = None, limit: Limit = 20
) -> Page[InstrumentLoad]:
    """List the loads of a broker, newest first."""
    ...


@query
def get_status(broker: str) -> LoadStatus | None:
    """Return the state of a broker's last load; None if there never was one."""
    ...


@query
def _is_due(broker: str, cutoff: time, time_zone: str) -> bool: ...


query.complete()


@operation
async def is_due(
    db: AsyncExecutor,
    broker: str,
    *,
    cutoff: time = time(8),
    time_zone: TimeZone = "Asia/Kolkata",
) -> bool:
    """Find out whether a broker's instruments are to be loaded again.

    Args:
        cutoff: time of day from which on the load of the day before is out of date.

    Returns:
        Whether no load of *broker* has succeeded since the last *cutoff* in *time_zone*.

    Raises:
        ParameterError: *time_zone* is not a name in the IANA time zone database.
    """
    return await _is_due(db, broker, cutoff, time_zone)


@operation
async def load(
    db: AsyncExecutor,
    broker: str,
    rows: Iterable[InstrumentRow],
    *,
    source: str = "rows",
    checksum: bytes | None = None,
    exchanges: Collection[str] | None = None,
    shrink_limit: float = SHRINK_LIMIT,
    force: bool = False,
) -> LoadReport:
    """Replace the instruments of *broker* on *exchanges* by *rows*, all or nothing.

    Invalid rows and duplicates are left out (see ``intake``). Only differences are written. A load
    that fails changes nothing, and its record has the reason.

    Args:
        rows: iterated once; an error of the iterator is raised unchanged.
        checksum: SHA-256 of *source*, for the record.
        exchanges: the exchanges to replace; None: those of *rows*. Others stay as they are.
        shrink_limit: the part of an exchange's instruments, 0 to 1, that the load may remove;
            with *force* it may remove all.

    Returns:
        The number of rows written, and the rows left out with reasons.

    Raises:
        LoadError: no row is valid, an exchange would lose more than *shrink_limit*, or another
            load of *broker* is running.
        ParameterError: *broker* is blank or exceeds 200 characters, *exchanges* is a str, or
            *shrink_limit* is out of range; no record is written.
    """
    _require_valid(broker, exchanges, shrink_limit)
    load_id = await _start_load(db, broker, without_secrets(source, _LONGEST_NAME), checksum)
    intake = Intake(broker, exchanges)
    try:
        async with db.transaction() as tx:
            return await _replace(tx, load_id, intake, rows, 1 if force else shrink_limit)
    except Exception as error:
        reason = explained_error(error, _LONGEST_REASON)
        with suppress(Error, psycopg.Error):  # the error of the load is more helpful
            await _end_load(db, load_id, reason, intake.counts(), {}, intake.left_out())
        raise


@operation
async def load_file(
    db: AsyncExecutor,
    broker: str,
    path: Path,
    *,
    exchanges: Collection[str] | None = None,
    shrink_limit: float = SHRINK_LIMIT,
    force: bool = False,
) -> LoadReport:
    """Replace the instruments of *broker* by those of its file; see ``load``.

    Args:
        broker: one of ``brokers.READERS``.
        path: the file, plain or gzip; its name and its SHA-256 are recorded.

    Returns:
        The number of rows written, and the rows left out with reasons.

    Raises:
        LoadError: as in ``load``; or there is no reader for *broker*, or the file is not one of
            its files.
        ParameterError: as in ``load``.
    """
    return await load(
        db,
        broker,
        brokers.read(broker, path),
        source=path.name,
        checksum=files.checksum(path),
        exchanges=exchanges,
        shrink_limit=shrink_limit,
        force=force,
    )


def _require_valid(broker: str, exchanges: Collection[str] | None, shrink_limit: float) -> None:
    if not broker.strip() or len(broker) > LONGEST_TEXT:
        raise ParameterError(f"loads.load: broker is blank or exceeds {LONGEST_TEXT} characters")
    if isinstance(exchanges, str):  # which is a collection of characters
        raise ParameterError("loads.load: exchanges is a str; expected a list")
    if not 0 <= shrink_limit <= 1:
        raise ParameterError(f"loads.load: shrink_limit is {shrink_limit}; expected 0 to 1")


async def _replace(
    tx: AsyncExecutor,
    load_id: int,
    intake: Intake,
    rows: Iterable[InstrumentRow],
    shrink_limit: float,
) -> LoadReport:
    broker = intake.broker
    if not await _claim_load(tx, broker):
        raise LoadError(f"another load of {broker} is in progress; try again when it has ended")
    await allow_time(tx)
    tx.allow(LONGEST)
    await _stage(tx, intake.accept(rows))
    intake.require_any()
    if intake.superseded:
        await _unstage(tx, broker, [*intake.superseded])
    listed = {each.exchange: each.instruments for each in await count_by_exchange(tx, broker)}
    sizes = {
        exchange: (listed.get(exchange, 0), accepted)
        for exchange, accepted in intake.accepted_by_exchange().items()
    }
    require_no_shrinking(sizes, shrink_limit)
    merged = await _merge_staged(tx, broker, intake.exchanges)
    await _clear_staged(tx, broker)
    if merged.inserted or merged.updated:
        await _merge_search_entries(tx)
    if merged.inserted > sum(listed.values()) * _STALE_PART:
        await _refresh_statistics(tx)
    tx.hint(CHANNEL)
    report = _report(load_id, intake, merged, sizes)
    counts, exchanges = intake.counts() | asdict(merged), dict[str, object](report.exchanges)
    await _end_load(tx, load_id, None, counts, exchanges, intake.left_out())
    return report


def _report(
    load_id: int, intake: Intake, merged: Merged, sizes: dict[str, tuple[int, int]]
) -> LoadReport:
    return LoadReport(
        load_id=load_id,
        rows=intake.rows,
        accepted=intake.accepted,
        inserted=merged.inserted,
        updated=merged.updated,
        deleted=merged.deleted,
        rejected=tuple(intake.rejected),
        duplicates=(*intake.duplicate_symbols, *intake.duplicate_tokens),
        exchanges=sizes,
    )
