"""Loads of instruments: each replaces the set of a broker as a whole, in one transaction.

A load that loses what an exchange held, for which its source is more likely wrong than right, is
refused: see LoadLimits. A hint on CHANNEL follows the commit of a load.
"""

from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime, time
from pathlib import Path
from typing import NoReturn

import psycopg

from oadb.engine.binding.operations import operation
from oadb.engine.binding.pages import Limit, Page
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.values import UNSET, Unset
from oadb.engine.executors import AsyncExecutor
from oadb.errors import Error
from oadb.market import brokers, staging
from oadb.market.brokers import files
from oadb.market.instruments import InstrumentRow
from oadb.market.intake import Intake
from oadb.market.left_out import LeftOut
from oadb.market.load_guards import Guard, LoadLimits, require_valid
from oadb.market.load_rows import (
    ExchangeStatus,
    InstrumentLoad,
    LoadChange,
    LoadOutcome,
    LoadReport,
    LoadStatus,
)
from oadb.validation.argument_rules import Duration, Positive, TimeZone
from oadb.validation.said_texts import explained_error, without_secrets

__all__ = [
    "CHANNEL",
    "ExchangeStatus",
    "InstrumentLoad",
    "LeftOut",
    "LoadChange",
    "LoadLimits",
    "LoadOutcome",
    "LoadReport",
    "LoadStatus",
    "delete_old",
    "get_status",
    "is_due",
    "list_exchange_status",
    "list_recent",
    "load",
    "load_file",
    "preview",
]

query = queries(__name__)

CHANNEL = "oadb_instruments"
"""The channel of hints that a load has ended; they have no content."""

_LIMITS, _CUTOFF = LoadLimits(), time(8)

_LONGEST_REASON, _LONGEST_NAME = 1000, 255


@query
def _start_load(broker: str, source: str, checksum: bytes | None) -> int: ...


@query
def _end_load(
    load_id: int,
    reason: str | None,
    downloaded_at: datetime | Unset | None,
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
def _list_exchange_status(broker: str, cutoff: time, time_zone: str) -> list[ExchangeStatus]: ...


@query
def delete_old(*, older_than: Duration, batch: Positive = 1000) -> Affected:
    """Delete at most *batch* records of loads that are older; return how many.

    The last successful load of each broker stays, with those after it.
    """
    ...


query.complete()


@operation
async def list_exchange_status(
    db: AsyncExecutor,
    broker: str,
    *,
    cutoff: time = _CUTOFF,
    time_zone: TimeZone = "Asia/Kolkata",
) -> list[ExchangeStatus]:
    """Find out how old the instruments of each exchange are.

    Args:
        cutoff: time of day from which on the list of the day before is out of date.

    Returns:
        The exchanges on which *broker* lists instruments, in order; see ``is_due``.

    Raises:
        ParameterError: *time_zone* is not a name in the IANA time zone database.
    """
    return await _list_exchange_status(db, broker, cutoff, time_zone)


@operation
async def is_due(
    db: AsyncExecutor,
    broker: str,
    *,
    exchange: str | None = None,
    cutoff: time = _CUTOFF,
    time_zone: TimeZone = "Asia/Kolkata",
) -> bool:
    """Find out whether a broker's instruments are to be loaded again.

    A load of which it is not known when its list was downloaded does not count.

    Args:
        exchange: the one that is asked about; None: all on which *broker* lists instruments.
        cutoff: time of day from which on the list of the day before is out of date.

    Returns:
        Whether the list of one of these exchanges was not downloaded since the last *cutoff* in
        *time_zone*, or there is none.

    Raises:
        ParameterError: *time_zone* is not a name in the IANA time zone database.
    """
    found = await _list_exchange_status(db, broker, cutoff, time_zone)
    asked = [each for each in found if exchange in {None, each.exchange}]
    return not asked or any(each.is_due for each in asked)


class _PreviewedError(Exception):
    """Rolls the transaction of a preview back, and brings its report out of it."""

    def __init__(self, report: LoadReport) -> None:
        super().__init__()
        self.report = report


@operation
async def load(
    db: AsyncExecutor,
    broker: str,
    rows: Iterable[InstrumentRow],
    *,
    source: str = "rows",
    checksum: bytes | None = None,
    downloaded_at: datetime | Unset | None = UNSET,
    exchanges: Collection[str] | None = None,
    limits: LoadLimits = _LIMITS,
    force: bool = False,
) -> LoadReport:
    """Replace the instruments of *broker* on *exchanges* by *rows*, all or nothing.

    Invalid rows and duplicates are left out (see ``intake``). Only differences are written. A load
    that fails changes nothing, and its record has the reason.

    Args:
        rows: iterated once; an error of the iterator is raised unchanged. Those of ``brokers.read``
            also say which exchanges must be among them.
        checksum: SHA-256 of *source*, for the record.
        downloaded_at: when *source* was downloaded from the broker, for ``is_due``; None: it is not
            known. Left out: now.
        exchanges: the exchanges to replace; None: those of *rows*. Others stay as they are.
        force: load the rows whatever the limits say, but for a set without a valid row.

    Returns:
        The number of rows written, and the rows left out with reasons.

    Raises:
        LoadError: no row is valid, the load would exceed *limits*, or another load of *broker* is
            running.
        ParameterError: *broker* is blank or exceeds 200 characters, or *exchanges* is a str; no
            record is written.
    """
    require_valid(broker, exchanges)
    load_id = await _start_load(db, broker, without_secrets(source, _LONGEST_NAME), checksum)
    intake, guard = Intake(broker, exchanges), Guard(limits, brokers.together(rows), force=force)
    are_dropped = False
    try:
        are_dropped = await staging.defer(db, rows)
        async with db.transaction() as tx:
            await staging.stage(tx, intake, rows)
            await staging.hold_search_indexes(tx)
            report = await staging.compare(tx, load_id, intake, guard)
            await staging.tidy(tx, broker, report)
            tx.hint(CHANNEL)
            counts, sizes = intake.counts() | report.counts(), dict[str, object](report.exchanges)
            await _end_load(tx, load_id, None, downloaded_at, counts, sizes, intake.left_out())
    except Exception as error:
        reason = explained_error(error, _LONGEST_REASON)
        with suppress(Error, psycopg.Error):  # the error of the load is more helpful
            if are_dropped:
                await staging.merge_search_entries(db)
            counts = intake.counts()
            await _end_load(db, load_id, reason, None, counts, {}, intake.left_out())
        raise
    return report


@operation
async def preview(
    db: AsyncExecutor,
    broker: str,
    rows: Iterable[InstrumentRow],
    *,
    exchanges: Collection[str] | None = None,
    limits: LoadLimits = _LIMITS,
) -> LoadReport:
    """Compare *rows* with the instruments of *broker* as ``load`` does, and write nothing.

    Returns:
        What the load would write; *objections* says why it would be refused.

    Raises:
        LoadError: no row is valid, or a load of *broker* is running.
        ParameterError: as in ``load``.
    """
    require_valid(broker, exchanges)
    intake, guard = Intake(broker, exchanges), Guard(limits, brokers.together(rows), writes=False)
    try:
        async with db.transaction() as tx:
            load_id = await _start_load(tx, broker, "preview", None)
            await staging.stage(tx, intake, rows)
            _roll_back(await staging.compare(tx, load_id, intake, guard))
    except _PreviewedError as done:
        return done.report


@operation
async def load_file(
    db: AsyncExecutor,
    broker: str,
    path: Path,
    *,
    exchanges: Collection[str] | None = None,
    limits: LoadLimits = _LIMITS,
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
        limits=limits,
        force=force,
    )


def _roll_back(report: LoadReport) -> NoReturn:
    raise _PreviewedError(report)
